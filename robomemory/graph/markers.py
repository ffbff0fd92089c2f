"""The memory's graph as shapes in space, for viewers such as RViz. Plain values: no ROS here."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum

from robomemory.graph.scene import SceneFact, SceneGraph, SceneObject
from robomemory.names import METRIC, PLACE
from robomemory.plain_text import plain, short
from robomemory.records import Position

MOST_THINGS = 300
"""Things shown at most, those seen last: a viewer draws them all anew whenever the graph changes."""

THING_M = 0.03  # diameter of a sphere
TEXT_M = 0.025  # height of a capital letter
LINE_M = 0.004  # thickness of a line
MOST_LINES = 6  # of a label, below the name
_LONGEST = 60  # characters of such a line

Colour = tuple[float, float, float, float]
_HOLDER: Colour = (0.98, 0.65, 0.15, 1.0)  # something is in or on it
_THING: Colour = (0.30, 0.56, 0.85, 1.0)
_LABEL: Colour = (1.0, 1.0, 1.0, 1.0)
_RELATIONS: dict[str, Colour] = {
    "place": (0.20, 0.75, 0.35, 1.0),
    "metric": (0.65, 0.65, 0.70, 1.0),
    "other": (0.75, 0.45, 0.85, 1.0),
}


class Shape(StrEnum):
    SPHERE = "sphere"
    LABEL = "label"
    LINE = "line"


@dataclass(frozen=True, slots=True)
class Marker:
    """One shape. ``group`` and ``number`` together are its name; ``points`` [m] in the robot's base frame:
    the middle of a sphere or label, the ends of a line; ``colour`` red, green, blue, opacity [0, 1];
    ``size_m`` diameter, height of letters or thickness [m]; ``text`` of a label, or what a line says."""

    shape: Shape
    group: str
    number: int
    points: tuple[Position, ...]
    colour: Colour
    size_m: float
    text: str = ""


def markers_of(scene: SceneGraph, most: int = MOST_THINGS) -> tuple[Marker, ...]:
    """``scene`` as a sphere and a label for each thing that was seen, and a line for each fact between two of
    them. What is known of a thing besides (a state, what lies in it and was never seen itself) stands in its
    label; the surer the memory is of a thing or fact, the less can be seen through it. Of more than ``most``
    things, those seen last."""
    seen = {o.name: o for o in sorted(scene.objects, key=_newest_first) if o.position is not None}
    shown = dict(sorted(list(seen.items())[:most]))
    holders = {fact.object for fact in scene.facts if fact.relation in PLACE}
    lines: list[Marker] = []
    told: dict[str, list[str]] = defaultdict(list)
    for fact in scene.facts:
        ends = [shown[end] for end in (fact.subject, fact.object) if end in shown]
        if len(ends) == 2 and fact.subject != fact.object:
            lines.append(_line(fact, ends, len(lines)))
        elif ends:
            told[ends[0].name].append(_said(fact, ends[0].name))
    spheres, labels = [], []
    for number, (name, thing) in enumerate(shown.items()):
        assert thing.position is not None
        x, y, z = thing.position
        colour = _faded(_HOLDER if name in holders else _THING, thing.confidence)
        spheres.append(Marker(Shape.SPHERE, "things", number, ((x, y, z),), colour, THING_M))
        said = [short(line, _LONGEST) for line in (name, *told[name][:MOST_LINES])]
        text = "\n".join(said)
        above = (x, y, z + THING_M + TEXT_M * 0.5 * len(said))
        labels.append(Marker(Shape.LABEL, "labels", number, (above,), _LABEL, TEXT_M, text))
    return (*spheres, *labels, *lines)


def _newest_first(thing: SceneObject) -> tuple[int, int, str]:
    return -thing.run, -thing.last_seen_ns, thing.name


def _said(fact: SceneFact, name: str) -> str:
    return f"{fact.relation} {fact.object}" if fact.subject == name else f"{fact.subject} {fact.relation} it"


def _line(fact: SceneFact, ends: list[SceneObject], number: int) -> Marker:
    kind = "place" if fact.relation in PLACE else "metric" if fact.relation in METRIC else "other"
    points = tuple(end.position for end in ends if end.position is not None)
    return Marker(
        Shape.LINE, f"{kind} relations", number, points, _faded(_RELATIONS[kind], fact.confidence), LINE_M,
        plain(fact.relation),
    )  # fmt: skip


def _faded(colour: Colour, confidence: float) -> Colour:
    red, green, blue, _ = colour
    return red, green, blue, round(0.3 + 0.7 * confidence, 3)
