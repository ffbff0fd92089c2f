"""A house of rooms, doors, containers and things, as the games of TextWorldExpress have it."""

from __future__ import annotations

from dataclasses import replace

from robomemory.planning import ROBOT, VALUE, Domain, Operator, Parameter
from robomemory.records import Triple
from vista_bench.textworlds.view import HELD, WorldBelief

HERE: Triple = (ROBOT, "in", "?room")
CUTS = {"chop": "chopped", "slice": "sliced", "dice": "diced"}
HEATS = {"stove": "fried", "oven": "roasted", "barbeque": "grilled"}


def _needs(*parameters: str) -> tuple[Parameter, ...]:
    """("item:thing", ...) as parameters."""
    return tuple(Parameter(*each.split(":")) for each in parameters)


def _take(relation: str, away: str) -> tuple[Operator, Operator]:
    where: Triple = ("?item", relation, "?holder")
    there: tuple[Triple, ...] = (HERE, ("?holder", "in", "?room"), ("?holder", "is", "open"))
    hold: Triple = ("?item", HELD, ROBOT)
    needs = _needs("item:thing", "holder:holder", "room:room")
    return (
        Operator(f"take {away}", needs, (*there, where), (hold,), (where,), "take {item}"),
        Operator(
            f"put {relation}", needs, (*there, hold), (where,), (hold,), f"put {{item}} {relation} {{holder}}"
        ),
    )


HOUSE = Domain(
    "house",
    {
        "agent": "", "place": "", "room": "place", "exit": "place", "holder": "place", "thing": "",
        "text": "thing",
        "food": "thing", "knife": "thing", "dish": "thing",
        "cutting": "", "heating": "",
    },
    (
        Operator(
            "go", _needs("to:room", "room:room"), (HERE, ("?room", "connects to", "?to")),
            ((ROBOT, "in", "?to"), (ROBOT, "has seen", "?to")), (HERE,), "go to {to}",
        ),
        Operator(
            "open door", _needs("exit:exit", "room:room"),
            (HERE, ("?exit", "of", "?room"), ("?exit", "is", "closed")),
            (("?exit", "is", "open"), (ROBOT, "has seen", "?exit")), (("?exit", "is", "closed"),),
            "open the door {exit}",
        ),
        Operator(
            "open way", _needs("exit:exit", "room:room", "to:room"),
            (HERE, ("?exit", "of", "?room"), ("?exit", "is", "closed"), ("?exit", "leads to", "?to")),
            (("?exit", "is", "open"), ("?room", "connects to", "?to")), (("?exit", "is", "closed"),),
            "open the door {exit}",
        ),
        Operator(
            "open", _needs("holder:holder", "room:room"),
            (HERE, ("?holder", "in", "?room"), ("?holder", "is", "closed")),
            (("?holder", "is", "open"), (ROBOT, "has seen", "?holder")), (("?holder", "is", "closed"),),
            "open {holder}",
        ),
        Operator(
            "look", _needs("holder:holder", "room:room"),
            (HERE, ("?holder", "in", "?room"), ("?holder", "is", "open")), ((ROBOT, "has seen", "?holder"),),
            (), "look at {holder}",
        ),
        *_take("in", "out"),
        *_take("on", "off"),
        Operator(
            "pick up", _needs("item:thing", "room:room"), (HERE, ("?item", "in", "?room")),
            (("?item", HELD, ROBOT),), (("?item", "in", "?room"),), "take {item}",
        ),
        Operator(
            "read", _needs("text:text"), (("?text", HELD, ROBOT),), ((ROBOT, "has seen", "?text"),), (),
            "read {text}",
        ),
        Operator(
            "cut", _needs("item:food", "how:cutting", "knife:knife"),
            (("?item", HELD, ROBOT), ("?knife", HELD, ROBOT)),
            (("?item", "cut", "?how"),), (), "{how} {item}",
        ),
        Operator(
            "cook", _needs("item:food", "how:heating", "holder:holder", "room:room"),
            (HERE, ("?item", HELD, ROBOT), ("?holder", "in", "?room"), ("?holder", "makes", "?how")),
            (("?item", "cooked", "?how"),), (), "cook {item} in {holder}",
        ),
        Operator(
            "prepare", _needs("dish:dish", "room:room"), (HERE, ("?dish", "made in", "?room")),
            (("?dish", HELD, ROBOT),), (), "prepare {dish}",
        ),
        Operator(
            "eat", _needs("dish:dish"), (("?dish", HELD, ROBOT),), (("?dish", "eaten", "yes"),),
            (("?dish", HELD, ROBOT),), "eat {dish}",
        ),
    ),
    {ROBOT: "agent", "open": VALUE, "closed": VALUE, "yes": VALUE,
     **dict.fromkeys(CUTS.values(), "cutting"), **dict.fromkeys(HEATS.values(), "heating")},
)  # fmt: skip


def with_ways(belief: WorldBelief) -> WorldBelief:
    """``belief`` with ("a", "connects to", "b") for every open exit that is known to lead somewhere."""
    opened = {s for s, r, o in belief.facts if r == "is" and o == "open"}
    leads = dict(belief.all("leads to"))
    ways = {
        (room, "connects to", leads[exit])
        for exit, room in belief.all("of")
        if exit in leads and exit in opened
    }
    return replace(belief, facts=belief.facts | ways)


def rooms(belief: WorldBelief) -> frozenset[str]:
    """All rooms, and the closed doors that are known to lead to one."""
    leads = {s for s, _ in belief.all("leads to")}
    shut = {s for s, r, o in belief.facts if r == "is" and o == "closed"} & leads
    return frozenset(n for n, k in belief.kinds.items() if k == "room" or n in shut)
