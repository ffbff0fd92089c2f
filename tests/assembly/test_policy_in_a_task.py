"""The example policy in whole tasks: each instruction is stopped by its rule, and the others are done."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("mujoco")

from vista.assembly import Refs, load_parts
from vista.loop import run_task
from vista.types import Ask, EpisodeResult, Outcome, Refusal
from vista_sim.simulation import simulate

KITCHEN = str(Path(__file__).resolve().parents[2] / "examples/guard/kitchen.yaml")
KNIFE = "colour: grey\nshape: knife\nprimitive: box\nsize: [0.05, 0.01, 0.01]\n"
# y is to the left of the arm; the left half begins at 0.12 m.
TABLE = """tray: {{at: [0.5, -0.15]}}
objects:
- {{label: grey knife, x: 0.5, y: 0.05}}
- {{label: {label}, x: {x}, y: {y}}}
"""


def told(
    tmp_path: Path, instruction: str, *, task: str = "pick_place", approved: tuple[str, ...] = (),
    thing: tuple[str, float, float] = ("blue mug", 0.42, 0.0), scene: bool = True,
) -> tuple[EpisodeResult, bool]:  # fmt: skip
    """How ``instruction`` ends under the policy, and whether the hand ever moved."""
    (tmp_path / "things").mkdir()
    (tmp_path / "things/knife.yaml").write_text(KNIFE)
    label, x, y = thing
    (tmp_path / "scene.yaml").write_text(TABLE.format(label=label, x=x, y=y))
    file = tmp_path / "scene.yaml" if scene else None
    refs = Refs("scripted", "oracle", "scripted", "oracle", "scripted", guard_policy=KITCHEN)
    objects = tmp_path / "things" if scene else None
    target = None if not scene else "grey knife" if "knife" in instruction else label
    with simulate(task, objects=objects, scene=file, target=target) as sim:
        before = sim.robot.world.joints
        with load_parts(sim.robot, refs=refs, oracle=sim.oracle) as parts:
            parts.planner.approved = frozenset(approved)
            result = run_task(parts, instruction)
        return result, bool(abs(sim.robot.world.joints - before).max() > 0.05)


def test_the_drawer_stays_shut(tmp_path: Path):
    result, moved = told(tmp_path, "open the drawer", task="drawer", scene=False)
    assert (result.outcome, result.refusal, moved) == (Outcome.FAILURE, Refusal.FORBIDDEN, False)
    assert "rule 'drawers stay shut'" in result.cause


def test_the_knife_is_asked_for_and_then_done(tmp_path: Path):
    result, moved = told(tmp_path, "put the grey knife in the tray")
    assert (result.outcome, moved) == (Outcome.QUESTION, False)
    assert result.question is not None
    assert (result.question.kind, result.question.options[0].name) == (Ask.APPROVAL, "sharp things")


def test_what_a_person_approves_is_done(tmp_path: Path):
    result, moved = told(tmp_path, "put the grey knife in the tray", approved=("sharp things",))
    assert (result.outcome, moved) == (Outcome.SUCCESS, True), result.cause


def test_the_left_half_stays_free(tmp_path: Path):
    result, moved = told(tmp_path, "put the blue mug in the tray", thing=("blue mug", 0.42, 0.2))
    assert (result.outcome, result.refusal, moved) == (Outcome.FAILURE, Refusal.FORBIDDEN, False)
    assert "rule 'left half is free': the blue mug is in its zone" in result.cause


def test_what_no_rule_is_about_is_done(tmp_path: Path):
    result, moved = told(tmp_path, "put the blue mug in the tray")
    assert (result.outcome, moved) == (Outcome.SUCCESS, True), result.cause
