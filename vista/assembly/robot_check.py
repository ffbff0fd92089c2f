"""Whether a robot's contract can be right: what the file says, its kinematics, and which models fit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np

from vista.assembly.loading import load_guard
from vista.assembly.references import shipped
from vista.assembly.training import SHIPPED
from vista.errors import VistaError
from vista.guard import load_limits
from vista.robot.contract import load_robot
from vista.robot.kinematics import Kinematics
from vista.robot.link_shapes import LinkShapes
from vista.robot.model_fit import check_fits, trained_for
from vista.types import F64, RobotSpec

REACHED_M, TILTED_RAD = 0.005, 0.1
LEAST_SHARE = 0.5
"""An arm that reaches a smaller share of its workspace with the hand pointing down has a wrong workspace."""
MOST_NEAR = 0.2
"""An arm that is near to a zone or itself in a larger share of these postures has a wrong zone."""
GRID = 5
"""Points along each side of the workspace at which the reach is tried."""


class Finding(StrEnum):
    """How a check ended: ``NOTE`` is told, and is no reason against the contract."""

    OK = "ok"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Checked:
    """One row of the table: ``what`` was checked, how it ended, and in words what was found."""

    what: str
    finding: Finding
    said: str


def check_contract(name: str | Path) -> tuple[Checked, ...]:
    """Check the contract ``name`` (one that ships, or the path of a file) without the arm. A file that cannot
    be read is a row, too; nothing is raised for it."""
    try:
        spec = load_robot(name)
    except VistaError as error:
        return (Checked("contract", Finding.WRONG, str(error)),)
    joints = f"{spec.name}: {len(spec.joints)} joints, {', '.join(spec.cameras) or 'no'} cameras"
    return (Checked("contract", Finding.OK, joints), *_kinematic(spec), *_models(spec))


def refused(checks: tuple[Checked, ...]) -> bool:
    """Whether one of ``checks`` speaks against the contract."""
    return any(check.finding is Finding.WRONG for check in checks)


def _kinematic(spec: RobotSpec) -> Iterator[Checked]:
    try:
        arm = Kinematics(spec)
    except VistaError as error:
        yield Checked("kinematics", Finding.WRONG, str(error))
        return
    yield _limits(spec, arm)
    yield _home(spec, arm)
    yield _reach(spec, arm)
    yield from _links(spec, arm)
    yield _heights(spec)
    try:
        load_guard(spec)
    except VistaError as error:
        yield Checked("guard", Finding.WRONG, str(error))
    else:
        yield Checked("guard", Finding.OK, "its default limits leave the joints and the workspace room")


def _limits(spec: RobotSpec, arm: Kinematics) -> Checked:
    wide = []
    for joint in spec.joints:
        found = arm.model.joint(joint.name)
        low, high = (float(v) for v in found.range)
        limited = bool(arm.model.jnt_limited[found.id])
        if limited and (joint.lower < low - 1e-3 or joint.upper > high + 1e-3):
            said = "continuous" if joint.continuous else f"[{joint.lower:g}, {joint.upper:g}]"
            wide.append(f"{joint.name} {said}, in the file [{low:.4g}, {high:.4g}]")
    if wide:
        return Checked("limits", Finding.WRONG, f"wider than the kinematics allow: {'; '.join(wide)} rad")
    return Checked("limits", Finding.OK, "within those of the kinematics file")


def _home(spec: RobotSpec, arm: Kinematics) -> Checked:
    pose = arm.forward(spec.home)
    at = f"the hand is at {np.round(pose[:3, 3], 3).tolist()} m"
    low, high = spec.workspace
    if not ((pose[:3, 3] >= low - 1e-3) & (pose[:3, 3] <= high + 1e-3)).all():
        return Checked("home", Finding.WRONG, f"{at}, outside the workspace {spec.workspace.tolist()}")
    tilt = float(np.rad2deg(np.arccos(np.clip(-pose[2, 2], -1.0, 1.0))))
    return Checked("home", Finding.OK, f"{at}, {tilt:.0f} degrees from pointing down")


def _postures(spec: RobotSpec, arm: Kinematics) -> list[F64]:
    """Joints (J,) [rad] with which the hand points down, for each point of a grid that is reached."""
    low, high = spec.workspace
    sides = [np.linspace(a, b, GRID + 2)[1:-1] for a, b in zip(low, high, strict=True)]
    points = (np.array([x, y, z]) for x in sides[0] for y in sides[1] for z in sides[2])
    found = (_posture(arm, spec, point) for point in points)
    return [joints for joints in found if joints is not None]


def _links(spec: RobotSpec, arm: Kinematics) -> Iterator[Checked]:
    """Whether zones and links leave the arm its home and its workspace."""
    try:
        limits = load_limits()
        shapes = LinkShapes(spec, limits.link_clearance_m, limits.self_clearance_m)
    except VistaError as error:
        yield Checked("links", Finding.WRONG, str(error))
        return
    at_home = shapes.near(spec.home)
    if at_home:
        said = "; ".join(f"{link} {gap:.3f} m from {other}" for (link, other), gap in at_home.items())
        yield Checked("links", Finding.WRONG, f"at home: {said}")
        return
    postures = _postures(spec, arm)
    near = [pair for joints in postures for pair in shapes.near(joints)]
    if len(near) > MOST_NEAR * len(postures):
        worst = max(set(near), key=near.count)
        said = f"{worst[0]} is near to {worst[1]} in {near.count(worst)} of {len(postures)} postures"
        yield Checked("links", Finding.WRONG, said)
        return
    zones = ", ".join(shapes.zones) or "no zones"
    pairs = [f"{one}/{other}" for one, other in sorted(shapes.drawn_together - _joined(arm))]
    said = f"keep out of {zones} and apart from each other"
    yield Checked("links", Finding.OK, f"{said}; drawn as one: {', '.join(pairs)}" if pairs else said)
    if shapes.assumed:
        said = f"no primitive shape in the file: capsules stand for {', '.join(shapes.assumed)}"
        yield Checked("link shapes", Finding.NOTE, said)


def _joined(arm: Kinematics) -> set[tuple[str, str]]:
    """Pairs of bodies that hang on each other, in the order of the alphabet."""
    names, above = [arm.model.body(b).name for b in range(arm.model.nbody)], arm.model.body_parentid
    return {(min(name, names[above[b]]), max(name, names[above[b]])) for b, name in enumerate(names) if b}


def _reach(spec: RobotSpec, arm: Kinematics) -> Checked:
    share = len(_postures(spec, arm)) / GRID**3
    said = f"{share:.0%} of {GRID**3} points of the workspace, with the hand pointing down"
    return Checked("reach", Finding.OK if share >= LEAST_SHARE else Finding.WRONG, said)


def _posture(arm: Kinematics, spec: RobotSpec, point: F64) -> F64 | None:
    target = np.diag([1.0, -1.0, -1.0, 1.0])
    target[:3, 3] = point
    joints = arm.inverse(target, spec.home, iterations=60)
    found = arm.forward(joints)
    # How the hand is turned about the vertical is left open: an arm of five joints cannot choose it.
    tilt = np.arccos(np.clip(-found[2, 2], -1.0, 1.0))
    there = np.linalg.norm(found[:3, 3] - point) < REACHED_M and tilt < TILTED_RAD
    return joints if there else None


def _heights(spec: RobotSpec) -> Checked:
    top = float(spec.workspace[1, 2])
    high = [f"{name} {getattr(spec.withdraw, name):g}" for name in ("height_m", "carry_m")
            if getattr(spec.withdraw, name) > top]  # fmt: skip
    if high:
        said = f"{', '.join(high)} m above the top of the workspace, {top:g} m"
        return Checked("withdraw", Finding.WRONG, said)
    return Checked("withdraw", Finding.OK, f"the hand leaves to {spec.withdraw.height_m:g} m")


def _models(spec: RobotSpec) -> Iterator[Checked]:
    fit, others = [], dict[str, list[str]]()
    for name in SHIPPED:
        try:
            trained = trained_for(shipped(name))
            if trained is not None and trained.robot not in (spec.name, *spec.accepts_models_of):
                others.setdefault(trained.robot, []).append(name)
                continue
            check_fits(name, shipped(name), spec)
            fit.append(name)
        except VistaError as error:
            yield Checked(f"models/{name}", Finding.NOTE, str(error))
    if fit:
        yield Checked("models", Finding.OK, f"trained for this arm and its cameras: {', '.join(fit)}")
    for robot, names in others.items():
        said = (
            f"trained for another arm, {robot!r}: {', '.join(names)}; train them for this one "
            "(docs/howto/data.md), or, where it is the same arm under another name, write "
            f"`accepts_models_of: [{robot}]` into the contract"
        )
        yield Checked("models", Finding.NOTE, said)
