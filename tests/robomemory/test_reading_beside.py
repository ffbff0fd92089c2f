"""``mode="r"``: a second process reads a store while the robot that has it open writes."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from robomemory import (
    HashingEmbedder,
    InvalidQueryError,
    Memory,
    Note,
    ReadOnlyError,
    RoboMemory,
    StoreError,
    StoreVersionError,
)
from tests.postgres import server

S = 10**9
ROOT = Path(__file__).parents[2]

READER = """
import sys
from robomemory import HashingEmbedder, Memory
with Memory(sys.argv[1], embedder=HashingEmbedder(), mode="r") as memory:
    print("open", flush=True)
    for line in sys.stdin:
        found = memory.where(line.strip())
        words = [f.text for f in memory.find(line.strip(), kinds={"episodic"}, min_score=0.3)]
        print(found[0].facts if found else (), words, flush=True)
"""


class Reader:
    """Another process that reads the store at ``path``."""

    def __init__(self, path):
        self.process = subprocess.Popen(
            [sys.executable, "-c", READER, str(path)], cwd=ROOT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self.line() == "open"

    def line(self):
        return self.process.stdout.readline().strip()

    def ask(self, name):
        self.process.stdin.write(f"{name}\n")
        self.process.stdin.flush()
        return self.line()

    def end(self):
        self.process.stdin.close()
        assert self.process.wait(30) == 0


@pytest.fixture(params=["file", pytest.param("postgres", marks=pytest.mark.long)])
def where(tmp_path, request):
    return tmp_path / "scene.sqlite3" if request.param == "file" else server().url()


def opened(path, **more):
    return Memory(path, embedder=HashingEmbedder(), **more)


def test_another_process_reads_what_the_robot_writes(where):
    with opened(where) as robot:
        robot.relate("mug", "in", "tray", stamp_ns=1 * S)
        reader = Reader(where)
        assert reader.ask("mug") == "('mug in tray',) []"
        key = robot.relate("mug", "in", "drawer", stamp_ns=2 * S)
        robot.add("grasped the mug: success", kind="episodic", stamp_ns=2 * S)
        assert reader.ask("mug") == "('mug in drawer',) ['grasped the mug: success']"
        robot.relate("cup", "in", "box", stamp_ns=3 * S)
        assert reader.ask("cup") == "('cup in box',) []"
        robot.retract(key)
        assert reader.ask("mug") == "('mug in tray',) ['grasped the mug: success']"
        robot.robo.merge("cup", "mug")
        assert reader.ask("cup").split(")")[0] == reader.ask("mug").split(")")[0]
        assert robot.forget(query="grasped") == 1
        assert reader.ask("mug").endswith("[]")
        reader.end()
        assert robot.where("mug")


def test_what_is_forgotten_leaves_the_disk_while_a_reader_is_open(tmp_path):
    path = tmp_path / "scene.sqlite3"
    with opened(path) as robot, opened(path, mode="r") as reader:
        key = robot.add("the secret is quinquereme", kind="episodic", stamp_ns=1 * S)
        assert reader.get(key) is not None
        stop = threading.Event()

        def ask():
            while not stop.is_set():
                reader.find("secret")

        job = threading.Thread(target=ask)
        job.start()
        assert robot.forget(key) == 1
        stop.set()
        job.join()
        files = [f for f in tmp_path.iterdir() if f.is_file()]
        assert all(b"quinquereme" not in file.read_bytes() for file in files)
        assert reader.get(key) is None
        assert reader.find("secret", min_score=0.3) == ()


def test_reading_changes_nothing(tmp_path):
    path = tmp_path / "scene.sqlite3"
    with opened(path) as robot:
        robot.relate("mug", "in", "tray", stamp_ns=1 * S)
    before = path.read_bytes()
    with opened(path, mode="r") as reader:
        assert reader.where("mug")[0].facts == ("mug in tray",)
        with opened(path, mode="r") as other:  # as many as like
            assert other.robo.scene() == reader.robo.scene()
        with opened(path) as robot:  # nobody is kept out
            robot.relate("mug", "in", "box", stamp_ns=2 * S)
            during = path.read_bytes()
            assert reader.where("mug")[0].facts == ("mug in box",)
            assert path.read_bytes() == during
            reader.robo.backup(tmp_path / "copy.sqlite3")
    assert before != path.read_bytes()
    with opened(tmp_path / "copy.sqlite3") as copy:
        assert copy.where("mug")[0].facts == ("mug in box",)


def test_a_reader_that_outlives_the_robot_moves_no_log(tmp_path):
    path = tmp_path / "scene.sqlite3"
    code = (
        "import os, sys; from robomemory import HashingEmbedder, Memory\n"
        "m = Memory(sys.argv[1], embedder=HashingEmbedder())\n"
        "m.relate('mug', 'in', 'tray', stamp_ns=1)\nos._exit(1)"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], cwd=ROOT, timeout=60)
    log = Path(f"{path}-wal")
    size = log.stat().st_size
    assert size > 0
    with opened(path, mode="r") as reader:
        assert reader.where("mug")[0].facts == ("mug in tray",)
    assert log.stat().st_size == size
    with opened(path) as robot:
        assert robot.where("mug")[0].facts == ("mug in tray",)


def test_every_call_that_writes_is_refused(where):
    with opened(where) as robot:
        key = robot.add("mug", about=["mug"], position=(0, 0, 0), stamp_ns=1 * S)
    with opened(where, mode="r") as reader:
        for call in (
            lambda: reader.add("a"), lambda: reader.relate("a", "in", "b"), lambda: reader.retract(key),
            lambda: reader.update(key, text="b"), lambda: reader.update(key, metadata={"a": 1}),
            lambda: reader.forget(key), lambda: reader.retain(episodic=1),
            lambda: reader.not_seen(((0, 0, 0), 1), stamp_ns=2),
            lambda: reader.add_frame([], stamp_ns=1), lambda: reader.robo.begin_run(5),
            lambda: reader.robo.merge("mug", "mug"), lambda: reader.robo.remember([]),
            lambda: reader.robo.remember([Note("semantic", "a", 1)]),
        ):  # fmt: skip
            with pytest.raises(
                ReadOnlyError, match="opened with mode 'r', which reads; nothing can be changed"
            ):
                call()
        assert reader.get(key) is not None


def test_what_can_not_be_read_is_told(tmp_path):
    path = tmp_path / "scene.sqlite3"
    with pytest.raises(StoreError, match="no memory there; mode 'r' reads what is there"):
        opened(path, mode="r")
    assert not path.exists()
    with pytest.raises(StoreError, match="mode 'r' needs a file"):
        opened(":memory:", mode="r")
    with pytest.raises(InvalidQueryError, match="mode 'w', expected 'rw'"):
        opened(path, mode="w")
    opened(path).close()
    with sqlite3.connect(path) as db:
        db.execute("UPDATE schema_version SET version = 5")
    db.close()
    with pytest.raises(StoreVersionError, match=r"version 5, .*open it once without mode='r'"):
        opened(path, mode="r")


def test_a_store_that_is_replaced_is_told(tmp_path):
    path = tmp_path / "scene.sqlite3"
    opened(path).close()
    with opened(path, mode="r") as reader:
        os.rename(path, tmp_path / "gone.sqlite3")
        with pytest.raises(StoreError, match="deleted, moved or replaced"):
            reader.where("mug")


@pytest.mark.long
def test_a_scene_on_a_server_that_is_not_there_is_told():
    with pytest.raises(StoreError, match="no memory there"):
        RoboMemory(server().url("nothing_here"), embedder=HashingEmbedder(), mode="r")
