"""Reads what TextWorldExpress says: a room's description, the inventory, a recipe, a map."""

from __future__ import annotations

import re
from dataclasses import dataclass

from robomemory.planning import ROBOT
from robomemory.records import Triple
from vista_bench.textworlds.house import CUTS, HEATS
from vista_bench.textworlds.view import HELD

_STATES = (*CUTS.values(), *HEATS.values(), "raw", "burned")


@dataclass(frozen=True, slots=True)
class SeenInText:
    """What a text tells: ``facts``, ``looked`` (places shown whole) and ``kinds`` {name: type}."""

    facts: frozenset[Triple]
    looked: frozenset[str]
    kinds: dict[str, str]


def in_room(name: str, room: str) -> str:
    """The name of furniture, which is told apart by its room: many rooms have a counter."""
    return f"{name} ({room})"


def word(name: str) -> str:
    """What the game calls ``name``."""
    return name.partition(" (")[0]


def bare(phrase: str) -> tuple[str, list[Triple]]:
    """("yellow potato", facts) of "a chopped grilled yellow potato"; only food has such states."""
    words = re.sub(r"^(a|an|some|the) ", "", phrase.strip().casefold()).split()
    states: list[str] = []
    while len(words) > 1 and words[0] in _STATES:
        states.append(words.pop(0))
    name = " ".join(words)
    return name, [
        (name, "cut" if s in CUTS.values() else "cooked", s) for s in states if s not in ("raw", "burned")
    ]


def listed(text: str) -> list[str]:
    """The members of "a banana, a raw red potato, and a cookbook"."""
    return [part for part in re.split(r",? and (?=an? |some )|, ", text.strip()) if part]


def room_text(text: str) -> SeenInText:
    """The facts of a room's description, the robot being in that room."""
    match = re.match(r"You are in the ([^.]+)\. ?(.*)", text, re.S)
    if match is None:
        return SeenInText(frozenset(), frozenset(), {})
    room = match[1].casefold()
    facts: set[Triple] = {(ROBOT, "in", room)}
    looked, kinds = {room}, {room: "room"}
    for sentence in re.split(r"\.\s+", match[2].strip().rstrip(".")):
        if re.search(r"\bto the (North|South|East|West) you see\b", sentence, re.I):
            _exit(sentence.strip(), room, facts, looked, kinds)
        elif found := re.match(
            r"(?:In (?:one|another) part of the room you see|There is also|You also see) (.+)", sentence
        ):
            _thing(found[1].strip().casefold(), room, facts, looked, kinds)
    return SeenInText(frozenset(facts), frozenset(looked), kinds)


def _exit(text: str, room: str, facts: set[Triple], looked: set[str], kinds: dict[str, str]) -> None:
    found = re.search(r"to the (north|south|east|west) you see (?:the |a )(.+)", text, re.I)
    if found is None:
        return
    exit = f"{room} {found[1].casefold()}"
    kinds[exit] = "exit"
    facts.add((exit, "of", room))
    if found[2].startswith("closed ") and found[2].endswith("door"):
        facts.add((exit, "is", "closed"))
        return
    beyond = found[2].casefold()
    kinds[beyond] = "room"
    looked.add(exit)
    facts.update({(exit, "is", "open"), (exit, "leads to", beyond)})


def _thing(phrase: str, room: str, facts: set[Triple], looked: set[str], kinds: dict[str, str]) -> None:
    form = re.fullmatch(
        r"(?P<closed>.+) that is closed"
        r"|(?P<bare>.+?),? that (?:has nothing on it|is empty)"
        r"|(?P<on>.+?),? that has (?P<above>.+) on it"
        r"|(?P<in>.+?),? that contains (?P<inside>.+)",
        phrase,
    )
    name = next((v for k in ("closed", "bare", "on", "in") if form and (v := form[k])), None)
    if form is None or name is None:
        thing, states = bare(phrase)
        if thing in HEATS:
            _holder(in_room(thing, room), room, "open", facts, looked, kinds)
            facts.add((in_room(thing, room), "makes", HEATS[thing]))
        else:
            _item(thing, (thing, "in", room), states, facts, kinds)
        return
    holder = in_room(re.sub(r"^(an? )?(open )?", "", name), room)
    _holder(holder, room, "closed" if form["closed"] else "open", facts, looked, kinds)
    relation = "on" if form["on"] else "in"
    for part in listed(form["above"] or form["inside"] or ""):
        thing, states = bare(part)
        _item(thing, (thing, relation, holder), states, facts, kinds)
    facts.add(
        (holder, "takes", relation if form["on"] or form["in"] else "on" if "on it" in phrase else "in")
    )


def _holder(
    name: str, room: str, state: str, facts: set[Triple], looked: set[str], kinds: dict[str, str]
) -> None:
    kinds[name] = "holder"
    facts.update({(name, "in", room), (name, "is", state)})
    if state == "open":
        looked.add(name)


def _item(name: str, where: Triple, states: list[Triple], facts: set[Triple], kinds: dict[str, str]) -> None:
    kinds[name] = kind_of(name)
    facts.update({where, *states})


def kind_of(name: str) -> str:
    """The planner's type of a thing that can be taken."""
    return {"knife": "knife", "cookbook": "text", "map": "text", "meal": "dish"}.get(name, "food")


def inventory_text(text: str) -> SeenInText:
    """What the robot holds; all of it is told."""
    facts: set[Triple] = set()
    kinds: dict[str, str] = {}
    for line in text.splitlines()[1:]:
        if line.strip() and "currently empty" not in line:
            name, states = bare(line)
            _item(name, (name, HELD, ROBOT), states, facts, kinds)
    return SeenInText(frozenset(facts), frozenset({ROBOT}), kinds)


def recipe_text(text: str) -> frozenset[Triple]:
    """("meal", "asks for", ingredient) and (ingredient, "must be", state) of a cookbook that was read."""
    if "Ingredients:" not in text:
        return frozenset()
    _, _, rest = text.partition("Ingredients:")
    ingredients, _, directions = rest.partition("Directions:")
    facts: set[Triple] = {
        ("meal", "asks for", line.strip().casefold()) for line in ingredients.splitlines() if line.strip()
    }
    states = {**CUTS, "fry": "fried", "roast": "roasted", "grill": "grilled"}
    for line in directions.splitlines():
        verb, _, thing = line.strip().casefold().partition(" the ")
        if verb in states:
            facts.add((thing, "must be", states[verb]))
    return frozenset(facts)


def map_text(text: str) -> frozenset[Triple]:
    """(room, "connects to", room) of a map that was read, both ways."""
    facts: set[Triple] = set()
    for room, others in re.findall(r"The ([^.\n]+?) connects to (?:the )?([^.]+)\.", text):
        for other in re.split(r",\s*|\s+and\s+", others.casefold()):
            if other:
                facts |= {(room.casefold(), "connects to", other), (other, "connects to", room.casefold())}
    return frozenset(facts)
