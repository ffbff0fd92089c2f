"""Rooms, things and tasks for ALFRED-style games, drawn from a seed, as PDDL problems.

ALFWorld's package brings the domain and the grammar of its text games, not the games. So rooms are furnished
here: which receptacles a kind of room has, what may lie in which, and the six kinds of task of ALFRED
(Shridhar
et al., 2020). Scores are not comparable with published ones on ALFWorld's own games.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

# Room -> {receptacle: (fewest, most)}.
ROOMS: Mapping[str, Mapping[str, tuple[int, int]]] = {
    "kitchen": {
        "cabinet": (6, 10), "drawer": (4, 8), "countertop": (1, 3), "shelf": (1, 3), "fridge": (1, 1),
        "microwave": (1, 1), "sinkbasin": (1, 1), "stoveburner": (2, 4), "garbagecan": (1, 1),
        "diningtable": (1, 1), "coffeemachine": (1, 1),
    },
    "bedroom": {
        "drawer": (5, 10), "shelf": (3, 6), "bed": (1, 1), "desk": (1, 2), "dresser": (1, 1),
        "sidetable": (1, 2),
        "garbagecan": (1, 1), "safe": (1, 1),
    },
    "bathroom": {
        "cabinet": (4, 8), "drawer": (3, 6), "countertop": (1, 1), "shelf": (1, 3), "sinkbasin": (1, 2),
        "garbagecan": (1, 1), "bathtubbasin": (1, 1), "toilet": (1, 1),
    },
}  # fmt: skip

OPENABLE = ("cabinet", "drawer", "fridge", "microwave", "safe")

_STORED = ("cabinet", "drawer", "shelf", "countertop")
_FOOD = ("countertop", "diningtable", "fridge", "microwave", "sinkbasin", "garbagecan")
_DISH = ("cabinet", "countertop", "diningtable", "shelf", "sinkbasin", "microwave", "fridge")
_SMALL = ("drawer", "desk", "dresser", "sidetable", "shelf", "bed", "garbagecan", "safe")
_BATH = ("cabinet", "drawer", "countertop", "shelf", "toilet", "bathtubbasin", "sinkbasin", "garbagecan")

# Room -> {thing: receptacles that it may lie in}.
THINGS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "kitchen": {
        "apple": _FOOD, "potato": _FOOD, "tomato": _FOOD, "egg": _FOOD, "bread": _FOOD, "lettuce": _FOOD,
        "mug": (*_DISH, "coffeemachine"), "cup": _DISH, "plate": _DISH, "bowl": _DISH, "pan": ("cabinet",
        "countertop", "stoveburner", "diningtable", "sinkbasin"), "knife": ("drawer", "countertop",
        "diningtable",
        "sinkbasin"), "spoon": ("drawer", "countertop", "diningtable", "sinkbasin"), "saltshaker": _STORED,
    },
    "bedroom": {
        "pen": _SMALL, "pencil": _SMALL, "book": _SMALL, "cellphone": _SMALL, "keychain": _SMALL,
        "watch": _SMALL,
        "creditcard": _SMALL, "alarmclock": ("desk", "dresser", "sidetable", "shelf"), "cd": _SMALL,
        "pillow": ("bed",), "laptop": ("desk", "bed", "dresser"),
    },
    "bathroom": {
        "soapbar": _BATH, "soapbottle": _BATH, "spraybottle": _BATH, "toiletpaper": _BATH, "candle": _BATH,
        "cloth": _BATH, "towel": ("countertop", "bathtubbasin", "shelf"),
    },
}  # fmt: skip

CLEANABLE = ("apple", "potato", "tomato", "egg", "lettuce", "mug", "cup", "plate", "bowl", "pan", "knife",
"spoon",
             "soapbar", "cloth")  # fmt: skip
HEATABLE = ("apple", "potato", "tomato", "egg", "bread", "mug", "cup", "plate")
COOLABLE = (*HEATABLE, "lettuce", "bowl", "pan")

LAMP = "desklamp"
TASKS = ("place", "two", "clean", "hot", "cool", "look")


@dataclass(frozen=True, slots=True)
class RoomTask:
    """``kind`` of :data:`TASKS`; ``thing`` and ``goal``: types of the thing and of the receptacle."""

    kind: str
    thing: str
    goal: str

    @property
    def sentence(self) -> str:
        """The task in words."""
        match self.kind:
            case "two":
                return f"put two {self.thing}s in {self.goal}"
            case "place":
                return f"put a {self.thing} in {self.goal}"
            case "look":
                return f"look at a {self.thing} under the {LAMP}"
            case _:
                return f"put a {self.kind} {self.thing} in {self.goal}"


@dataclass(frozen=True, slots=True)
class RoomScene:
    """``receptacles`` and ``things`` {name: type}; ``where`` {thing: receptacle}; names such as
    "drawer_3"."""

    room: str
    receptacles: Mapping[str, str]
    things: Mapping[str, str]
    where: Mapping[str, str]


def make_scene(seed: int) -> RoomScene:
    """The room of ``seed``, with everything where it lies at first."""
    rng = random.Random(f"scene {seed}")
    room = rng.choice(sorted(ROOMS))
    receptacles = {
        f"{kind}_{i}": kind
        for kind, (few, many) in ROOMS[room].items()
        for i in range(1, rng.randint(few, many) + 1)
    }
    things: dict[str, str] = {}
    where: dict[str, str] = {}
    for kind, places in THINGS[room].items():
        for i in range(1, rng.randint(1, 3) + 1):
            options = sorted(n for n, k in receptacles.items() if k in places)
            things[f"{kind}_{i}"], where[f"{kind}_{i}"] = kind, rng.choice(options)
    if room == "bedroom":
        options = sorted(n for n, k in receptacles.items() if k in ("desk", "sidetable", "dresser"))
        things[f"{LAMP}_1"], where[f"{LAMP}_1"] = LAMP, rng.choice(options)
    return RoomScene(room, receptacles, things, where)


def make_task(scene: RoomScene, seed: int, number: int) -> RoomTask:
    """Task ``number`` (from 1) in ``scene``; tasks of one scene are about different things."""
    rng = random.Random(f"tasks {seed}")
    options = [task for kind in TASKS for task in _tasks(scene, kind)]
    chosen: list[RoomTask] = []
    while len(chosen) < number:
        kind = rng.choice(sorted({t.kind for t in options}))
        task = rng.choice([t for t in options if t.kind == kind])
        chosen.append(task)
        options = [t for t in options if t.thing != task.thing]
    return chosen[-1]


def _tasks(scene: RoomScene, kind: str) -> list[RoomTask]:
    """All tasks of a kind that something is to be done for: not solved already."""
    able = {"clean": CLEANABLE, "hot": HEATABLE, "cool": COOLABLE}.get(kind)
    tools = {"clean": "sinkbasin", "hot": "microwave", "cool": "fridge"}
    here = set(scene.receptacles.values())
    if kind in tools and tools[kind] not in here:
        return []
    if kind == "look":
        return [RoomTask(kind, t, "") for t in sorted(THINGS[scene.room]) if LAMP in scene.things.values()]
    found = []
    for thing, places in THINGS[scene.room].items():
        names = [n for n, k in scene.things.items() if k == thing]
        if (able is not None and thing not in able) or len(names) < (2 if kind == "two" else 1):
            continue
        for goal in sorted(set(places) & here):
            there = any(scene.receptacles[scene.where[n]] == goal for n in names)
            if not there and goal != tools.get(kind):
                found.append(RoomTask(kind, thing, goal))
    return found


def problem(scene: RoomScene, task: RoomTask) -> str:
    """The PDDL problem of ALFWorld's domain."""
    rooms = {name: f"loc_{i}" for i, name in enumerate(scene.receptacles, 1)}
    rtypes = sorted({*scene.receptacles.values(), "sinkbasin", "microwave", "fridge"})
    otypes = sorted({*scene.things.values(), "knife", "butterknife"})
    init = ["(atLocation agent1 loc_0)", "(= (total-cost) 0)"]
    for name, kind in scene.receptacles.items():
        init += [f"(receptacleAtLocation {name} {rooms[name]})", f"(receptacleType {name} {_rtype(kind)})"]
        init += [f"(openable {name})"] if kind in OPENABLE else []
    for thing, place in scene.where.items():
        kind = scene.things[thing]
        init += [f"(objectType {thing} {_otype(kind)})", f"(inReceptacle {thing} {place})"]
        init += [f"(objectAtLocation {thing} {rooms[place]})"]
        init += [f"(toggleable {thing})"] if kind == LAMP else [f"(pickupable {thing})"]
        for able, members in (("cleanable", CLEANABLE), ("heatable", HEATABLE), ("coolable", COOLABLE)):
            init += [f"({able} {thing})"] if kind in members else []
    for kind, places in THINGS[scene.room].items():
        init += [f"(canContain {_rtype(place)} {_otype(kind)})" for place in places]
    objects = [
        "agent1 - agent", f"loc_0 {' '.join(rooms.values())} - location",
        f"{' '.join(scene.receptacles)} - receptacle", f"{' '.join(scene.things)} - object",
        f"{' '.join(map(_rtype, rtypes))} - rtype", f"{' '.join(map(_otype, otypes))} - otype",
    ]  # fmt: skip
    lines = ["(define (problem game) (:domain alfred)", "(:objects", *objects, ")", "(:init", *init, ")"]
    return "\n".join([*lines, f"(:goal {_goal(task)})", "(:metric minimize (total-cost)))"])


