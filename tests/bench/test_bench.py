"""Benches: intervals, and episodes that are counted once whatever happens."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import pytest

from vista.assembly import loading
from vista.cli import main as cli
from vista.errors import ConfigError, UnknownNameError, VistaError
from vista.learning.workers import spread
from vista.switcher.timing import Switch
from vista_bench.episode import LoopEpisode, SubtaskRow
from vista_bench.jobs import BenchProgress, EpisodeJob
from vista_bench.results import Counted, CrashedEpisode, Episode, Key, Results, wilson
from vista_bench.suites import BenchSettings, make_suite
from vista_bench.suites.base import Opener, Suite

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("good", "n", "low", "high"),
    [  # Newcombe (1998), table I, and the closed form at the ends
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (20, 20, 0.8389, 1.0),
        (0, 0, 0.0, 1.0),
    ],
)
def test_wilson_intervals(good: int, n: int, low: float, high: float):
    assert wilson(good, n) == pytest.approx((low, high), abs=1e-4)


class Fake(Suite[Episode]):
    """Even seeds succeed; ``ran`` keeps what was run, and the ``stop_at``-th episode is interrupted."""

    name, cells, methods = "fake", ("one", "two"), ("a", "b")
    kind = Episode
    default_cells, default_methods = ("one",), ("a",)
    default_episodes = 6

    def __init__(self, stop_at: int | None = None) -> None:
        self.ran: list[EpisodeJob] = []
        self.stop_at = stop_at

    def seeds(self, settings: BenchSettings, cell: str, count: int) -> Sequence[int]:
        return range(settings.seed, settings.seed + count)

    def identity(self, settings: BenchSettings, cell: str, method: str) -> Mapping[str, object]:
        return {"task": settings.task}

    def opener(self, cell: str) -> Opener[Episode]:
        def run(job: EpisodeJob) -> Episode:
            if len(self.ran) == self.stop_at:
                raise KeyboardInterrupt
            self.ran.append(job)
            return Episode(success=job.seed % 2 == 0)

        return lambda settings: run


def test_an_interrupted_bench_goes_on_where_it_was(tmp_path: Path):
    first = Fake(stop_at=4)
    with pytest.raises(KeyboardInterrupt):
        first.measure(BenchSettings(), tmp_path, BenchProgress())
    second = Fake()
    (cell,) = second.measure(BenchSettings(), tmp_path, BenchProgress())
    assert [j.seed for j in first.ran + second.ran] == [0, 1, 2, 3, 4, 5]
    assert (cell["n"], cell["success_rate"]) == (6, 0.5)
    third = Fake()
    assert third.measure(BenchSettings(), tmp_path, BenchProgress()) == [cell]
    assert third.ran == []


def test_more_episodes_use_those_that_are_there_and_fewer_do_not_count_the_rest(tmp_path: Path):
    Fake().measure(BenchSettings(episodes=4), tmp_path, BenchProgress())
    suite = Fake()
    (more,) = suite.measure(BenchSettings(episodes=5), tmp_path, BenchProgress())
    assert (more["n"], [j.seed for j in suite.ran]) == (5, [4])
    (fewer,) = Fake().measure(BenchSettings(episodes=2), tmp_path, BenchProgress())
    assert fewer["n"] == 2


def test_other_settings_never_mix(tmp_path: Path):
    Fake().measure(BenchSettings(), tmp_path, BenchProgress())
    for settings in (
        BenchSettings(task="stack"),
        BenchSettings(cells=("two",)),
        BenchSettings(methods=("b",)),
        BenchSettings(seed=6),
    ):
        suite = Fake()
        (cell,) = suite.measure(settings, tmp_path, BenchProgress())
        assert (len(suite.ran), cell["n"]) == (6, 6)


def test_a_torn_line_is_cut_off_and_run_again(tmp_path: Path):
    Fake().measure(BenchSettings(), tmp_path, BenchProgress())
    path = tmp_path / "episodes.jsonl"
    path.write_bytes(path.read_bytes()[:-9])
    suite = Fake()
    suite.measure(BenchSettings(), tmp_path, BenchProgress())
    assert [j.seed for j in suite.ran] == [5]
    assert len([json.loads(line) for line in path.read_text().splitlines()]) == 6


def test_a_key_counts_once_and_two_benches_do_not_write_to_one_file(tmp_path: Path):
    key = Key("one", "a", 3, "f")
    with Results(tmp_path) as results:
        results.add(key, Episode(success=True))
        results.add(key, Episode(success=False))
        with pytest.raises(ConfigError, match="another bench"):
            Results(tmp_path)
    with Results(tmp_path) as results:
        found = results.get(key, Episode)
        assert found is not None
        assert found.success is True
    assert len((tmp_path / "episodes.jsonl").read_text().splitlines()) == 1
    (tmp_path / "episodes.jsonl").write_text("nonsense\n")
    with pytest.raises(ConfigError, match="line 1 is not a result"):
        Results(tmp_path)


LOOP = LoopEpisode(
    success=False, failure="grasp missed", outcome="failure", cause="budget", grasped=False, nearest_m=0.01,
    instruction="put the mug in the tray", jerk=1.5, idle_s=0.2, steps=3, seconds=7.0, wall_s=9.5,
    switches=(Switch("grasp", 2.0, None),), subtasks=(SubtaskRow("grasp the mug", "failed", "slipped", 0.9),),
)  # fmt: skip


def test_an_episode_is_read_back_as_it_was_written(tmp_path: Path):
    key, other = Key("one", "a", 3, "f"), Key("one", "a", 4, "f")
    with Results(tmp_path) as results:
        results.add(key, LOOP)
        results.add(other, CrashedEpisode(cause="KeyError: 'mug'"))
    with Results(tmp_path) as results:
        assert results.get(key, LoopEpisode) == Counted(key, LOOP)
        assert results.get(other, LoopEpisode) == Counted(other, CrashedEpisode(cause="KeyError: 'mug'"))
        assert results.get(Key("one", "a", 5, "f"), LoopEpisode) is None
    line = json.loads((tmp_path / "episodes.jsonl").read_text().splitlines()[0])
    assert list(line)[:5] == ["cell", "method", "seed", "fingerprint", "success"]
    assert line["subtasks"] == [["grasp the mug", "failed", "slipped", 0.9]]
    assert line["switches"] == [["grasp", 2.0, None]]
    assert set(line) == {
        "cell", "method", "seed", "fingerprint", "success", "failure", "grasped", "nearest_m", "outcome",
        "cause", "instruction", "jerk", "idle_s", "switches", "subtasks", "steps", "seconds", "wall_s",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"steps": "three"}, "steps"), ({"grasped": 1}, "grasped"), ({"nearest_m": None}, "nearest_m"),
        ({"subtasks": [["grasp"]]}, "subtasks: expected lists of text, state, reason, score"),
        ({"switches": 5}, "switches"), ({"mood": "good"}, "mood"),
    ],
)  # fmt: skip
def test_an_episode_of_another_form_is_refused_by_its_field(change: dict[str, object], said: str):
    with pytest.raises(VistaError, match=said):
        LoopEpisode.from_json(LOOP.to_json() | change, "line 3")


def double(settings: int) -> Callable[[int], int]:
    def work(job: int) -> int:
        if job == 13:
            raise UnknownNameError("number", "13", ["others"])
        if job == 17:
            os._exit(9)
        return job * settings

    return work


def test_jobs_are_spread_over_processes():
    assert sorted(spread(double, 2, [1, 2, 3, 4], 2)) == [(1, 2), (2, 4), (3, 6), (4, 8)]


@pytest.mark.parametrize(
    ("job", "said"), [(13, "unknown number '13'"), (17, r"worker process died \(exit status 9\)")]
)
def test_what_goes_wrong_in_a_process_is_told(job: int, said: str):
    with pytest.raises(VistaError, match=said):
        list(spread(double, 2, [1, job], 2))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--suite", "party"],
            "unknown suite 'party'; known: basic, expert, goals, latency, long, memory, open, realtime",
        ),
        (["--suite", "basic", "--cell", "moon"], "unknown cell of suite 'basic' 'moon'; known: basic, ros"),
        (["--suite", "basic", "--method", "luck"], "known: imagined, oracle"),
        (["--suite", "basic", "--task", "dance"], "unknown task 'dance'; known: arrange, drawer, pick_place"),
        (["--suite", "basic", "--split", "secret"], "unknown seed range 'secret'"),
        (["--suite", "basic", "--seed", "-1"], "seed -1"),
        (["--suite", "basic", "--episodes", "0"], "--episodes 0"),
        (["--suite", "basic", "--workers", "0"], "--workers 0"),
        (["--suite", "basic", "--objects", "nowhere"], "objects folder nowhere"),
        (["--suite", "basic", "--scene", "nowhere.yaml"], "--scene nowhere.yaml: no such file"),
        (["--suite", "basic", "--robot", "hal"], "unknown robot 'hal'"),
        (["--suite", "basic", "--json", "nowhere/file.json"], "does not exist"),
        (["--suite", "basic", "--policy", "./nowhere"], "does not exist"),
    ],
)
def test_bad_arguments_are_one_sentence(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    assert cli.main(["bench", *arguments, "--out", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err


def test_the_ros_cell_says_what_it_needs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setitem(sys.modules, "vista_ros", None)
    monkeypatch.setitem(sys.modules, "vista_ros.client", None)
    assert cli.main(["bench", "--suite", "basic", "--cell", "ros"]) == 2
    assert "cell 'ros' needs ROS 2" in capsys.readouterr().err


BENCH = ["bench", "--suite", "expert", "--cell", "pick_place", "--episodes", "8"]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGKILL, -9), (signal.SIGINT, 130)])
def test_a_killed_bench_counts_no_episode_twice(number: signal.Signals, status: int, tmp_path: Path):
    pytest.importorskip("mujoco")
    path = tmp_path / "episodes.jsonl"
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT}:{ROOT / 'sim'}:{ROOT / 'bench'}",
        "OMP_NUM_THREADS": "1",
    }
    call = [sys.executable, "-m", "vista.cli", *BENCH, "--workers", "2", "--out", str(tmp_path)]
    # A shell starts its background jobs with SIGINT ignored, and children inherit that.
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    process = subprocess.Popen(
        call, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=heed
    )
    deadline = time.monotonic() + 200
    while process.poll() is None and time.monotonic() < deadline:
        if path.exists() and path.read_bytes().count(b"\n") >= 2:
            process.send_signal(number)
            break
        time.sleep(0.02)
    _, said = process.communicate(timeout=100)
    assert process.returncode == status, said.decode()
    before = path.read_text().splitlines()
    assert 2 <= len(before) < 8
    report = tmp_path / "report.json"
    assert cli.main([*BENCH, "--workers", "1", "--out", str(tmp_path), "--json", str(report)]) == 0
    after = path.read_text().splitlines()
    assert after[: len(before)] == before
    assert len(after) == len({json.loads(line)["seed"] for line in after}) == 8
    data = json.loads(report.read_text())
    assert {"suite", "seed", "commit", "machine", "cells"} <= set(data)
    (cell,) = data["cells"]
    assert (cell["cell"], cell["method"], cell["n"]) == ("pick_place", "scripted", 8)
    assert cell["interval"][0] < cell["success_rate"] <= cell["interval"][1]


def test_an_episode_of_the_loop_tells_what_happened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Parts that learn nothing: the bench itself, not the models, is looked at."""
    pytest.importorskip("mujoco")
    from robomemory.embed.embedder import HashingEmbedder

    monkeypatch.setattr(loading, "embedder", HashingEmbedder)
    report = tmp_path / "report.json"
    parts = ["--planner", "scripted", "--detector", "oracle", "--switcher", "scripted", "--method", "oracle"]
    common = ["bench", "--suite", "basic", "--episodes", "1", "--workers", "1", "--split", "tuning", *parts]
    assert cli.main([*common, "--policy", "scripted", "--out", str(tmp_path), "--json", str(report)]) == 0
    (cell,) = json.loads(report.read_text())["cells"]
    assert (cell["cell"], cell["method"], cell["n"], cell["grasped"]) == ("basic", "oracle", 1, 1)
    assert (cell["success_rate"], cell["failures"], cell["believed"]) == (1.0, {}, 1)


