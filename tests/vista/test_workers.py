"""Jobs are spread over processes or a cluster, and nobody can tell from the results which it was."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from vista.errors import ConfigError, InvalidValueError, UnknownNameError, VistaError
from vista.learning.shards import generate, shard_folders
from vista.learning.workers import unordered


def square(number: int) -> int:
    return number**2


def fail(number: int) -> int:
    raise InvalidValueError(f"number {number} is not wanted")


class OddError(Exception):
    """Python makes an error anew of its arguments, and this one takes others."""

    def __init__(self, what: str, where: str) -> None:
        super().__init__(f"{what} in {where}")


def fail_oddly(number: int) -> int:
    raise OddError("a hole", "the table")


def die(number: int) -> int:
    os._exit(9) if number == 1 else time.sleep(0.01)
    return number


def give_up(number: int) -> int:
    sys.exit("no more of this")


def drawn(seeds):
    """Arrays that depend on the seeds alone."""
    return {"noise": np.stack([np.random.default_rng(s).random(4) for s in seeds])}


@pytest.mark.parametrize("workers", [1, 2])
def test_every_job_is_done_once(workers):
    assert sorted(unordered(square, list(range(5)), workers)) == [0, 1, 4, 9, 16]
    assert list(unordered(square, [], workers)) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_what_a_job_raises_is_raised(workers):
    with pytest.raises(InvalidValueError, match="number 3 is not wanted"):
        list(unordered(fail, [3, 3], workers))


def test_an_error_that_cannot_be_sent_is_told_all_the_same():
    with pytest.raises(VistaError, match="OddError: a hole in the table"):
        list(unordered(fail_oddly, [3, 3], 2))


@pytest.mark.parametrize("work", [die, give_up])
def test_a_worker_that_dies_is_no_wait_for_ever(work):
    with pytest.raises(VistaError, match="a worker process died"):
        list(unordered(work, [0, 1, 2, 3], 2))


def test_unknown_backends_and_no_workers_are_refused():
    with pytest.raises(UnknownNameError, match=r"'slurm'.*processes, ray"):
        list(unordered(square, [1], 1, "slurm"))
    with pytest.raises(InvalidValueError, match="workers: 0"):
        list(unordered(square, [1], 0))


def test_without_ray_it_is_named_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"\./run setup ray"):
        list(unordered(square, [1], 1, "ray"))


def test_one_process_and_several_make_the_same_data(tmp_path: Path):
    folders = [
        generate(tmp_path / str(n), drawn, range(7), kind="noise", shard_size=3, workers=n) for n in (1, 2)
    ]
    _alike(*folders)


def test_ray_makes_the_same_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("ray", reason="./run setup ray brings Ray")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]), prepend=":")
    here = generate(tmp_path / "here", drawn, range(7), kind="noise", shard_size=2, workers=1)
    there = generate(
        tmp_path / "there", drawn, range(7), kind="noise", shard_size=2, workers=2, backend="ray"
    )
    _alike(here, there)
    with pytest.raises(InvalidValueError, match="number 3 is not wanted"):
        list(unordered(fail, [3, 3], 2, "ray"))


def _alike(one: Path, other: Path) -> None:
    names = [[s.name for s in shard_folders(folder)] for folder in (one, other)]
    assert names[0] == names[1]
    assert len(names[0]) > 1
    for name in names[0]:
        assert (one / name / "noise.npy").read_bytes() == (other / name / "noise.npy").read_bytes()
    assert json.loads((one / "meta.json").read_text()) == json.loads((other / "meta.json").read_text())