def _rtype(kind: str) -> str:
    return {"sinkbasin": "SinkBasinType", "microwave": "MicrowaveType", "fridge": "FridgeType"}.get(
        kind, f"{kind}Type"
    )


def _otype(kind: str) -> str:
    return {"knife": "KnifeType", "butterknife": "ButterKnifeType"}.get(kind, f"{kind}Type")


def _goal(task: RoomTask) -> str:
    thing = f"(objectType ?o {_otype(task.thing)})"
    if task.kind == "look":
        lamp = f"(exists (?l - object) (and (objectType ?l {_otype(LAMP)}) (isToggled ?l)))"
        return f"(and {lamp} (exists (?o - object) (and {thing} (holds agent1 ?o))))"
    there = f"(receptacleType ?r {_rtype(task.goal)})"
    if task.kind == "two":
        two = "(exists (?o - object ?p - object ?r - receptacle) (and (not (= ?o ?p)) "
        other = f"(objectType ?p {_otype(task.thing)}) (inReceptacle ?p ?r)"
        return f"(and {two}{thing} {other} {there} (inReceptacle ?o ?r))))"
    made = {"clean": "(isClean ?o)", "hot": "(isHot ?o)", "cool": "(isCool ?o)"}.get(task.kind, "")
    return f"(and (exists (?o - object ?r - receptacle) (and {thing} {there} {made} (inReceptacle ?o ?r))))"