OWN_TASK = """
from vista.skill import Relation
from vista_sim.scenes.scene import sample_tabletop
from vista_sim.task import Task, TaskSetup, beside_tray, carry


class Clear(Task):
    def set_up(self, seed, choice, target, rng):
        scene = sample_tabletop(seed, choice.labels, choice.patterns, count=2, required=[])
        thing = beside_tray(scene, self.name)[0]
        return TaskSetup(scene, f"put the {thing} in the tray", carry(thing, Relation.IN, "tray"))
"""


def test_a_task_of_ones_own_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("mujoco")
    from robomemory.embed.embedder import HashingEmbedder

    monkeypatch.setattr(loading, "embedder", HashingEmbedder)
    (tmp_path / "clear.py").write_text(OWN_TASK)
    report = tmp_path / "report.json"
    parts = ["--policy", "scripted", "--planner", "scripted", "--detector", "none", "--switcher", "scripted"]
    words = ["--task", str(tmp_path / "clear.py"), "--method", "oracle", "--split", "tuning", *parts]
    common = ["bench", "--suite", "basic", "--episodes", "1", "--workers", "1", "--out", str(tmp_path)]
    assert cli.main([*common, *words, "--json", str(report)]) == 0
    (cell,) = json.loads(report.read_text())["cells"]
    assert (cell["n"], cell["success_rate"]) == (1, 1.0)


