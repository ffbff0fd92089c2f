"""A maze of rooms and doors as MiniGrid shows it: its cells, ways through it, and the operators."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import networkx as nx

from robomemory.planning import ROBOT, VALUE, Domain, Operator, Parameter, Step
from vista_bench.textworlds.view import HELD, PLACES, WorldBelief

Cell = tuple[int, int]
AHEAD: tuple[Cell, ...] = ((1, 0), (0, 1), (-1, 0), (0, -1))
"""The cell ahead for each direction, in MiniGrid's order: right, down, left, up."""


def _of(*parameters: str) -> tuple[Parameter, ...]:
    return tuple(Parameter(*each.split(":")) for each in parameters)


def _primitive(name: str, *needs: str) -> Operator:
    free = (("ahead", "is", "free"),) if "free" in needs else ()
    return Operator(name, _of("who:agent"), free, (), (), name)


_NEAR = ("?thing", "within reach", "yes")
_FREE = ("hand", "is", "empty")

MAZE = Domain(
    "maze",
    {"agent": "", "hand": "", "place": "", "door": "place", "frontier": "place", "thing": "",
     "key": "thing"},
    (
        Operator("look", _of("edge:frontier"), ((ROBOT, "is", "here"),), ((ROBOT, "has seen", "?edge"),)),
        Operator(
            "open", _of("thing:door"), (_NEAR, ("?thing", "is", "closed")),
            (("?thing", "is", "open"), (ROBOT, "has seen", "?thing")), (("?thing", "is", "closed"),),
        ),
        Operator(
            "unlock", _of("thing:door", "key:key"),
            (_NEAR, ("?thing", "is", "locked"), ("?key", HELD, ROBOT), ("?key", "opens", "?thing")),
            (("?thing", "is", "open"), (ROBOT, "has seen", "?thing")), (("?thing", "is", "locked"),),
        ),
        Operator("take", _of("thing:thing"), (_NEAR, _FREE), (("?thing", HELD, ROBOT),), (_FREE,)),
        Operator("drop", _of("thing:thing"), (("?thing", HELD, ROBOT),), (_FREE,), (("?thing", HELD,
        ROBOT),)), Operator("reach", _of("thing:thing"), (_NEAR,), ((ROBOT, "faces", "?thing"),)),
        Operator("reach door", _of("thing:door"), (_NEAR,), ((ROBOT, "faces", "?thing"),)),
        _primitive("left"), _primitive("right"), _primitive("forward", "free"),
        _primitive("pickup"), _primitive("putdown", "free"), _primitive("toggle"),
    ),
    {ROBOT: "agent", "hand": "hand", "yes": VALUE, "here": VALUE, "empty": VALUE, "open": VALUE,
    "closed": VALUE,
     "locked": VALUE, "ahead": VALUE, "free": VALUE},
)  # fmt: skip


def cell_name(cell: Cell) -> str:
    return f"cell {cell[0]} {cell[1]}"


def cell_of(name: str) -> Cell:
    """(x, y) of "cell 3 -4" and of "red ball 3 -4"."""
    x, y = name.split(" ")[-2:]
    return int(x), int(y)


@dataclass(frozen=True, slots=True)
class MazePose:
    """Where the robot is, counted from where it began, and its direction 0 to 3."""

    cell: Cell
    direction: int

    def ahead(self, steps: int = 1, right: int = 0) -> Cell:
        """The cell ``steps`` ahead and ``right`` to the right."""
        (dx, dy), (rx, ry) = AHEAD[self.direction], AHEAD[(self.direction + 1) % 4]
        return self.cell[0] + steps * dx + right * rx, self.cell[1] + steps * dy + right * ry


