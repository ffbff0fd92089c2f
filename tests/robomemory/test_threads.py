"""Several threads at once, memories that are slow or broken, and a process that is killed."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from robomemory import HashingEmbedder, MemoryKind, RoboMemory

ROOT = Path(__file__).parents[2]
CHILD = """
import sys
from robomemory import HashingEmbedder, RoboMemory
from robomemory import Note
memory = RoboMemory(sys.argv[1], embedder=HashingEmbedder())
start = len(memory.records(sys.argv[2]))
for i in range(start, 10**6):
    memory.remember([
        Note(sys.argv[2], f"entry {i}", i),
        Note("spatial", "mug", i, ("mug",), (0.1 * i, 0.0, 0.0), ("mug", "in", f"box {i}")),
    ])
    print(i, flush=True)
"""


def test_a_killed_process_loses_nothing_it_acknowledged(path):
    for acknowledged in (3, 17, 40):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(path), "episodic"], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        said = [int(child.stdout.readline()) for _ in range(acknowledged)]
        os.kill(child.pid, signal.SIGKILL)
        said += [int(line) for line in child.stdout.read().splitlines() if line]
        child.stdout.close()
        child.wait(timeout=10)
        with RoboMemory(path, embedder=HashingEmbedder()) as memory:
            kept = {r.text for r in memory.records(MemoryKind.EPISODIC)}
            assert {f"entry {i}" for i in range(said[-1] + 1)} <= kept
            scene = memory.scene()
            assert len(scene.facts) == 1  # all or none: as many facts as entries, one of them open
            assert len(scene.past) + 1 == len(kept)


def test_writers_and_readers_at_once(memory, note, both):
    errors: list[BaseException] = []
    done = threading.Event()

    def write(who):
        try:
            for i in range(40):
                spot = note("spatial", f"{who} cube", i, f"{who} cube", at=(0.1 * i, 0, 0))
                memory.remember(
                    [note("episodic", f"{who} wrote {i}", i), note("temporal", f"{who} {i}", i), spot]
                )
        except BaseException as error:
            errors.append(error)

    def read():
        try:
            while not done.is_set():
                answer = memory.recall(["wrote", "cube"], k=10, timeout_s=30)
                assert not answer.partial, dict(answer.missing)
                memory.scene()
        except BaseException as error:
            errors.append(error)

    writers = [threading.Thread(target=write, args=(who,)) for who in ("anna", "bert")]
    readers = [threading.Thread(target=read) for _ in range(2)]
    for thread in (*writers, *readers):
        thread.start()
    for thread in writers:
        thread.join(60)
    done.set()
    for thread in readers:
        thread.join(60)
    assert errors == []
    for m in both():
        assert len(m.records(MemoryKind.EPISODIC)) == 80
        assert len(m.scene().objects) == 2
        assert len(m.steps()) <= 12


class Slow:
    def __init__(self, part, release):
        self.part, self.release = part, release

    def recall(self, asked):
        self.release.wait(20)
        return self.part.recall(asked)


class Failing:
    def recall(self, asked):
        raise ZeroDivisionError("a bug")


@pytest.fixture
def filled(memory, note):
    memory.remember([note("episodic", "put the mug away", 1), note("semantic", "a mug is fragile", 1)])
    return memory


def test_a_slow_memory_is_left_out_and_named(filled):
    release = threading.Event()
    filled._parts.by_kind[MemoryKind.SEMANTIC] = Slow(filled._parts.by_kind[MemoryKind.SEMANTIC], release)
    for _ in range(5):  # more often than there are threads for it: the others still answer
        start = time.monotonic()
        answer = filled.recall(["mug"], timeout_s=0.2)
        assert time.monotonic() - start < 2.0
        assert [r.kind for r in answer] == ["episodic"]
        assert answer.partial
        assert all(r.partial for r in answer)
        assert "0.2 s" in answer.missing[MemoryKind.SEMANTIC]
        assert list(answer.missing) == [MemoryKind.SEMANTIC]
    release.set()
    answer = filled.recall(["mug"], timeout_s=10)
    assert not answer.partial
    assert {r.kind for r in answer} == {"episodic", "semantic"}


def test_a_memory_that_fails_is_left_out_and_named(filled):
    filled._parts.by_kind[MemoryKind.SPATIAL] = Failing()
    answer = filled.recall(["mug"])
    assert len(answer) == 2
    assert "a bug" in answer.missing[MemoryKind.SPATIAL]


def test_a_slow_embedder_keeps_the_deadline_too(path, note):
    class Sleepy(HashingEmbedder):
        sleep_s = 0.0

        def embed(self, texts):
            time.sleep(self.sleep_s)
            return super().embed(texts)

    embedder = Sleepy()
    with RoboMemory(path, embedder=embedder) as memory:
        memory.remember([note("episodic", "put the mug away")])
        embedder.sleep_s = 1.0
        answer = memory.recall(["a new text"], timeout_s=0.1)
        assert list(answer) == []
        assert set(answer.missing) == set(MemoryKind)


def test_closing_while_others_work(memory, note):
    from robomemory import MemoryClosedError

    seen: list[BaseException] = []

    def work():
        try:
            while True:
                memory.remember([note("episodic", "x")])
                memory.recall(["x"])
        except BaseException as error:
            seen.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    memory.close()
    for thread in threads:
        thread.join(20)
    assert [type(error) for error in seen] == [MemoryClosedError] * 3