def test_latency_is_told_beside_a_fixed_product(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("mujoco")
    pytest.importorskip("torch")
    report = tmp_path / "report.json"
    monkeypatch.setenv("VISTA_THREADS", "1")
    cells = [
        a for name in ("imagine", "imagine50", "plan_chunk", "guard", "planner") for a in ("--cell", name)
    ]
    parts = ["--policy", "mock", "--world-model", "mock", "--planner", "scripted"]
    call = ["bench", "--suite", "latency", "--episodes", "4", *cells, *parts, "--json", str(report)]
    assert cli.main([*call, "--out", str(tmp_path)]) == 0
    found = {c["cell"]: c for c in json.loads(report.read_text())["cells"]}
    assert set(found) == {"imagine", "imagine50", "plan_chunk", "guard", "planner"}
    for cell in found.values():
        assert cell["n"] == 4
        assert 0 < cell["median_ms"] <= cell["p90_ms"]
        assert cell["median_ratio"] > 0
    assert found["imagine"]["bound_ms"] == 150.0
    assert found["imagine"]["faster_than_50_steps"] > 0
    monkeypatch.setenv("VISTA_THREADS", "many")
    assert cli.main([*call, "--out", str(tmp_path)]) == 2


def test_a_suite_is_found_by_name():
    assert make_suite("expert").name == "expert"
