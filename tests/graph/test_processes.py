"""What killed ROS processes leave in shared memory is cleared away; what lives is not."""

from __future__ import annotations

import argparse
import fcntl
import json
import mmap
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vista.cli import down, main
from vista.errors import VistaError
from vista.graph import processes, running


@pytest.fixture
def shared(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setattr(processes, "_SHARED", tmp_path)
    return tmp_path


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_only_what_is_of_fast_dds_and_of_that_time_is_removed(shared: Path, monkeypatch):
    for name in ("fastrtps_a", "sem.fastrtps_b", "other_c"):
        (shared / name).write_bytes(b"1234")
    now = time.time()
    assert processes.remove_orphans(now + 60) == {}
    assert processes.remove_orphans(0.0, until_s=now - 60) == {}
    used = {str(shared / "sem.fastrtps_b")}
    monkeypatch.setattr(processes, "in_use", lambda **_: used)
    assert processes.remove_orphans(0.0) == {"fastrtps_a": 4}
    assert left(shared) == {"sem.fastrtps_b", "other_c"}


def test_the_ports_of_a_domain_are_removed_however_old(shared: Path):
    for name in ("fastrtps_port7401", "fastrtps_port7401_el", "fastrtps_port7651"):
        (shared / name).touch()
    assert set(processes.remove_orphans(time.time() + 60, 0)) == {"fastrtps_port7401", "fastrtps_port7401_el"}
    assert left(shared) == {"fastrtps_port7651"}


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="there is no shared memory here")
def test_what_a_process_has_mapped_is_in_use():
    path = Path(f"/dev/shm/fastrtps_test_{os.getpid()}")
    path.write_bytes(b"0" * mmap.PAGESIZE)
    try:
        with path.open("r+b") as file:
            held = mmap.mmap(file.fileno(), 0)
        assert str(path) in processes.in_use([os.getpid()])
        held.close()
        assert str(path) not in processes.in_use([os.getpid()])
    finally:
        path.unlink()


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="there is no shared memory here")
def test_who_leaves_the_graph_removes_what_it_alone_has_mapped(monkeypatch):
    """The client of a demo still maps what the nodes wrote when their supervisor clears up after them."""
    folder = Path(f"/dev/shm/vista_test_{os.getpid()}")
    folder.mkdir()
    monkeypatch.setattr(processes, "_SHARED", folder)
    path = folder / "fastrtps_a"
    try:
        path.write_bytes(b"0" * mmap.PAGESIZE)
        with path.open("r+b") as file, mmap.mmap(file.fileno(), 0):
            assert processes.remove_orphans(0.0) == {}
            assert list(processes.remove_orphans(0.0, leaving=True)) == ["fastrtps_a"]
        assert not path.exists()
    finally:
        path.unlink(missing_ok=True)
        folder.rmdir()


def test_down_all_clears_up_after_killed_processes_and_says_so(shared: Path, monkeypatch, capsys):
    (shared / "fastrtps_a").write_bytes(b"0" * 3_000_000)
    monkeypatch.setattr(down, "running", lambda: [])
    parser = argparse.ArgumentParser()
    down.add_arguments(parser)
    arguments = parser.parse_args(["--all"])
    assert down.main(arguments) == 0
    assert left(shared) == {"fastrtps_a"}  # it may belong to a process that is only starting
    monkeypatch.setattr(down, "SETTLED_S", -60.0)
    assert down.main(arguments) == 0
    assert left(shared) == set()
    assert "removed 1 shared memory files of killed processes (3 MB)" in capsys.readouterr().out


def test_what_is_locked_is_in_use_though_its_process_is_not_seen(shared: Path, monkeypatch):
    """In another container: its process numbers are not ours, the shared memory is."""
    names = ("fastrtps_a", "fastrtps_a_el", "fastrtps_b", "fastrtps_b_el")
    for name in names:
        (shared / name).touch()
    monkeypatch.setattr(processes, "in_use", lambda *_, **__: set())
    with (shared / "fastrtps_a_el").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert set(processes.remove_orphans(0.0)) == {"fastrtps_b", "fastrtps_b_el"}
    assert set(processes.remove_orphans(0.0)) == {"fastrtps_a", "fastrtps_a_el"}


def test_what_comes_while_it_is_looked_is_left_alone(shared: Path, monkeypatch):
    (shared / "fastrtps_a").touch()

    def look(*_: object, **__: object) -> set[str]:
        (shared / "fastrtps_new").touch()  # by a process that the look just missed
        return set()

    monkeypatch.setattr(processes, "in_use", look)
    assert set(processes.remove_orphans(0.0)) == {"fastrtps_a"}
    assert left(shared) == {"fastrtps_new"}


