"""The ten lines of the example run: with the models that ship, or else with untrained ones."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from vista.cli import refs

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "lockstep.py"
MODELS = ("executor", "world_model", "planner", "detector", "switcher")


def untrained(folder: Path) -> None:
    """A folder for every part, with the weights that networks are born with."""
    from vista.executor.modeling import GoalVLA, GoalVLAConfig
    from vista.perception.network import SceneDetectorConfig, SceneDetectorNet
    from vista.planner.network import PlannerHead
    from vista.planner.train import make_config
    from vista.splits import load_splits
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


def test_the_loop_is_ten_lines():
    lines = [line for line in EXAMPLE.read_text().splitlines() if line and not line.startswith(("from", '"'))]
    assert len(lines) <= 11  # and one that frees the camera


def test_the_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    pytest.importorskip("mujoco")
    pytest.importorskip("torch")
    ship = all((ROOT / "models" / name).is_dir() for name in MODELS)
    if not ship:
        untrained(tmp_path)
        monkeypatch.setattr(refs, "shipped", lambda name: tmp_path / name)
    runpy.run_path(str(EXAMPLE))
    said = capsys.readouterr().out
    assert said.startswith("put the blue mug in the tray: ")
    assert "stopped" not in said, said
    assert not ship or said.rstrip().endswith("in truth: True"), said
