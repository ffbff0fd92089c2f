"""The file: what is wrong with it is said, and a failed write changes nothing."""

import os
import shutil
import sqlite3
import tempfile
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
    with pytest.raises(StoreVersionError, match="schema version 99, this RoboMemory reads version 3"):
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