def test_a_port_cannot_be_taken_over_while_it_is_removed(shared: Path, monkeypatch):
    """A node that starts takes a dead one's port, by its lock; its messages would go to a removed file."""
    (shared / "fastrtps_port7001").touch()

    def look(*_: object, **__: object) -> set[str]:
        if (shared / "fastrtps_port7001_el").exists():  # the second look, with the locks held
            with (shared / "fastrtps_port7001_el").open() as file, pytest.raises(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            looked.append(True)
        return set()

    looked: list[bool] = []
    monkeypatch.setattr(processes, "in_use", look)
    assert set(processes.remove_orphans(0.0)) == {"fastrtps_port7001"}
    assert looked
    assert left(shared) == set()


def test_files_of_other_users_stay(shared: Path, monkeypatch):
    (shared / "fastrtps_a").touch()
    monkeypatch.setattr(processes.os, "getuid", lambda: os.stat(shared).st_uid + 1)
    assert processes.remove_orphans(0.0) == {}
    assert left(shared) == {"fastrtps_a"}


@pytest.fixture
def states(tmp_path: Path, monkeypatch) -> Path:
    folder = tmp_path / "states"
    folder.mkdir()
    monkeypatch.setattr(running, "state_folder", lambda: folder)
    monkeypatch.delenv("ROS_DOMAIN_ID", raising=False)
    return folder


def write(folder: Path, name: str, **fields: object) -> None:
    state = {
        "pid": os.getpid(), "mark": "a1", "domain": 7, "namespace": "", "nodes": ["sim"],
        "started_s": time.time(), "logs": "",
    }  # fmt: skip
    (folder / name).write_text(json.dumps(state | fields))


def test_state_files_that_make_no_sense_are_passed_over(states: Path):
    for n, text in enumerate(("", "[]", "{", "null", "\x00", "[" * 9000)):
        (states / f"{n}.json").write_text(text)
    for n, wrong in enumerate(
        ({"pid": "x"}, {"pid": -1}, {"pid": 2**80}, {"domain": 999}, {"nodes": 5}, {"started_s": "soon"},
         {"mark": "../.."}, {"mark": ""}, {"domain": 1e400})
    ):  # fmt: skip
        write(states, f"wrong{n}.json", **wrong)
    (states / "bytes.json").write_bytes(b"\xff\xfe")
    assert running.running() == []
    write(states, "7.json")
    assert [each.domain for each in running.running()] == [7]


def test_graphs_of_one_domain_are_told_apart_by_namespace(states: Path, monkeypatch):
    for namespace in ("", "left", "cell/left"):
        assert running.state_file(7, namespace).parent == states
        running.write_down(running.Running(os.getpid(), "a1", 7, namespace, ("sim",), time.time(), ""))
    assert {each.namespace for each in running.running()} == {"", "left", "cell/left"}
    assert running.find_running(7, "").namespace == ""
    assert running.find_running(None, "cell/left").namespace == "cell/left"
    with pytest.raises(VistaError, match=r"several graphs are up in domain 7, under .*--namespace"):
        running.find_running()
    write(states, "8.json", domain=8)
    with pytest.raises(VistaError, match="in the domains 7, 8; choose one with --domain"):
        running.find_running()
    monkeypatch.setenv("ROS_DOMAIN_ID", "8")
    assert running.find_running().domain == 8


def test_a_place_is_claimed_once_and_free_again_when_its_holder_was_killed(states: Path):
    code = (
        "import sys, time; from pathlib import Path; from vista.graph import running\n"
        "running.state_folder = lambda: Path(sys.argv[1])\n"
        "with running.claimed(7, 'left'): print('held', flush=True); time.sleep(60)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(states)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"held\n"
    taken = running.claimed(7, "left")
    with pytest.raises(VistaError, match="a graph is up in ROS domain 7 under /left already"), taken:
        pass
    with running.claimed(7, "right"), running.claimed(7, ""), running.claimed(8, "left"):
        pass
    child.kill()
    child.wait()
    with running.claimed(7, "left"):
        pass


def test_down_clears_away_what_a_killed_supervisor_left(states: Path, shared: Path, monkeypatch, capsys):
    """The shared memory goes at once, however young it is: whose it was is known."""
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    orphan = subprocess.Popen(
        [sys.executable, "-c", "import time; print('here', flush=True); time.sleep(60)"],
        env={**os.environ, running.MARK: "dead1"}, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert orphan.stdout is not None
    assert orphan.stdout.readline() == b"here\n"
    write(states, "9.left.json", pid=dead.pid, mark="dead1", domain=9, namespace="left")
    write(states, "7.json")  # another graph, which is up
    monkeypatch.setattr(
        down, "stop_graph", lambda state: pytest.fail("a graph was stopped that was not meant")
    )
    (shared / "fastrtps_a").touch()
    assert main.main(["down"]) == 0
    assert capsys.readouterr().out.startswith("cleared away sim in ROS domain 9 under /left: their")
    orphan.wait(10.0)
    assert "fastrtps_a" not in left(shared)
    assert [path.name for path in states.glob("*.json")] == ["7.json"]
    (states / "7.json").unlink()
    assert main.main(["down"]) == 2
    assert "no graph is up" in capsys.readouterr().err


def test_a_graph_whose_place_is_held_is_not_taken_for_killed(states: Path):
    """Its supervisor may look younger than the graph: somebody has set the clock of the wall."""
    with running.claimed(7, ""):
        write(states, "7.json", started_s=1.0)
        assert running.clear_killed() == []
    assert [each.domain for each in running.clear_killed()] == [7]
