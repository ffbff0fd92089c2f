"""One failed episode is one failed episode; what meets every episode is a fault and no result."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from vista.cli import main as cli
from vista.errors import ConfigError, InvalidValueError, UnknownNameError, VistaError
from vista.learning.workers import Crash, attempts
from vista_bench.episode import TaskEpisode
from vista_bench.jobs import BenchProgress, EpisodeJob
from vista_bench.results import Counted, Episode, Key, Results
from vista_bench.suites import BenchSettings
from vista_bench.suites.base import Opener, Suite, seeds_of
from vista_bench.suites.vista import VistaEpisode, VistaSuite
from vista_bench.textworlds.cell import TextWorldsCell


@dataclass(frozen=True, slots=True, kw_only=True)
class Far(TaskEpisode):
    """An episode that tells how far."""

    far_m: float = 1.0
    failure: str = ""
    outcome: str = "success"
    cause: str = ""


class Shaky(Suite[Far]):
    """An episode does what ``acts`` says for its seed; "" ends well."""

    name, cells, methods = "shaky", ("one",), ("a",)
    kind = Far
    default_cells, default_methods = cells, methods
    default_episodes = 8

    def __init__(self, acts: Mapping[int, object] | None = None) -> None:
        self.acts, self.ran = dict(acts or {}), list[int]()

    def seeds(self, settings: BenchSettings, cell: str, count: int) -> Sequence[int]:
        return range(count)

    def identity(self, settings: BenchSettings, cell: str, method: str) -> Mapping[str, object]:
        return {}

    def describe(self, found: Sequence[Counted[Far]]) -> dict[str, object]:
        return {"failures": {}, "mean_m": sum(each.episode.far_m for each in found) / len(found)}

    def opener(self, cell: str) -> Opener[Far]:
        def run(job: EpisodeJob) -> Far:
            self.ran.append(job.seed)
            act = self.acts.get(job.seed)
            if isinstance(act, Exception):
                raise act
            if act is not None:
                return Far(success=False, failure="stopped", outcome="stopped", cause=str(act))
            return Far(success=True)

        return lambda settings: run


def lines(folder: Path) -> list[dict[str, object]]:
    path = folder / "episodes.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("out\nof memory"), VistaError("the arm is gone"), ConfigError("no such mesh"),
        OSError(5, "x"),
    ],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_an_episode_that_raises_is_a_failure_with_its_cause(error: Exception, tmp_path: Path):
    suite = Shaky({3: error, 5: error})
    (cell,) = suite.measure(BenchSettings(), tmp_path, BenchProgress())
    assert suite.ran == list(range(8))
    assert (cell["n"], cell["success_rate"], cell["crashed"]) == (8, 0.75, 2)
    assert cell["failures"] == {"stopped": 2}
    assert cell["mean_m"] == 1.0
    kept = next(line for line in lines(tmp_path) if line["seed"] == 3)
    assert (kept["success"], kept["outcome"], kept["failure"]) == (False, "stopped", "stopped")
    assert str(error).split()[-1] in str(kept["cause"])
    assert "\n" not in str(kept["cause"])
    again = Shaky()
    assert again.measure(BenchSettings(), tmp_path, BenchProgress()) == [cell]
    assert again.ran == [], "a failure is a result"


@pytest.mark.parametrize("error", [RuntimeError("broken wheel"), VistaError("no graph is up")])
def test_a_fault_of_every_episode_is_no_result(error: Exception, tmp_path: Path):
    suite = Shaky(dict.fromkeys(range(8), error))
    with pytest.raises(VistaError, match=str(error)):
        suite.measure(BenchSettings(), tmp_path, BenchProgress())
    assert len(suite.ran) == 3
    assert lines(tmp_path) == []
    mended = Shaky()
    (cell,) = mended.measure(BenchSettings(), tmp_path, BenchProgress())
    assert (cell["n"], cell["success_rate"]) == (8, 1.0)


def test_what_is_wrong_with_the_settings_is_said_at_once(tmp_path: Path):
    suite = Shaky(dict.fromkeys(range(8), UnknownNameError("part", "x", ["y"])))
    with pytest.raises(VistaError, match=r"^unknown part 'x'; known: y$"):
        suite.measure(BenchSettings(), tmp_path, BenchProgress())
    assert suite.ran == [0]


def test_a_part_that_stops_every_episode_for_one_cause_is_a_fault(tmp_path: Path):
    suite = Shaky(dict.fromkeys(range(8), "predict: RuntimeError: out of memory"))
    with pytest.raises(VistaError, match="predict: RuntimeError: out of memory"):
        suite.measure(BenchSettings(), tmp_path, BenchProgress())
    assert len(suite.ran) == 5
    assert lines(tmp_path) == []


@pytest.mark.parametrize("episodes", [1, 3])
def test_so_it_is_in_a_bench_of_few_episodes(episodes: int, tmp_path: Path):
    suite = Shaky(dict.fromkeys(range(8), "plan: language model 'm': cannot be asked: connection refused"))
    with pytest.raises(VistaError, match="connection refused"):
        suite.measure(BenchSettings(episodes=episodes), tmp_path, BenchProgress())
    assert lines(tmp_path) == []
    mended = Shaky()
    (cell,) = mended.measure(BenchSettings(episodes=episodes), tmp_path, BenchProgress())
    assert (cell["n"], cell["success_rate"]) == (episodes, 1.0)


def test_a_guard_that_stops_each_episode_for_another_cause_is_a_result(tmp_path: Path):
    suite = Shaky({i: f"guard speed: {i} m/s" for i in range(8)})
    (cell,) = suite.measure(BenchSettings(), tmp_path, BenchProgress())
    assert (cell["n"], cell["success_rate"]) == (8, 0.0)
    assert "crashed" not in cell


def test_a_fault_that_comes_later_ends_the_bench_and_leaves_what_was_sound(tmp_path: Path):
    suite = Shaky({i: RuntimeError("disk gone") for i in range(2, 8)})
    with pytest.raises(VistaError, match="5 episodes in a row"):
        suite.measure(BenchSettings(), tmp_path, BenchProgress())
    assert [line["seed"] for line in lines(tmp_path)] == [0, 1]


def test_the_only_episode_that_is_left_may_crash_once_others_are_there(tmp_path: Path):
    Shaky().measure(BenchSettings(episodes=7), tmp_path, BenchProgress())
    (cell,) = Shaky({7: RuntimeError("a seed that kills")}).measure(
        BenchSettings(), tmp_path, BenchProgress()
    )
    assert (cell["n"], cell["crashed"]) == (8, 1)
    alone = Shaky({0: RuntimeError("a seed that kills")})
    with pytest.raises(VistaError, match="a seed that kills"):
        alone.measure(BenchSettings(episodes=1), tmp_path / "other", BenchProgress())


def dying(settings: int) -> Callable[[int], int]:
    def work(job: int) -> int:
        if job % 5 == 3:
            os._exit(9)
        if job % 5 == 4:
            raise RuntimeError(f"job {job}")
        return job * settings

    return work


def test_a_worker_that_dies_is_replaced_and_every_job_is_told_of():
    found = dict(attempts(dying, 2, list(range(10)), 2))
    assert {job for job, result in found.items() if isinstance(result, Crash)} == {3, 4, 8, 9}
    assert {job: result for job, result in found.items() if not isinstance(result, Crash)} == {
        job: 2 * job for job in (0, 1, 2, 5, 6, 7)
    }
    dead, failed = found[3], found[9]
    assert isinstance(dead, Crash)
    assert dead.cause == "a worker process died (exit status 9)"
    assert isinstance(failed, Crash)
    assert failed.cause == "RuntimeError: job 9"


# --- the file ---
KEY = Key("one", "a", 0, "f")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_tears_no_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with Results(tmp_path) as results:
        results.add(KEY, Episode(success=True))
        whole = results._file
        writes = [0]

        class Full:
            """Takes nine bytes and is full."""

            def __getattr__(self, name: str) -> object:
                return getattr(whole, name)

            def write(self, data: bytes) -> int:
                writes[0] += 1
                if writes[0] > 1:
                    raise OSError(28, "No space left on device")
                return int(whole.write(bytes(data)[:9]))

        monkeypatch.setattr(results, "_file", Full())
        with pytest.raises(ConfigError, match="No space left on device; what was finished before is kept"):
            results.add(Key("one", "a", 1, "f"), Episode(success=True))
        monkeypatch.setattr(results, "_file", whole)
        results.add(Key("one", "a", 2, "f"), Episode(success=False))
    assert [line["seed"] for line in lines(tmp_path)] == [0, 2]


@pytest.mark.parametrize("tail", [b'{"cell": "one", "me', b"\0" * 512, b"\0" * 100 + b"\n", b'{"cell":\0\n'])
def test_what_a_kill_or_a_lost_power_supply_leaves_is_cut_off(tail: bytes, tmp_path: Path):
    with Results(tmp_path) as results:
        results.add(KEY, Episode(success=True))
    path = tmp_path / "episodes.jsonl"
    before = path.read_bytes()
    path.write_bytes(before + tail)
    with Results(tmp_path) as results:
        assert results.get(KEY, Episode) is not None
    assert path.read_bytes() == before


LINE = {"cell": "one", "method": "a", "seed": 0, "fingerprint": "f", "success": True}


@pytest.mark.parametrize(
    "change",
    [{"success": "no"}, {"success": None}, {"success": 1}, {"seed": "x"}, {"seed": 1.5}, {"seed": None},
     {"cell": ["one"]}, {"cell": None}, {"fingerprint": {}}, {"method": 3}],
    ids=str,
)  # fmt: skip
def test_a_line_of_another_form_is_no_result(change: dict[str, object], tmp_path: Path):
    (tmp_path / "episodes.jsonl").write_text(json.dumps(LINE | change) + "\n")
    with pytest.raises(ConfigError, match="line 1 is not a result"):
        Results(tmp_path)


@pytest.mark.parametrize(
    "line", ["[]", "null", "5", "[" * 20_000, '{"cell": "one", "seed": Infinity}', "\ud800"]
)
def test_nor_is_a_line_that_is_no_record(line: str, tmp_path: Path):
    (tmp_path / "episodes.jsonl").write_bytes(line.encode("utf-8", "surrogatepass") + b"\n")
    with pytest.raises(ConfigError, match="line 1 is not a result"):
        Results(tmp_path)


def test_results_need_a_folder_that_can_be_written(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="nothing can be written there"):
        Results(tmp_path / "file")


# --- what chooses nothing, or everything by accident ---
@pytest.mark.parametrize(
    "wrong",
    [
        {"episodes": 0}, {"episodes": -1}, {"episodes": 10**9}, {"episodes": True}, {"seed": -1},
        {"seed": 2**63}, {"workers": 0}, {"workers": 10**6}, {"records": (0,)}, {"records": (10**30,)},
        {"split": ""},
        {"split": " "}, {"task": ""}, {"objects": ""}, {"scene": " "},
    ],
    ids=str,
)  # fmt: skip
def test_settings_that_mean_nothing_are_refused(wrong: dict[str, object]):
    with pytest.raises(InvalidValueError):
        BenchSettings(**wrong)  # type: ignore[arg-type]


def test_a_range_that_ends_before_the_last_episode_is_told():
    assert len(seeds_of(BenchSettings(split="tuning"), 3)) == 3
    with pytest.raises(InvalidValueError, match=r"--seed 0, 999999 episodes: range 'tuning' has"):
        seeds_of(BenchSettings(split="tuning"), 999_999)
    with pytest.raises(UnknownNameError, match="seed range"):
        seeds_of(BenchSettings(split="secret"), 1)
    with pytest.raises(InvalidValueError, match="a split has 10000 seeds"):
        TextWorldsCell().seeds(BenchSettings(split="tuning"), "coin", 10_001)


BASIC = ["bench", "--suite", "basic"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([*BASIC, "--cell", ""], "cell of suite 'basic' ''"),
        ([*BASIC, "--cell", " basic"], "cell of suite 'basic' ' basic'"),
        ([*BASIC, "--cell", "☕"], "cell of suite 'basic' '☕'"),
        ([*BASIC, "--method", ""], "method of suite 'basic' ''"),
        ([*BASIC, "--split", ""], "--split '' is empty"),
        ([*BASIC, "--task", " "], "--task ' ' is empty"),
        ([*BASIC, "--objects", ""], "--objects '' is empty"),
        ([*BASIC, "--scene="], "--scene '' is empty"),
        ([*BASIC, "--policy", ""], "--policy '' is empty"),
        ([*BASIC, "--robot", " "], "--robot ' ' is empty"),
        ([*BASIC, "--guard", ""], "--guard '' is empty"),
        ([*BASIC, "--episodes", "999999"], "999999 episodes: range 'bench' has"),
        ([*BASIC, "--seed", "999999"], "--seed 999999"),
        ([*BASIC, "--workers", "1000000"], "--workers 1000000"),
        ([*BASIC, "--page", "pages"], "suite 'basic' has no page"),
        (["bench", "--suite", ""], "unknown suite ''"),
        (["bench", "--suite", "memory", "--cell", "latency", "--records", "0"], "--records 0"),
        (["bench", "--suite", "memory", "--cell", "lifelong", "--method", "parallel"], "unknown method"),
        (["bench", "--suite", "memory", "--cell", "recall", "--episodes", "999999"], "999999 episodes"),
    ],
)
def test_a_filter_that_chooses_nothing_is_one_sentence(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):  # fmt: skip
    pytest.importorskip("mujoco")
    monkeypatch.chdir(tmp_path)
    assert cli.main(words) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""
    assert not (tmp_path / "runs").exists()


def test_an_empty_folder_of_objects_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    pytest.importorskip("mujoco")
    assert cli.main([*BASIC, "--objects", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "no *.yaml files" in capsys.readouterr().err


def test_to_begin_anew_deletes_checkpoints_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    from vista_bench import training_data

    def stop(*args: object, **kwargs: object) -> None:
        raise VistaError("this would begin to work")

    monkeypatch.setattr(training_data, "make_data", stop)
    (tmp_path / "letter.txt").write_text("mine")
    call = ["train", "planner", "--fresh", "--checkpoints", str(tmp_path), "--out", str(tmp_path / "out")]
    assert cli.main(call) == 2
    assert "holds no checkpoint" in capsys.readouterr().err
    assert (tmp_path / "letter.txt").read_text() == "mine"


@pytest.mark.parametrize("cells", [[], [{"cell": "a", "method": "b", "n": 0, "success_rate": None}]])
def test_an_empty_measurement_is_no_success(
    cells: list[dict[str, object]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):  # fmt: skip
    from vista.cli import bench

    suite = Shaky()
    monkeypatch.setattr(suite, "measure", lambda *_: cells)
    monkeypatch.setattr(bench, "make_suite", lambda name: suite)
    assert cli.main(["bench", "--suite", "shaky", "--out", str(tmp_path)]) == 2
    captured = capsys.readouterr()
    assert "nothing was measured" in captured.err
    assert captured.out == ""


def test_nothing_called_is_not_all_right():
    pytest.importorskip("mujoco")
    episode = VistaEpisode(
        success=False, failure="stopped", outcome="stopped", cause="", grasped=False, nearest_m=9.0,
        instruction="", jerk=0.0, idle_s=0.0, steps=0, seconds=1.0, wall_s=1.0,
    )  # fmt: skip
    told = VistaSuite().describe([Counted(Key("novel", "ours", 1, "f"), episode)])
    assert told["switch_precision"] is None
    assert told["switch_recall"] is None
