"""The families of tasks. What each hides is drawn by the seed; the robot is told none of it.

``drawer``: in which of three drawers a thing lies (spatial memory). ``slippery``: which of two boxes slips
out of the hand unless it is lifted slowly (episodic). ``my tray``: which of three trays the user means
(semantic). ``just now``: which thing was put down first or last (temporal). ``taken away``: somebody takes
the thing out of the hand once (critic). The budget of each is the number of steps that one who knows needs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from robomemory.records import Triple
from vista.learning.splits import load_splits
from vista_sim.model import cabinet
from vista_sim.objects.specs import Geom, ObjectSpec, sample_object
from vista_sim.scenes.cabinet_scenes import put_in_drawer, sample_cabinet
from vista_sim.scenes.scene import Placed, Scene, sample_surroundings

FAMILIES = ("drawer", "slippery", "my tray", "just now", "taken away")
NEEDED = {
    "drawer": "spatial",
    "slippery": "episodic",
    "my tray": "semantic",
    "just now": "temporal",
    "taken away": "critic",
}
"""The part of the memory that each family needs."""

_SHAPES = ("box", "cube", "ball")
_TRAY_COLOURS = ("red", "green", "blue")
_TRAY_X, _THING_X = 0.6, 0.42


@dataclass(frozen=True, slots=True)
class Errand:
    """The sentences of the user, one after the other, the facts that shall hold in the end, and the budget of
    ``steps`` for all of it."""

    says: tuple[str, ...]
    wanted: frozenset[Triple]
    steps: int


@dataclass(frozen=True, slots=True)
class Scenario:
    """One seed of a family: the ``scene``, the ``trays`` that are objects of it, the errand that is tried
    again and again, another one in the same scene (``unseen``), and the hidden facts: the ``slippery`` label,
    whether the thing is taken ``away`` once, and the sentence that the user ``tells`` after an attempt."""

    family: str
    seed: int
    scene: Scene
    errand: Errand
    unseen: Errand
    trays: tuple[str, ...] = ()
    slippery: str = ""
    away: bool = False
    tells: str = ""


def tray_spec(colour: str) -> ObjectSpec:
    """A tray as an object: a floor of 12 x 12 cm with four low walls, too heavy to be pushed about."""
    walls = tuple(
        Geom("box", (0.003, 0.06, 0.01) if x else (0.06, 0.003, 0.01), (0.06 * x, 0.06 * y, 0.002))
        for x, y in ((1, 0), (-1, 0), (0, 1), (0, -1))
    )
    base = sample_object(f"{colour} box", np.random.default_rng(0))
    floor = Geom("box", (0.06, 0.06, 0.002), (0.0, 0.0, -0.01))
    return replace(
        base, shape="tray", geoms=(floor, *walls), half_height=0.012, half_width=0.06, density=8000.0,
        texture=None,
    )  # fmt: skip


def make_scenario(family: str, seed: int) -> Scenario:
    """The scenario of ``family`` with all draws from ``seed``."""
    rng = np.random.default_rng([seed, FAMILIES.index(family)])
    return _drawer(rng, seed) if family == "drawer" else _trays(rng, seed, family)


def _labels(rng: np.random.Generator, shapes: tuple[str, ...]) -> list[str]:
    """A label for each of ``shapes``, no colour twice."""
    colours = rng.permutation(load_splits().colours)
    return [f"{colour} {shape}" for colour, shape in zip(colours, shapes, strict=False)]


def _drawer(rng: np.random.Generator, seed: int) -> Scenario:
    shapes = tuple(str(s) for s in rng.choice(_SHAPES, 4))
    labels = _labels(rng, shapes)
    wanted, other = labels[0], labels[1]
    scene = sample_cabinet(
        seed, [wanted, *labels[2:]], load_splits().demo_patterns, drawers=3, distractors=2, subject=wanted,
        hidden=True, tray=True,
    )  # fmt: skip
    first = scene.find(wanted).drawer
    second = int(rng.choice([d for d in range(3) if d != first]))
    hidden = put_in_drawer(sample_object(other, rng), 3, second, rng)
    scene = replace(scene, objects=(*scene.objects, hidden))
    errands = [
        Errand((f"put the {label} in the tray",), frozenset({(label, "in", "tray")}), 3)
        for label in (wanted, other)
    ]
    assert len(cabinet.DRAWER_NAMES[3]) == 3
    return Scenario("drawer", seed, scene, errands[0], errands[1])


def _trays(rng: np.random.Generator, seed: int, family: str) -> Scenario:
    shapes = ("box", "box", "cube") if family == "slippery" else tuple(str(s) for s in rng.choice(_SHAPES, 3))
    labels = _labels(rng, shapes)
    count = 2 if family in ("slippery", "taken away") else 3
    colours = [str(c) for c in rng.permutation(_TRAY_COLOURS)[:count]]
    trays = tuple(f"{c} tray" for c in colours)
    ys = (-0.17, 0.0, 0.17) if count == 3 else (-0.12, 0.12)
    objects = [Placed(tray_spec(c), _TRAY_X, y, 0.0) for c, y in zip(colours, ys, strict=True)]
    for label, y in zip(labels, rng.permutation((-0.15, 0.0, 0.15)), strict=True):
        x, off = _THING_X + rng.uniform(-0.03, 0.03), rng.uniform(-0.02, 0.02)
        yaw = float(rng.uniform(-0.5, 0.5))
        objects.append(Placed(sample_object(label, rng), float(x), float(y + off), yaw))
    scene = sample_surroundings(rng, seed, load_splits().demo_patterns)
    scene = replace(scene, objects=tuple(objects))
    make = {"slippery": _slippery, "my tray": _my_tray, "just now": _just_now, "taken away": _taken_away}
    return make[family](rng, seed, scene, trays, labels)


def _put(label: str, tray: str) -> str:
    return f"put the {label} in the {tray}"


def _slippery(
    rng: np.random.Generator, seed: int, scene: Scene, trays: tuple[str, ...], labels: list[str]
) -> Scenario:
    a, b = labels[:2]
    first, other = trays[:2]
    wanted = frozenset({(a, "in", first), (b, "in", other)})
    errand = Errand((f"{_put(a, first)}, then {_put(b, other)}",), wanted, 4)
    slips = str(rng.choice([a, b]))
    tray = other if slips == a else first
    unseen = Errand((_put(slips, tray),), frozenset({(slips, "in", tray)}), 2)
    return Scenario("slippery", seed, scene, errand, unseen, trays, slippery=slips)


def _my_tray(
    rng: np.random.Generator, seed: int, scene: Scene, trays: tuple[str, ...], labels: list[str]
) -> Scenario:
    mine = str(rng.choice(trays))
    errands = [
        Errand((f"put the {label} in my tray",), frozenset({(label, "in", mine)}), 2) for label in labels[:2]
    ]
    return Scenario("my tray", seed, scene, errands[0], errands[1], trays, tells=f"my tray is the {mine}")


def _just_now(
    rng: np.random.Generator, seed: int, scene: Scene, trays: tuple[str, ...], labels: list[str]
) -> Scenario:
    here, there, free = trays
    errands = []
    for one, two in ((labels[0], labels[1]), (labels[2], labels[0])):
        first = bool(rng.integers(2))
        then = f"put the one you put down {'first' if first else 'last'} in the {free}"
        wanted = {(one, "in", free if first else here), (two, "in", there if first else free)}
        errands.append(Errand((f"{_put(one, here)}, then {_put(two, there)}", then), frozenset(wanted), 6))
    return Scenario("just now", seed, scene, errands[0], errands[1], trays)


def _taken_away(
    rng: np.random.Generator, seed: int, scene: Scene, trays: tuple[str, ...], labels: list[str]
) -> Scenario:
    errands = [
        Errand((_put(label, trays[0]),), frozenset({(label, "in", trays[0])}), 3) for label in labels[:2]
    ]
    return Scenario("taken away", seed, scene, errands[0], errands[1], trays, away=True)
