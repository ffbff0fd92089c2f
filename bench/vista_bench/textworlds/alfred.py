"""ALFRED-style games in text: one room, many receptacles, something to find and to treat (ALFWorld's domain).

Domain, grammar and rules come from the packages alfworld and textworld; rooms and tasks from
``alfred_scene``. Seen are the answer to the last command and the list of valid commands, as ALFWorld's
agents get them. The true state is asked for the score alone, which no agent reads.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from robomemory.planning import ROBOT, VALUE, Domain, Operator, Parameter, Step
from robomemory.records import Triple
from vista.errors import ConfigError
from vista_bench.textworlds.alfred_scene import LAMP, ROOMS, RoomScene, RoomTask, problem
from vista_bench.textworlds.view import HELD, GameGoal, View, WorldBelief, held

RECEPTACLES = frozenset(kind for room in ROOMS.values() for kind in room)
MAKERS = {"sinkbasin": "clean", "microwave": "hot", "fridge": "cool"}
_VERBS = {"clean": "clean", "hot": "heat", "cool": "cool"}
_HERE: Triple = (ROBOT, "in", "?place")
_FREE: Triple = ("hand", "is", "empty")


def _of(*parameters: str) -> tuple[Parameter, ...]:
    return tuple(Parameter(*each.split(":")) for each in parameters)


ROOM = Domain(
    "room",
    {"agent": "", "hand": "", "spot": "", "place": "spot", "thing": "", "treatment": ""},
    (
        Operator(
            "visit", _of("place:place", "start:spot"), ((ROBOT, "in", "?start"), ("?place", "is",
            "unvisited")),
            (_HERE, (ROBOT, "has seen", "?place")), ((ROBOT, "in", "?start"),), "go to {place}",
        ),
        Operator(
            "go", _of("place:place", "start:spot"), ((ROBOT, "in", "?start"),), (_HERE,),
            ((ROBOT, "in", "?start"),), "go to {place}",
        ),
        Operator(
            "open", _of("place:place"), (_HERE, ("?place", "is", "closed")),
            (("?place", "is", "open"), (ROBOT, "has seen", "?place")), (("?place", "is", "closed"),),
            "open {place}",
        ),
        Operator(
            "look", _of("place:place"), (_HERE, ("?place", "is", "open")), ((ROBOT, "has seen", "?place"),),
            (),
            "examine {place}",
        ),
        Operator(
            "take", _of("thing:thing", "place:place"),
            (_HERE, ("?place", "is", "open"), ("?thing", "in", "?place"), _FREE), (("?thing", HELD, ROBOT),),
            (("?thing", "in", "?place"), _FREE), "take {thing} from {place}",
        ),
        Operator(
            "put", _of("thing:thing", "place:place"), (_HERE, ("?place", "is", "open"), ("?thing", HELD,
            ROBOT)),
            (("?thing", "in", "?place"), _FREE), (("?thing", HELD, ROBOT),), "move {thing} to {place}",
        ),
        Operator(
            "treat", _of("thing:thing", "how:treatment", "place:place"),
            (_HERE, ("?place", "makes", "?how"), ("?thing", HELD, ROBOT)), (("?thing", "made", "?how"),), (),
            "make {thing} {how} with {place}",
        ),
        Operator(
            "use", _of("thing:thing", "place:place"), (_HERE, ("?thing", "in", "?place")),
            (("?thing", "switched", "on"),), (), "use {thing}",
        ),
    ),
    {ROBOT: "agent", "hand": "hand", "empty": VALUE, "open": VALUE, "closed": VALUE, "unvisited": VALUE,
    "on": VALUE,
     **dict.fromkeys(MAKERS.values(), "treatment")},
)  # fmt: skip


def kind_of(name: str) -> str:
    """ "drawer" of "drawer 3"."""
    return name.rpartition(" ")[0]


class AlfredGame:
    """One episode of ``task`` in ``scene``; its files go to ``folder``.

    Raises:
        ConfigError: the packages are missing.
    """

    domain = ROOM

    def __init__(self, scene: RoomScene, task: RoomTask, folder: Path) -> None:
        self._scene, self._task = scene, task
        self._env = _open(scene, task, folder)

    def start(self) -> View:
        state = self._env.reset()
        return self._view(str(state.feedback), state)

    def act(self, step: Step) -> View:
        state, _, _ = self._env.step(self.command(step))
        return self._view(str(state.feedback), state)

    def command(self, step: Step) -> str:
        """The command for ``step``."""
        first, *rest = (a.replace(" ", "_") for a in step.arguments)
        match step.operator:
            case "treat":
                return f"{_VERBS[rest[0]]} {first} with {rest[1]}"
            case "visit" | "go":
                return f"go to {first}"
            case _:
                return step.text.replace(step.arguments[0], first).replace(
                    step.arguments[-1], step.arguments[-1].replace(" ", "_")
                )

    def infer(self, belief: WorldBelief) -> WorldBelief:
        """Adds facts that hold until something else is seen: nothing visited, hand empty; and "some mug" for
        any mug that would do, so that it counts as found."""
        states = {s for s, r, o in belief.facts if r == "is"}
        places = [n for n, k in belief.kinds.items() if k == "place"]
        facts = set(belief.facts) | {(p, "is", "unvisited") for p in places if p not in states}
        facts |= {(p, "makes", MAKERS[kind_of(p)]) for p in places if kind_of(p) in MAKERS}
        if not any(r == HELD for _, r, _ in facts):
            facts.add(_FREE)
        kinds = {**belief.kinds, "start": "spot"}
        known = replace(belief, facts=frozenset(facts), kinds=kinds)
        for alias, names in self._aliases(known).items():
            where = next((at for n in names if (at := known.at(n)) is not None), None)
            if where is not None:
                facts.add((alias, "in", where))
        return replace(known, facts=frozenset(facts))

    def _aliases(self, belief: WorldBelief) -> dict[str, list[str]]:
        """{"some mug": mugs that may still serve, the one in hand first, "some desklamp": lamps}."""
        things = sorted(n for n, k in belief.kinds.items() if k == "thing")
        mine = [n for n in things if kind_of(n) == self._task.thing]
        if self._task.kind == "two":
            mine = [n for n in mine if kind_of(belief.at(n) or "") != self._task.goal]
        mine = [n for n in mine if belief.at(n) is not None]
        mine.sort(key=lambda n: (belief.at(n) != ROBOT, n))
        lamps = [n for n in things if kind_of(n) == LAMP and belief.at(n) is not None]
        return {f"some {self._task.thing}": mine, f"some {LAMP}": lamps}

    def subgoals(self, belief: WorldBelief) -> Sequence[GameGoal]:
        aliases = self._aliases(belief)
        some, lamp = f"some {self._task.thing}", f"some {LAMP}"
        unknown = GameGoal(frozenset({held(some)}), (some,))
        if not aliases[some]:
            return [unknown]
        thing = aliases[some][0]
        if self._task.kind == "look":
            if not aliases[lamp]:
                return [GameGoal(frozenset({(lamp, "switched", "on")}), (lamp,))]
            return [GameGoal(frozenset({held(thing), (aliases[lamp][0], "switched", "on")}))]
        goal = self._goal_place(belief)
        wanted = {(thing, "in", goal)}
        if self._task.kind in _VERBS:
            wanted.add((thing, "made", self._task.kind))
        return [GameGoal(frozenset(wanted))]

    def refine(self, steps: Sequence[Step], belief: WorldBelief) -> Sequence[Step]:
        return steps

    def wander(self, belief: WorldBelief, rng: random.Random) -> Sequence[Step]:
        return ()

    def useful(self, belief: WorldBelief) -> frozenset[str]:
        makers = [n for n, k in sorted(belief.kinds.items()) if k == "place" and kind_of(n) in MAKERS]
        wanted = [n for n in makers if MAKERS[kind_of(n)] == self._task.kind][:1]
        return frozenset({*wanted, "hand", "start", self._goal_place(belief)} - {""})

    def _goal_place(self, belief: WorldBelief) -> str:
        places = sorted(n for n, k in belief.kinds.items() if k == "place" and kind_of(n) == self._task.goal)
        filled = [
            n for n in places if any(o == n and kind_of(s) == self._task.thing for s, _, o in belief.facts)
        ]
        return (filled or places or [""])[0]

    def _view(self, text: str, state: Any) -> View:
        facts, looked, kinds = read(text, [str(c) for c in state.admissible_commands])
        won = bool(state.won)
        return View(text.replace("_", " "), facts, looked, kinds, progress(self._task, state.facts), won, won)


def read(text: str, commands: Sequence[str]) -> tuple[frozenset[Triple], frozenset[str], dict[str, str]]:
    """(facts, places shown whole, {name: type}) told by the last answer and the valid commands."""
    text, commands = text.replace("_", " "), [c.replace("_", " ") for c in commands]
    near = [c.removeprefix("examine ") for c in commands if c.startswith("examine ")]
    here = next((n for n in near if kind_of(n) in RECEPTACLES), "")
    hand = next(
        (n for n in near if kind_of(n) not in RECEPTACLES), ""
    )  # else only the thing in the hand can be examined
    places = [c.removeprefix("go to ") for c in commands if c.startswith("go to ")]
    kinds = dict.fromkeys([*places, here] if here else places, "place")
    facts: set[Triple] = set()
    looked = {ROBOT}
    shown: set[str] = set()
    if not here:
        facts.add((ROBOT, "in", "start"))
    else:
        closed = f"open {here}" in commands
        facts |= {(ROBOT, "in", here), (here, "is", "closed" if closed else "open")}
        if found := re.search(r"(?:On the [^,]*|In it), you see ([^.]*)\.", text):
            looked.add(here)
            shown = set(re.findall(r"an? ([a-z]+ \d+)", found[1]))
        else:
            shown = {
                c.removeprefix("take ").partition(" from ")[0] for c in commands if c.startswith("take ")
            }
    facts |= {(thing, "in", here) for thing in shown}
    kinds |= dict.fromkeys(shown, "thing")
    if hand:
        kinds[hand] = "thing"
        facts.add(held(hand))
    if done := re.search(r"You (clean|heat|cool) the ([a-z]+ \d+)", text):
        facts.add((done[2], "made", {v: k for k, v in _VERBS.items()}[done[1]]))
    if used := re.search(r"You turn on the ([a-z]+ \d+)", text):
        facts.add((used[1], "switched", "on"))
    return frozenset(facts), frozenset(looked), kinds


def progress(task: RoomTask, facts: Collection[Any]) -> float:
    """The share [0, 1] of the task's conditions that hold in truth, counted for the things that fit best, as
    ALFRED's goal-condition success does."""
    true = {(f.name.lower(), *(str(a).lower() for a in f.names)) for f in facts}
    things = [
        t for n, t, k in (f for f in true if f[0] == "objecttype" and len(f) == 3) if k == f"{task.thing}type"
    ]
    if task.kind == "look":
        lamp = any(f[0] == "istoggled" for f in true)
        return (lamp + any(("holds", "agent1", t) in true for t in things)) / 2
    goals = {f[1] for f in true if f[0] == "receptacletype" and f[2] == f"{task.goal}type"}
    inside = {t: {f[2] for f in true if f[0] == "inreceptacle" and f[1] == t} & goals for t in things}
    if task.kind == "two":
        return max((min(2, sum(g in places for places in inside.values())) for g in goals), default=0) / 2
    made = {"clean": "isclean", "hot": "ishot", "cool": "iscool"}.get(task.kind)
    if made is None:
        return float(any(inside.values()))
    return max(((((made, t) in true) + bool(inside[t])) / 2 for t in things), default=0.0)


def _open(scene: RoomScene, task: RoomTask, folder: Path) -> Any:
    try:
        import textworld
        from alfworld import __file__ as package
    except ImportError as error:
        raise ConfigError(
            f"ALFRED-style games need textworld and alfworld ({error}): ./run setup textworlds"
        ) from error
    data = Path(str(package)).parent / "data"
    grammar = (data / "alfred.twl2").read_text().replace("UNKNOWN GOAL", task.sentence)
    game = {
        "pddl_domain": (data / "alfred.pddl").read_text(), "grammar": grammar,
        "pddl_problem": problem(scene, task), "solvable": True, "walkthrough": [],
    }  # fmt: skip
    path = folder / "game.tw-pddl"
    path.write_text(json.dumps(game))
    infos = textworld.EnvInfos(admissible_commands=True, won=True, facts=True, feedback=True)
    return textworld.start(str(path), infos)
