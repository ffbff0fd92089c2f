"""A copy of a store is whole, or says that it is not."""

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from robomemory import HashingEmbedder, MemoryKind, RoboMemory, StoreCorruptError, StoreError
from robomemory.store.backup import backup_store
from robomemory.store.sqlite import integrity
from tests.postgres import server

ROOT = Path(__file__).parents[2]


def opened(path):
    return RoboMemory(path, embedder=HashingEmbedder())


def fill(memory, note, count=50, first=0):
    for i in range(first, first + count):
        memory.remember([note("episodic", f"record {i}", i), note("spatial", "mug", i, "mug", at=(i, 0, 0))])


@pytest.fixture
def store(path, note):
    with opened(path) as memory:
        fill(memory, note)
        yield memory


def test_a_plain_copy_of_an_open_store_is_whole_or_says_that_it_is_not(store, path, tmp_path, note):
    subprocess.run(["cp", path, tmp_path / "copy.sqlite3"], check=True)
    with pytest.raises(StoreCorruptError, match=r"not whole: .*vista memory backup"):
        opened(tmp_path / "copy.sqlite3")
    with pytest.raises(StoreCorruptError, match="not whole"):
        backup_store(tmp_path / "copy.sqlite3", tmp_path / "second.sqlite3")
    store.forget(ids=[1])  # moves the log into the file and begins a new one
    shutil.copy(path, tmp_path / "later.sqlite3")
    with pytest.raises(StoreCorruptError, match="not whole"):
        opened(tmp_path / "later.sqlite3")
    store.close()
    shutil.copy(path, tmp_path / "closed.sqlite3")
    with opened(tmp_path / "closed.sqlite3") as copy:
        assert len(copy.records()) == 99


def test_a_copy_of_a_busy_store_never_lacks_records_in_silence(path, tmp_path, note, monkeypatch):
    """The log is moved into the file often here, so that copies meet that, too."""

    monkeypatch.setattr(integrity, "LOG_PAGES", 16)
    with opened(path) as memory:
        stop, written = threading.Event(), [0]

        def write() -> None:
            while written[0] < 80 or not stop.is_set():
                fill(memory, note, 1, written[0])
                written[0] += 1

        writer = threading.Thread(target=write)
        writer.start()
        copies = [tmp_path / f"copy{n}.sqlite3" for n in range(8)]
        for copy in copies:
            subprocess.run(["cp", path, copy], check=True)
            writer.join(0.05)
        stop.set()
        writer.join()
    for copy in copies:
        with pytest.raises(StoreCorruptError):
            opened(copy)
    with opened(path) as memory:
        assert memory.records(MemoryKind.EPISODIC)[-1].text == f"record {written[0] - 1}"


def test_file_and_log_together_are_whole(store, path, tmp_path, note):
    for ending in ("", "-wal"):
        shutil.copy(f"{path}{ending}", f"{tmp_path / 'both.sqlite3'}{ending}")
    with opened(tmp_path / "both.sqlite3") as copy:
        assert len(copy.records()) == 100


def test_a_file_with_a_log_of_another_time_is_told(store, path, tmp_path, note):
    shutil.copy(path, tmp_path / "mixed.sqlite3")
    store.forget(ids=[1, 2])
    fill(store, note, 5, 100)
    shutil.copy(f"{path}-wal", tmp_path / "mixed.sqlite3-wal")
    with pytest.raises(StoreError):
        opened(tmp_path / "mixed.sqlite3")


def test_a_backup_is_whole_and_overwrites_nothing(store, path, tmp_path, note):
    target = tmp_path / "backup.sqlite3"
    assert store.backup(target) == target
    fill(store, note, 1, 50)
    with opened(target) as copy:
        assert copy.records()[:100] == store.records()[:100]
        assert len(copy.records()) == 100
        assert copy.where_is("mug").position == (49, 0, 0)
        assert copy.recall(["record 49"])[0].text == "record 49"
    for taken in (target, path, tmp_path):
        with pytest.raises(StoreError, match="overwrites nothing"):
            store.backup(taken)
    assert sorted(p.name for p in tmp_path.iterdir() if "part" in p.name) == []
    assert not Path(f"{target}-wal").exists()


@pytest.mark.parametrize(
    ("target", "said"),
    [("none/b.sqlite3", "does not exist"), ("", "expected the path"), ("a\0b", "expected the path"),
     ("x" * 300, "255 are allowed"), ("\ud800", "lone surrogate")],
)  # fmt: skip
def test_a_bad_target_is_one_sentence(store, tmp_path, target, said):
    with pytest.raises(StoreError, match=said):
        store.backup(os.path.join(tmp_path, target) if target and "\0" not in target else target)


@pytest.mark.parametrize("ending", ["-wal", "-journal", "-index"])
def test_what_is_left_of_another_store_is_no_part_of_a_copy(store, tmp_path, ending):
    target = tmp_path / "b.sqlite3"
    left = Path(f"{target}{ending}")
    left.write_bytes(b"left")
    with pytest.raises(StoreError, match=f"b.sqlite3{ending} is there already"):
        store.backup(target)
    assert left.read_bytes() == b"left"
    assert not target.exists()


