"""The few lines of the example run: with the models that ship, or else with untrained ones."""

from __future__ import annotations

import runpy
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vista.assembly import loading, references

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "lockstep.py"
MODELS = ("executor", "world_model", "planner", "detector", "switcher")


def untrained(folder: Path) -> None:
    """A folder for every part, with the weights that networks are born with."""
    from vista.executor.modeling import GoalVLA, GoalVLAConfig
    from vista.learning.splits import load_splits
    from vista.perception.network import SceneDetectorConfig, SceneDetectorNet
    from vista.planner.network import PlannerHead
    from vista.planner.train import make_config
    from vista.switcher import CalibratedSwitcher
    from vista.world_model.pipeline import GoalImagePipeline, make_scheduler
    from vista.world_model.unet import GoalUNet

    splits = load_splits()
    shapes = SceneDetectorConfig(shapes=(*splits.shapes, "tray"), colours=splits.colours)
    GoalVLA(GoalVLAConfig(hidden=32)).save_pretrained(folder / "executor")
    unet = GoalUNet(channels=8, deep_channels=16, depth=1)
    GoalImagePipeline(unet, make_scheduler()).save_pretrained(folder / "world_model")
    PlannerHead(make_config()).save_pretrained(folder / "planner")
    SceneDetectorNet(shapes).save_pretrained(folder / "detector")
    CalibratedSwitcher().save_pretrained(folder / "switcher")


def test_the_example_needs_three_imports_and_three_lines():
    lines = [line for line in EXAMPLE.read_text().splitlines() if line and not line.startswith('"')]
    imports = [line for line in lines if line.startswith(("from", "import"))]
    assert len(imports) <= 3
    assert len(lines) - len(imports) <= 4


class Hurrying:
    """A wall clock on which three seconds pass whenever somebody looks at it."""

    def __init__(self) -> None:
        self.now = time.monotonic()

    def __call__(self) -> float:
        self.now += 3.0
        return self.now


def test_wall_time_changes_nothing_in_lockstep(monkeypatch: pytest.MonkeyPatch):
    """An episode with memory and a plan, on a quiet machine and on one where everything takes seconds."""
    pytest.importorskip("mujoco")
    pytest.importorskip("unified_planning")
    from robomemory.embed.embedder import HashingEmbedder
    from robomemory.memory import RoboMemory
    from vista.assembly import Refs
    from vista.learning.splits import load_splits
    from vista_bench.episode import EpisodeRunner, LoopEpisode
    from vista_sim.scenes.task_scenes import scene_task

    monkeypatch.setattr(loading, "embedder", lambda name="": HashingEmbedder())
    waited: list[float] = []
    recall = RoboMemory.recall

    def watched(memory: RoboMemory, *queries: Any, **how: Any) -> Any:
        waited.append(how["timeout_s"])
        return recall(memory, *queries, **how)

    monkeypatch.setattr(RoboMemory, "recall", watched)
    found = []
    for clock in (time.monotonic, Hurrying()):
        monkeypatch.setattr(time, "monotonic", clock)
        runner = EpisodeRunner(Refs("scripted", "oracle", "memory", "oracle", "scripted"))
        ran = runner.run(scene_task("pick_place", load_splits().seed("tuning", 3)))
        found.append(replace(ran.episode(LoopEpisode), wall_s=0.0))
    monkeypatch.undo()
    assert found[0] == found[1]
    assert found[0].success, found[0]
    assert min(waited) > 100.0, "a deadline of a second is missed on a busy machine"


def test_the_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    pytest.importorskip("mujoco")
    pytest.importorskip("torch")
    ship = all((ROOT / "models" / name).is_dir() for name in MODELS)
    if not ship:
        untrained(tmp_path)
        monkeypatch.setattr(references, "shipped", lambda name: tmp_path / name)
    runpy.run_path(str(EXAMPLE))
    said = capsys.readouterr().out
    assert said.startswith("put the blue mug in the tray: ")
    assert "stopped" not in said, said
    assert not ship or said.rstrip().endswith("in truth: True"), said
