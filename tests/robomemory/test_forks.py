"""A forked child holds copies of its parent's locks and connections: it is refused, and harms nothing."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from robomemory import HashingEmbedder, MemoryKind, RoboMemory, StoreInUseError
from robomemory.store.backup import backup_store
from robomemory.store.opening import embedder_of
from tests.postgres import server

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")

ROOT = Path(__file__).parents[2]


def in_child(work: Callable[[], str], *, whole: bool = False) -> str:
    """What ``work`` returns in a forked child; ``whole``: with all that Python does at its end."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            said = work()
        except BaseException:
            said = traceback.format_exc()
        os.write(write, said.encode())
        os.close(write)
        if whole:
            sys.stdout, sys.stderr = open(os.devnull, "w"), open(os.devnull, "w")  # noqa: SIM115
            gc.collect()
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said


CALLS = {
    "remember": lambda m, note: m.remember([note("episodic", "from the child")]),
    "recall": lambda m, note: m.recall(["anything"]),
    "forget": lambda m, note: m.forget(everything=True),
    "records": lambda m, note: m.records(),
    "steps": lambda m, note: m.steps(),
    "scene": lambda m, note: m.scene(),
    "scene at": lambda m, note: m.scene(at_ns=1),
    "where_is": lambda m, note: m.where_is("mug"),
    "history": lambda m, note: m.history("mug"),
    "changes": lambda m, note: m.changes(0),
    "merge": lambda m, note: m.merge("mug", "tray"),
    "begin_run": lambda m, note: m.begin_run(0),
    "backup": lambda m, note: m.backup("never-written.sqlite3"),
    "status": lambda m, note: m.status(),
    "revision": lambda m, note: m.revision(),
}


def test_a_child_is_refused_by_name_in_any_thread(memory, note, both):
    memory.remember([note("episodic", "before"), note("spatial", "a", 1, "mug", at=(0, 0, 0))])

    def work() -> str:
        wrong = []

        def try_all() -> None:
            for name, call in CALLS.items():
                try:
                    call(memory, note)
                except StoreInUseError as error:
                    if "forked child" not in str(error) or "\n" in str(error):
                        wrong.append(f"{name}: {error}")
                else:
                    wrong.append(f"{name}: not refused")

        try_all()
        thread = threading.Thread(target=try_all)
        thread.start()
        thread.join(20)
        memory.close()
        memory.close()
        return "; ".join(wrong) or "refused"

    assert in_child(work, whole=True) == "refused"
    memory.remember([note("episodic", "after")])
    assert [r.text for r in memory.recall(["before", "after"], timeout_s=30)].count("after") == 1
    for m in both():
        assert [r.text for r in m.records(MemoryKind.EPISODIC)] == ["before", "after"]


@pytest.mark.parametrize("reopen", ["file"], indirect=True)
def test_a_child_that_lives_on_does_not_hold_the_lock(memory, note, path, reopen):
    memory.remember([note("episodic", "one")])
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(write)
        os.read(read, 1)  # until the parent has closed and opened it anew
        memory.close()
        del memory
        gc.collect()
        os._exit(0)
    try:
        memory = reopen()
        memory.remember([note("episodic", "two")])
    finally:
        os.write(write, b".")
        os.waitpid(child, 0)
        os.close(read)
        os.close(write)
    memory.remember([note("episodic", "three")])
    assert [r.text for r in reopen().records()] == ["one", "two", "three"]


@pytest.mark.parametrize("reopen", ["file"], indirect=True)
def test_a_child_can_not_open_what_was_open(memory, path):
    def work() -> str:
        try:
            RoboMemory(path, embedder=HashingEmbedder())
        except StoreInUseError as error:
            return str(error)
        return "opened"

    assert "was open when this process was forked" in in_child(work)


@pytest.mark.parametrize("reopen", ["file"], indirect=True)
def test_children_of_a_busy_parent_cost_it_nothing(memory, note, reopen):
    """Forked while another thread writes; each child goes through all that Python does at its end."""
    errors: list[BaseException] = []
    wanted = [f"record {i}" for i in range(150)]

    def write() -> None:
        try:
            for text in wanted:
                memory.remember([note("episodic", text)])
        except BaseException as error:
            errors.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    children = []
    while writer.is_alive():
        if (child := os.fork()) == 0:
            try:
                memory.remember([note("episodic", "from the child")])
            except StoreInUseError:
                os._exit(0)
            os._exit(1)
        children.append(child)
        writer.join(0.02)
    assert {os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children} == {0}
    assert errors == []
    assert [r.text for r in reopen().records()] == wanted


@pytest.mark.parametrize("reopen", ["file"], indirect=True)
def test_a_daemon_keeps_its_own_files(memory, note, path, reopen):
    """A daemon is a child of a child: what it has open has nothing to do with the memory any more."""
    memory.remember([note("episodic", "before")])

    def work() -> str:
        own = os.open(path.parent / "log.txt", os.O_RDWR | os.O_CREAT)  # gets the number of the lock file

        def daemon() -> str:
            os.write(own, b"alive")
            try:
                RoboMemory(path, embedder=HashingEmbedder())
            except StoreInUseError:
                return "alive"
            return "opened what its grandparent has open"

        return in_child(daemon, whole=True)

    assert in_child(work, whole=True) == "alive"
    memory.remember([note("episodic", "after")])
    assert [r.text for r in reopen().records()] == ["before", "after"]


@pytest.mark.parametrize("reopen", ["file"], indirect=True)
def test_a_child_can_not_even_read_what_was_open(memory, note, path):
    memory.remember([note("episodic", "before")])
    link = path.with_name("link.sqlite3")
    link.symlink_to(path)

    def work() -> str:
        for read in (lambda: backup_store(link, path.with_name("copy.sqlite3")), lambda: embedder_of(path)):
            with pytest.raises(StoreInUseError, match="start a new process"):
                read()
        return "refused"

    assert in_child(work) == "refused"
    assert not path.with_name("copy.sqlite3").exists()


ENDS = """
import os, sys
from robomemory import HashingEmbedder, RoboMemory
from robomemory import Note
memory = RoboMemory(sys.argv[1], embedder=HashingEmbedder())
memory.remember([Note("episodic", "before", 1)])
memory.recall(["before"])
if (child := os.fork()) == 0:
    sys.exit(0)  # finalizers run, threads are joined, modules are torn down
assert os.waitpid(child, 0)[1] == 0
memory.remember([Note("episodic", "after", 2)])
assert [r.text for r in memory.records()] == ["before", "after"]
if (child := os.fork()) == 0:
    memory.close()  # the last one: its end must not end the log of the parent
    sys.exit(0)
memory.remember([Note("episodic", "at last", 3)])
os.waitpid(child, 0)
print("done")
"""


@pytest.mark.parametrize("where", ["file", pytest.param("postgres", marks=pytest.mark.long)])
def test_a_child_that_ends_in_the_usual_way_leaves_its_parent_alone(path, where):
    place = str(path) if where == "file" else server().url()
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ENDS, place],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
    )
    assert (ran.stdout, ran.stderr) == ("done\n", "")
    with RoboMemory(place, embedder=HashingEmbedder()) as memory:
        assert [r.text for r in memory.records()] == ["before", "after", "at last"]