def test_threads_that_copy_to_one_place_make_one_whole_copy(store, tmp_path):
    target, said = tmp_path / "b.sqlite3", []

    def copy() -> None:
        try:
            said.append(str(store.backup(target)))
        except StoreError as error:
            said.append(str(error))

    threads = [threading.Thread(target=copy) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said.count(str(target)) == 1
    assert sum("overwrites nothing" in each for each in said) == 5
    with opened(target) as again:
        assert again.records() == store.records()
    assert list(tmp_path.glob("*.part*")) == []


def test_a_backup_beside_a_process_that_writes(path, tmp_path, note):
    code = """
import sys, time
from robomemory import HashingEmbedder, RoboMemory
from robomemory import Note
with RoboMemory(sys.argv[1], embedder=HashingEmbedder()) as memory:
    for i in range(10_000):
        memory.remember([Note("episodic", f"record {i}", i)])
        print(i, flush=True)
"""
    child = subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        counts = []
        for n in range(5):
            before = int([child.stdout.readline() for _ in range(20)][-1])
            backup_store(path, tmp_path / f"{n}.sqlite3")
            with opened(tmp_path / f"{n}.sqlite3") as copy:
                texts = [r.text for r in copy.records()]
            assert texts == [f"record {i}" for i in range(len(texts))]
            assert len(texts) > before
            counts.append(len(texts))
        assert child.poll() is None  # the writer goes on
    finally:
        child.kill()
        child.communicate()
    assert counts == sorted(counts)
    with opened(path) as memory:
        assert len(memory.records()) >= counts[-1]


def test_a_backup_of_what_is_no_store(tmp_path):
    (tmp_path / "text.sqlite3").write_text("a shopping list" * 100)
    with sqlite3.connect(tmp_path / "other.sqlite3") as db:
        db.execute("CREATE TABLE shopping (item TEXT)")
    db.close()
    for name, said in {"text": "no store", "other": "no RoboMemory store", "none": "no such file"}.items():
        with pytest.raises(StoreError, match=said):
            backup_store(tmp_path / f"{name}.sqlite3", tmp_path / "copy.sqlite3")
    with pytest.raises(StoreError, match="a folder"):
        backup_store(tmp_path, tmp_path / "copy.sqlite3")
    assert not (tmp_path / "copy.sqlite3").exists()


def test_a_memory_without_a_file_can_be_backed_up(tmp_path, note):
    with opened(":memory:") as memory:
        fill(memory, note, 3)
        memory.backup(tmp_path / "kept.sqlite3")
    with opened(tmp_path / "kept.sqlite3") as copy:
        assert len(copy.records()) == 6


@pytest.mark.long
def test_a_memory_on_a_server_says_what_copies_it(tmp_path):
    with (
        RoboMemory(server().url(), embedder=HashingEmbedder()) as memory,
        pytest.raises(StoreError, match="pg_dump"),
    ):
        memory.backup(tmp_path / "copy.sqlite3")


def test_a_store_whose_owner_was_killed_while_it_moved_the_log_is_whole(path, note, tmp_path):
    """Also when SQLite's own program has put the log into the file since; a copy of it elsewhere is not."""
    code = """
import os, sys
from robomemory import HashingEmbedder, RoboMemory
from robomemory.store.sqlite import integrity
from robomemory import Note
memory = RoboMemory(sys.argv[1], embedder=HashingEmbedder())
memory.remember([Note("episodic", "one", 1)])
class Killed:
    def __init__(self, db): self.db = db
    def execute(self, sql, *values):
        if sql.startswith("PRAGMA wal_checkpoint"):
            os._exit(9)
        return self.db.execute(sql, *values)
integrity.move_log(Killed(memory._store._db), memory._store._held)
"""
    assert subprocess.run([sys.executable, "-c", code, path], cwd=ROOT, timeout=60).returncode == 9
    shutil.copy(path, tmp_path / "killed.sqlite3")
    for ending in ("-wal", ".lock"):
        shutil.copy(f"{path}{ending}", f"{tmp_path / 'killed.sqlite3'}{ending}")
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT count(*) FROM records").fetchone() == (1,)
    db.close()
    assert not Path(f"{path}-wal").exists()
    shutil.copy(path, tmp_path / "elsewhere.sqlite3")
    with pytest.raises(StoreCorruptError, match="not whole"):
        opened(tmp_path / "elsewhere.sqlite3")
    for place in (path, tmp_path / "killed.sqlite3"):
        for _ in range(2):
            with opened(place) as memory:
                assert [r.text for r in memory.records()] == ["one"]


def test_a_target_on_a_server_is_told_without_its_password(store):
    with pytest.raises(StoreError, match="no database") as told:
        store.backup("postgresql://robot:s3cr3t@lab/memory")
    assert "s3cr3t" not in str(told.value)
