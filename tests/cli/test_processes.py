"""What killed ROS processes leave in shared memory is cleared away; what lives is not."""

from __future__ import annotations

import argparse
import mmap
import os
import time
from pathlib import Path

import pytest

from vista.cli import down, processes


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
