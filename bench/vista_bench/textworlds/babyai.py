"""BabyAI and MiniGrid: a maze seen through a window of 7 x 7 cells (Chevalier-Boisvert et al., 2019 and
2023).

Seen are the window, the compass and the mission. Where the robot is follows from its own steps. Levels whose
missions speak of "in front of you" are left out. The verifier is asked for the score alone.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from robomemory.planning import ROBOT, Step
from robomemory.records import Triple
from vista.errors import ConfigError
from vista_bench.textworlds import maze
from vista_bench.textworlds.maze import MAZE, Map, MazePose
from vista_bench.textworlds.view import GameGoal, View, WorldBelief, held

LEVELS = {"find": "BabyAI-FindObjS7-v0", "key": "BabyAI-KeyCorridor-v0", "sequence": "BabyAI-GoToSeq-v0"}

_ACTIONS = {"left": 0, "right": 1, "forward": 2, "pickup": 3, "putdown": 4, "toggle": 5}
_DOOR_STATES = ("open", "closed", "locked")
_HAND = "in hand"


@dataclass(frozen=True, slots=True)
class Clause:
    """One part of a mission: ``verb`` "go to", "pick up" or "open"; ``color`` "" for any; ``kind``."""

    verb: str
    color: str
    kind: str

    def fits(self, name: str) -> bool:
        """Whether the thing called "red ball 3 4" is meant."""
        color, kind, *_ = name.split(" ")
        return kind == self.kind and self.color in ("", color)


def clauses(mission: str) -> list[Clause]:
    """The parts of ``mission`` in an order in which they may be done.

    Raises:
        ConfigError: a part is not understood.
    """
    if " after you " in mission:
        last, first = mission.split(" after you ")
        return [*clauses(first), *clauses(last)]
    parts = re.split(r", then | and ", mission)
    found = []
    for part in parts:
        match = re.fullmatch(
            r"(go to|pick up|open) (?:a|an|the) (?:(\w+) )?(ball|box|key|door)", part.strip()
        )
        if match is None:
            raise ConfigError(f"BabyAI mission {mission!r}: {part!r} is not understood")
        found.append(Clause(match[1], match[2] or "", match[3]))
    return found


class BabyAIGame:
    """One episode of ``level`` (a key of :data:`LEVELS`).

    Raises:
        ConfigError: the package is missing.
    """

    domain = MAZE

    def __init__(self, level: str, seed: int) -> None:
        try:
            import gymnasium
            import minigrid  # noqa: F401  (registers the levels)
        except ImportError as error:
            raise ConfigError(f"BabyAI needs minigrid ({error}): ./run setup textworlds") from error
        self._env: Any = gymnasium.make(LEVELS[level])
        self._seed = seed
        self._pose = MazePose((0, 0), 0)
        self._free = False
        self._map: Map | None = None
        self.clauses: list[Clause] = []

    def start(self) -> View:
        seen, _ = self._env.reset(seed=self._seed)
        self._pose = MazePose((0, 0), int(seen["direction"]))
        self.clauses = clauses(str(seen["mission"]))
        return self._view(seen, False, 0.0)

    def act(self, step: Step) -> View:
        if step.operator == "forward" and self._free:
            self._pose = replace(self._pose, cell=self._pose.ahead())
        seen, reward, ended, _, _ = self._env.step(_ACTIONS[step.operator])
        self._pose = replace(self._pose, direction=int(seen["direction"]))
        return self._view(seen, bool(ended), float(reward))

    def infer(self, belief: WorldBelief) -> WorldBelief:
        """Adds the facts of the map: edges of the known, things within reach, which key opens which door."""
        self._map = Map(belief, self._pose)
        kinds, facts, hops = maze.with_map(belief, self._pose, self._map)
        in_hand = [s for s, _, _ in belief.facts if s.endswith(_HAND)]
        if not any(belief.at(s) == ROBOT for s in in_hand):
            facts.add(("hand", "is", "empty"))
        keys = [n for n, k in belief.kinds.items() if k == "key"]
        doors = [n for n, k in belief.kinds.items() if k == "door"]
        facts |= {(k, "opens", d) for k in keys for d in doors if k.split(" ")[0] == d.split(" ")[0]}
        return replace(belief, facts=belief.facts | facts, kinds={**belief.kinds, **kinds}, hops=hops)

    def refine(self, steps: Sequence[Step], belief: WorldBelief) -> tuple[Step, ...]:
        assert self._map is not None
        return maze.refine(steps, self._map)

    def wander(self, belief: WorldBelief, rng: random.Random) -> Sequence[Step]:
        """To some cell that can be reached, and a turn there."""
        assert self._map is not None
        cell = rng.choice(sorted(self._map.hops))
        return maze.primitives([*self._map.walk(cell), rng.choice(("left", "right"))])

    def subgoals(self, belief: WorldBelief) -> Sequence[GameGoal]:
        """The first clause that is not done; doors on the way to it, and locked ones, come second."""
        assert self._map is not None
        for number, clause in enumerate(self.clauses):
            if (f"clause {number}", "done", "yes") in belief.facts:
                continue
            names = [n for n in belief.kinds if n.count(" ") == 3 and clause.fits(n) and belief.at(n)]
            names.sort(key=lambda n: (belief.hops.get(n, len(belief.kinds)), n))
            unknown = GameGoal(frozenset({held("it")}), (f"the {clause.kind} wanted",))
            shut = {s for s, r, o in belief.facts if r == "is" and o in ("closed", "locked")}
            locked = {s for s in shut if (s, "is", "locked") in belief.facts}
            doors = [
                self._map.door_towards(self._map.objects[n], shut)
                for n in names[:1]
                if n in self._map.objects
            ]
            ways = dict.fromkeys([*filter(None, doors), *sorted(locked)])
            found = [GameGoal(self._wanted(clause, n)) for n in names[:3]]
            return [*found, *(GameGoal(frozenset({(d, "is", "open")})) for d in ways), unknown]
        return []

    @staticmethod
    def _wanted(clause: Clause, name: str) -> frozenset[Triple]:
        return frozenset(
            {"go to": {(ROBOT, "faces", name)}, "pick up": {held(name)}, "open": {(name, "is", "open")}}[
                clause.verb
            ]
        )

    def useful(self, belief: WorldBelief) -> frozenset[str]:
        keys = {n for n, k in belief.kinds.items() if k == "key" and belief.at(n)}
        return frozenset(keys | {n for n in belief.kinds if n.endswith(_HAND) and belief.at(n) == ROBOT})

    def _view(self, seen: Any, ended: bool, reward: float) -> View:
        facts, looked, kinds = read(seen["image"], self._pose)
        self._free = ("ahead", "is", "free") in facts
        facing = [
            n for n in kinds if kinds[n] != "agent" and (n, "in", maze.cell_name(self._pose.ahead())) in facts
        ]
        for number, clause in enumerate(self.clauses):
            if clause.verb == "go to" and any(clause.fits(n) for n in facing):
                facts.add((f"clause {number}", "done", "yes"))
        won = ended and reward > 0
        done = list(_done(self._env.unwrapped.instrs))
        score = 1.0 if won else sum(done) / len(done)
        text = f"at {self._pose.cell}, facing {', '.join(facing) or 'nothing'}"
        return View(text, frozenset(facts), frozenset(looked), kinds, score, ended, won)


def _done(instrs: Any) -> Iterator[bool]:
    """Which parts of a mission its verifier has seen done."""
    if hasattr(instrs, "instr_a"):
        for part, state in ((instrs.instr_a, instrs.a_done), (instrs.instr_b, instrs.b_done)):
            parts = list(_done(part))
            yield from ([True] * len(parts) if state == "success" else parts)
    else:
        yield False


def read(image: Any, pose: MazePose) -> tuple[set[Triple], set[str], dict[str, str]]:
    """(facts, cells seen, {name: type}) of a window u8 (7, 7, 3): columns from left to right, rows from far
    to near, the robot in the middle of the last row; channels are type, colour and state."""
    from minigrid.core.constants import IDX_TO_COLOR, IDX_TO_OBJECT

    facts: set[Triple] = {(ROBOT, "in", maze.cell_name(pose.cell))}
    looked, kinds = {ROBOT}, {}
    size = image.shape[0]
    for column in range(size):
        for row in range(size):
            kind = IDX_TO_OBJECT[int(image[column, row, 0])]
            if kind == "unseen":
                continue
            color = IDX_TO_COLOR[int(image[column, row, 1])]
            cell = pose.ahead(size - 1 - row, column - size // 2)
            place = maze.cell_name(cell)
            facts.add((place, "is", "wall" if kind == "wall" else "floor"))
            if cell != pose.cell:
                looked.add(place)
            else:  # shows the thing in the hand, and hides the door that the robot may stand in
                if kind in ("ball", "box", "key"):
                    name = f"{color} {kind} {_HAND}"
                    facts.add(held(name))
                    kinds[name] = "key" if kind == "key" else "thing"
                continue
            if kind in ("ball", "box", "key", "door"):
                name = f"{color} {kind} {cell[0]} {cell[1]}"
                facts.add((name, "in", place))
                kinds[name] = kind if kind in ("door", "key") else "thing"
                if kind == "door":
                    facts.add((name, "is", _DOOR_STATES[int(image[column, row, 2])]))
    ahead = maze.cell_name(pose.ahead())
    shut = any(o == ahead and (kinds.get(s) != "door" or (s, "is", "open") not in facts)
               for s, r, o in facts if r == "in" and s != ROBOT)  # fmt: skip
    facts.add(("ahead", "is", "free" if (ahead, "is", "floor") in facts and not shut else "blocked"))
    return facts, looked, kinds
