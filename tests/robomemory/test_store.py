"""The file: what is wrong with it is said, and a failed write changes nothing."""

import os
import shutil
import sqlite3
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from robomemory import (
    HashingEmbedder,
    RoboMemory,
    StoreCorruptError,
    StoreError,
    StoreInUseError,
    StoreVersionError,
)
from robomemory.store.sqlite.integrity import log_bytes


def opened(path, dim=512):
    return RoboMemory(path, embedder=HashingEmbedder(dim))


@pytest.mark.parametrize("reopen", ["file"], indirect=True)
def test_a_second_opener_is_told(memory, path):
    with pytest.raises(StoreInUseError, match="in use"):
        opened(path)


def test_another_embedder_is_told(path):
    opened(path).close()
    with pytest.raises(StoreVersionError, match=r"'hashing-512' \(512.*'hashing-64' \(64\)"):
        opened(path, 64)


def test_another_schema_version_is_told(path):
    opened(path).close()
    with sqlite3.connect(path) as db:
        db.execute("UPDATE schema_version SET version = 99")
    db.close()
    with pytest.raises(StoreVersionError, match="schema version 99, this RoboMemory reads version 6"):
        opened(path)


def test_a_database_of_somebody_else_is_left_alone(path):
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE shopping (item TEXT)")
    db.close()
    with pytest.raises(StoreCorruptError, match="no RoboMemory store"):
        opened(path)


def test_a_file_that_is_no_database(path):
    path.write_text("a shopping list, nothing more, and long enough to be read as a header" * 20)
    with pytest.raises(StoreCorruptError, match=str(path)):
        opened(path)


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.9])
def test_a_torn_file(path, note, cut):
    with opened(path) as memory:
        memory.remember([note("episodic", f"record {i}", i) for i in range(200)])
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * cut)])
    with pytest.raises(StoreCorruptError, match=str(path)):
        opened(path)


def test_a_vector_of_the_wrong_size_names_its_record(path, note):
    with opened(path) as memory:
        memory.remember([note("episodic", "one"), note("episodic", "two")])
    with sqlite3.connect(path) as db:
        db.execute("UPDATE vectors SET vector = x'00000000' WHERE record_id = 2")
    db.close()
    with pytest.raises(StoreCorruptError, match="record 2: vector of 1 numbers, expected 512"):
        opened(path)


def test_missing_folder_and_folder_as_file(tmp_path):
    with pytest.raises(StoreError, match="does not exist"):
        opened(tmp_path / "none" / "scene.sqlite3")
    with pytest.raises(StoreError, match="a folder, expected a file"):
        opened(tmp_path)


def test_a_read_only_file(note):
    root = os.geteuid() == 0
    folder = Path(tempfile.mkdtemp(prefix="robomemory-"))  # not below the runner's own private folder
    try:
        with opened(folder / "scene.sqlite3") as memory:
            memory.remember([note("episodic", "one")])
        (folder / "scene.sqlite3").chmod(0o444)
        folder.chmod(0o555)
        if root:
            os.seteuid(65534)  # root may write everything
        with pytest.raises(StoreError, match="read-only"):
            opened(folder / "scene.sqlite3")
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o755)
        shutil.rmtree(folder)


@pytest.mark.parametrize("reopen", ["file"], indirect=True)
def test_a_full_disk_keeps_nothing_of_the_call_and_harms_nothing(memory, note, reopen):
    memory.remember([note("episodic", "before")])
    memory._store._db.execute("PRAGMA max_page_count = 12")
    many = [note("episodic", f"record {i}") for i in range(500)]
    spot = note("spatial", "mug", 1, "mug", at=(0, 0, 0))
    with pytest.raises(StoreError, match="full"):
        memory.remember([spot, *many])
    assert [r.text for r in memory.records()] == ["before"]
    assert memory.scene().objects == ()
    assert [r.text for r in memory.recall(["record"], k=50)] in ([], ["before"])
    memory._store._db.execute("PRAGMA max_page_count = 100000")
    memory.remember([spot, *many])
    assert len(reopen().records()) == 502


@pytest.mark.parametrize("how", ["delete", "move", "replace"])
def test_a_file_that_is_gone_keeps_nothing_and_says_so(path, note, how):
    """On Linux an open file can be deleted: what is written to it afterwards is kept nowhere."""
    with RoboMemory(path, embedder=HashingEmbedder()) as memory:
        memory.remember([note("episodic", "before")])
        if how == "move":
            path.rename(path.with_name("moved.sqlite3"))
        else:
            path.unlink()
        if how == "replace":
            path.write_bytes(b"something else")
        for call in (
            lambda: memory.remember([note("episodic", "after")]), lambda: memory.forget(everything=True),
            lambda: memory.begin_run(0),
        ):  # fmt: skip
            with pytest.raises(StoreError, match="was deleted, moved or replaced while it was open"):
                call()
        assert [r.text for r in memory.records()] == ["before"]
    assert path.exists() == (how == "replace")


def test_a_relative_path_stays_where_it_was(tmp_path, monkeypatch, note):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(tmp_path)
    with RoboMemory("scene.sqlite3", embedder=HashingEmbedder()) as memory:
        assert memory.where == "scene.sqlite3"
        memory.remember([note("episodic", "one")])
        monkeypatch.chdir(elsewhere)
        memory.remember([note("episodic", "two")])
        with memory._store.snapshot(), ThreadPoolExecutor(8) as pool:  # more readers than there are links
            assert {len(found) for found in pool.map(lambda _: memory.records(), range(40))} == {2}
        assert memory.status().size_bytes > 0
    assert list(elsewhere.iterdir()) == []
    with RoboMemory(tmp_path / "scene.sqlite3", embedder=HashingEmbedder()) as again:
        assert len(again.records()) == 2


def test_a_link_to_a_store_is_that_store(path, tmp_path, note):
    link = tmp_path / "link.sqlite3"
    with RoboMemory(path, embedder=HashingEmbedder()) as memory:
        memory.remember([note("episodic", "one")])
    link.symlink_to(path)
    with RoboMemory(link, embedder=HashingEmbedder()) as memory:
        memory.remember([note("episodic", "two")])
        assert log_bytes(str(link)) == log_bytes(str(path)) > 0
        with pytest.raises(StoreInUseError):
            RoboMemory(path, embedder=HashingEmbedder())
    with RoboMemory(path, embedder=HashingEmbedder()) as memory:
        assert len(memory.records()) == 2