class Map:
    """The cells of a belief: ``free`` can be walked on, the content of ``known`` is known, ``objects``
    {name: cell} stand in the way (open doors do not)."""

    def __init__(self, belief: WorldBelief, pose: MazePose) -> None:
        self.pose = pose
        cells = {cell_of(s): o for s, r, o in belief.facts if r == "is" and s.startswith("cell ")}
        opened = {s for s, r, o in belief.facts if (r, o) == ("is", "open")}
        self.objects = {
            s: cell_of(o) for s, r, o in belief.facts if r in PLACES and o.startswith("cell ") and s != ROBOT
        }
        blocked = {cell for name, cell in self.objects.items() if name not in opened}
        self.known = set(cells)
        self.free = {c for c, kind in cells.items() if kind == "floor" and c not in blocked} | {pose.cell}
        self._graph = nx.Graph()
        self._graph.add_nodes_from(sorted(self.free))
        self._graph.add_edges_from((c, n) for c in sorted(self.free) for n in _beside(c) if n in self.free)
        self.hops: dict[Cell, int] = nx.single_source_shortest_path_length(self._graph, pose.cell)

    def frontiers(self) -> dict[Cell, int]:
        """{free cell beside one that nobody knows: steps to it}, of those that can be reached."""
        return {c: n for c, n in self.hops.items() if any(b not in self.known for b in _beside(c))}

    def unknown_beside(self, cell: Cell) -> list[Cell]:
        return [b for b in _beside(cell) if b not in self.known]

    def to_object(self, cell: Cell) -> int | None:
        """Steps to a cell beside ``cell``, None where there is no way that is known."""
        ways = [self.hops[b] for b in _beside(cell) if b in self.hops]
        return min(ways) if ways else None

    def door_towards(self, cell: Cell, shut: Iterable[str]) -> str | None:
        """The first of the doors ``shut`` on the shortest way to a cell beside ``cell``; None without a
        way."""
        doors = {self.objects[name]: name for name in sorted(shut) if name in self.objects}
        graph = self._graph.copy()
        graph.add_edges_from((c, n) for c in doors for n in _beside(c) if n in self.free or n in doors)
        ends = [b for b in _beside(cell) if b in graph and nx.has_path(graph, self.pose.cell, b)]
        ways = sorted(
            (nx.shortest_path(graph, self.pose.cell, b) for b in ends), key=lambda way: (len(way), way)
        )
        return next((doors[c] for c in (ways[0] if ways else ()) if c in doors), None)

    def walk(self, goal: Cell, facing: Cell | None = None) -> list[str]:
        """The primitives that lead to ``goal`` and turn to ``facing``, a cell beside it."""
        path: Sequence[Cell] = nx.shortest_path(self._graph, self.pose.cell, goal)
        found: list[str] = []
        direction = self.pose.direction
        for here, there in pairwise(path):
            turns, direction = _turn(direction, here, there)
            found += [*turns, "forward"]
        if facing is not None:
            turns, _ = _turn(direction, goal, facing)
            found += turns
        return found

    def walk_beside(self, cell: Cell) -> list[str]:
        """The primitives that lead to the nearest cell beside ``cell`` and turn to it."""
        beside = [b for b in _beside(cell) if b in self.hops]
        return self.walk(min(beside, key=lambda b: (self.hops[b], b)), cell)


def _beside(cell: Cell) -> list[Cell]:
    return [(cell[0] + dx, cell[1] + dy) for dx, dy in AHEAD]


def _turn(direction: int, here: Cell, there: Cell) -> tuple[list[str], int]:
    wanted = AHEAD.index((there[0] - here[0], there[1] - here[1]))
    turns = {0: [], 1: ["right"], 2: ["right", "right"], 3: ["left"]}[(wanted - direction) % 4]
    return turns, wanted


def primitives(names: Iterable[str]) -> tuple[Step, ...]:
    return tuple(MAZE.step(name, ROBOT) for name in names)


def refine(steps: Sequence[Step], plan: Map) -> tuple[Step, ...]:
    """The first of ``steps`` as primitives; what comes after it is planned anew, on the map as it is then."""
    if not steps:
        return ()
    first = steps[0]
    last = {"open": "toggle", "unlock": "toggle", "take": "pickup", "reach": "", "reach door": ""}
    if first.operator == "look":
        cell = cell_of(first.about)
        return primitives(plan.walk(cell, plan.unknown_beside(cell)[0]))
    if first.operator == "drop":
        return primitives(_to_drop(plan))
    names = plan.walk_beside(plan.objects[first.about])
    return primitives([*names, *filter(None, [last[first.operator]])])


def _to_drop(plan: Map) -> list[str]:
    """To the nearest place with a free cell beside it, which is not a doorway."""
    doors = {c for n, c in plan.objects.items() if " door " in f" {n} "}
    for cell, _ in sorted(plan.hops.items(), key=lambda each: (each[1], each[0])):
        for spot in _beside(cell):
            if spot in plan.free and spot != plan.pose.cell and not doors & {spot, *_beside(spot)}:
                return [*plan.walk(cell, spot), "putdown"]
    return []


def with_map(
    belief: WorldBelief, pose: MazePose, plan: Map
) -> tuple[dict[str, str], set[tuple[str, str, str]], Mapping[str, int]]:
    """(kinds, facts, hops) of the places on the map: edges of the known, and things within reach."""
    kinds: dict[str, str] = {}
    hops: dict[str, int] = {}
    facts = {(ROBOT, "is", "here")}
    frontiers = plan.frontiers()
    for cell in plan.hops:
        name = f"edge {cell[0]} {cell[1]}"
        if cell in frontiers:
            kinds[name], hops[name] = "frontier", frontiers[cell]
        else:
            facts.add((ROBOT, "has seen", name))
    for name, cell in plan.objects.items():
        steps = plan.to_object(cell)
        if steps is not None:
            facts.add((name, "within reach", "yes"))
            hops[name] = steps
        if steps is None or (name, "is", "closed") not in belief.facts:
            facts.add((ROBOT, "has seen", name))  # nothing to look behind, or no way to it yet
    return kinds, facts, hops
