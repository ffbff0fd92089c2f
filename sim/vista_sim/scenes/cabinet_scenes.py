"""Scenes with a cabinet: objects, perhaps a tray, in front of closed drawers; one may lie in a drawer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from vista.errors import InvalidValueError
from vista.values import whole
from vista_sim.model import cabinet
from vista_sim.objects.specs import ObjectSpec, sample_object
from vista_sim.scenes.scene import (
    OBJECT_RADIUS,
    TRAY_RADIUS,
    Placed,
    Scene,
    sample_surroundings,
)
from vista_sim.scenes.table import Range, Table, table_of

Point = tuple[float, float]
FRONT_X: Range = (0.56, 0.685)
FRONT_YAW = 0.5
"""In front of open drawers: so far [m], and turned so little [rad], that the hand does not touch them."""
TRAY_X: Range = (0.57, 0.66)
LEAST_M = 0.04
"""An arm that reaches less far than this beyond open drawers has no room for things there [m]."""
HIDE_SHAPES = ("cube", "box", "cylinder", "ball", "capsule", "hexprism", "triprism")
# A box under something is in contact at several points; other solids at one, and what stands on them rocks.
FLAT_SHAPES = ("cube", "box")
STACK_SHAPES = (*FLAT_SHAPES, "cylinder", "can", "hexprism", "triprism")
Library = Mapping[str, ObjectSpec] | None


def _has(label: str, library: Library, shapes: Sequence[str], test: Callable[[ObjectSpec], bool]) -> bool:
    if library and label in library:
        return test(library[label])
    return label.partition(" ")[2] in shapes


def fits_drawer(spec: ObjectSpec) -> bool:
    """Whether a drawer shuts over it."""
    return 2 * spec.half_height < cabinet.HIDDEN_HEIGHT


def is_support(spec: ObjectSpec) -> bool:
    """Whether another object can stand on it: a box, neither tall nor thin."""
    box = len(spec.geoms) == 1 and spec.geoms[0].type == "box"
    return box and spec.half_height <= 0.031 and spec.half_width >= 0.0145


def is_stackable(spec: ObjectSpec) -> bool:
    """Whether it stands on a flat top by itself."""
    return not spec.rolls and spec.shape != "mug"


def hideable(labels: Sequence[str], library: Library) -> list[str]:
    """The labels whose objects fit into a closed drawer."""
    return [label for label in labels if _has(label, library, HIDE_SHAPES, fits_drawer)]


def supports(labels: Sequence[str], library: Library) -> list[str]:
    """The labels on which something can be put."""
    return [label for label in labels if _has(label, library, FLAT_SHAPES, is_support)]


def stackables(labels: Sequence[str], library: Library) -> list[str]:
    """The labels that can be put on something."""
    return [label for label in labels if _has(label, library, STACK_SHAPES, is_stackable)]


def front_of(table: Table) -> Range:
    """Range of x [m] beyond open drawers where things stand.

    Raises:
        InvalidValueError: the arm does not reach the handles, or there.
    """
    handle, far = cabinet.CENTRE_X + cabinet.FRONT, min(FRONT_X[1], table.reach_x[1])
    if table.reach_x[0] > handle or far < FRONT_X[0] + LEAST_M:
        low, high = table.reach_x
        raise InvalidValueError(
            f"robot {table.robot}: its workspace is x {low:g} to {high:g} m; drawers and what stands before "
            f"them need {handle:g} to {FRONT_X[0] + LEAST_M:g} m"
        )
    return FRONT_X[0], far


def arrange(
    rng: np.random.Generator,
    radii: Sequence[float],
    draw: Sequence[Callable[[], Point]],
    given: Sequence[Point] = (),
) -> list[Point]:
    """The ``given`` centres [m] and those of ``draw``, so that no drawn disc of ``radii`` touches another.

    Raises:
        InvalidValueError: no room after many tries.
    """
    for _ in range(200):
        centres = list(given)
        for radius, one in zip(radii[len(given) :], draw, strict=True):
            for _try in range(60):
                c = one()
                pairs = zip(centres, radii, strict=False)
                if all(np.hypot(c[0] - o[0], c[1] - o[1]) >= radius + r for o, r in pairs):
                    centres.append(c)
                    break
            else:
                break
        if len(centres) == len(radii):
            return centres
    raise InvalidValueError(f"{len(radii)} things do not fit on the table: ask for fewer")


def sample_cabinet(
    seed: int,
    labels: Sequence[str],
    patterns: Sequence[str],
    *,
    drawers: int,
    distractors: int,
    subject: str,
    hidden: bool,
    tray: bool,
    library: Library = None,
    table: Table | None = None,
) -> Scene:
    """``subject`` and ``distractors`` other ``labels`` at a cabinet; all random draws from ``seed``.

    ``hidden``: the subject lies in one of the closed drawers, else it stands on the table like the others.
    ``table``: of the arm, None: of the one that is simulated by default.

    Raises:
        InvalidValueError: the arm does not reach the handles, or what stands beyond open drawers.
    """
    table = table or table_of()
    front_x, tray_x = front_of(table), (TRAY_X[0], min(TRAY_X[1], table.reach_x[1]))
    rng = np.random.default_rng(whole("seed", seed, 0))
    scene = sample_surroundings(rng, seed, patterns)
    others = [label for label in dict.fromkeys(labels) if label != subject]
    if len(others) < distractors:
        raise InvalidValueError(f"{distractors} distractors asked for, {len(others)} other labels given")
    chosen = [subject, *(str(s) for s in rng.permutation(others)[:distractors])]
    specs = [library[s] if library and s in library else sample_object(s, rng) for s in chosen]

    def front() -> Point:
        return float(rng.uniform(*front_x)), float(rng.uniform(*table.y))

    def tray_place() -> Point:
        return float(rng.uniform(*tray_x)), float(rng.uniform(-0.2, 0.2))

    standing = specs[1:] if hidden else specs
    radii = [TRAY_RADIUS] * tray + [OBJECT_RADIUS] * len(standing)
    centres = arrange(rng, radii, [tray_place] * tray + [front] * len(standing))
    objects = [
        Placed(spec, x, y, float(rng.uniform(-FRONT_YAW, FRONT_YAW) + np.pi * rng.integers(2)))
        for spec, (x, y) in zip(standing, centres[tray:], strict=True)
    ]
    if hidden:
        drawer = int(rng.integers(drawers))
        objects.insert(0, put_in_drawer(specs[0], drawers, drawer, rng))
    return replace(scene, objects=tuple(objects), tray=centres[0] if tray else None, drawers=drawers)


def put_in_drawer(spec: ObjectSpec, drawers: int, drawer: int, rng: np.random.Generator) -> Placed:
    """The object in the middle of a closed drawer, roughly aligned with it.

    Raises:
        InvalidValueError: it is too tall for the drawer.
    """
    if not fits_drawer(spec):
        tall, free = 2000 * spec.half_height, 1000 * cabinet.HIDDEN_HEIGHT
        raise InvalidValueError(
            f"the {spec.label} is {tall:.0f} mm tall; a closed drawer holds {free:.0f} mm"
        )
    x = cabinet.CENTRE_X + float(rng.uniform(-0.01, 0.01))
    y = cabinet.DRAWER_Y[drawers][drawer] + float(rng.uniform(-0.012, 0.012))
    return Placed(spec, x, y, float(rng.uniform(-0.3, 0.3)), cabinet.FLOOR, drawer)
