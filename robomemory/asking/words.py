"""Sentences for people about what a memory answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from robomemory.asking.answers import Teller
from robomemory.asking.times import moment_words
from robomemory.front.candidates import Candidate
from robomemory.graph.scene import SceneChange, SceneFact, Stay, Whereabouts
from robomemory.records import Position
from robomemory.timestamps import Moment

MOST_SAID = 5
"""Most items that a sentence lists; the fields hold the others."""


def listed(items: Sequence[str], most: int = MOST_SAID) -> str:
    """ "a, b and c", or "a, b and 7 more"."""
    if len(items) <= 1:
        return "".join(items)
    if len(items) > most:
        return f"{', '.join(items[:most])} and {len(items) - most} more"
    return f"{', '.join(items[:-1])} and {items[-1]}"


def capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def spot(position: Position) -> str:
    return f"({', '.join(f'{v:.2f}' for v in position)}) m"


def the(name: str) -> str:
    """``name`` with its article, where it takes one."""
    return name if name.startswith(("my ", "your ")) or "'s " in name else f"the {name}"


def place_words(facts: Iterable[str], name: str, position: Position | None, via: str) -> str:
    """Where a thing is, after its name and a verb: "in the tray, at (0.50, -0.20, 0.02) m"."""
    said = [fact.removeprefix(f"{name} ") for fact in facts if fact.startswith(f"{name} ")]
    parts = [] if not said else [listed(said)]
    if position is not None:
        parts.append(f"at {spot(position)}{f' (the place of {the(via)})' if via else ''}")
    return ", ".join(parts)


def where_words(candidate: Candidate, now: Moment) -> str:
    c = candidate
    where = place_words(c.facts, c.name, c.position, c.via)
    told = "seen or told of last at " + moment_words(Moment(c.run, c.last_seen_ns), now)
    if not where:
        return f"Where {the(c.name)} is, is not known; it was {told}."
    return f"{capital(the(c.name))} is {where}; {told}."


def was_words(place: Whereabouts, when: str) -> str:
    where = place_words(place.facts, place.name, place.position, place.via)
    return f"{capital(when)} {the(place.name)} was {where or 'somewhere that is not known'}."


def stay_words(stay: Stay, now: Moment) -> str:
    where = f"{stay.relation} {stay.holder}" if stay.position is None else f"at {spot(stay.position)}"
    until = ""
    if stay.until_ns is not None:
        until = f" until {moment_words(Moment(stay.until_run, stay.until_ns), now)}"
    return f"{where} from {moment_words(stay.began, now)}{until}"


def fact_words(fact: SceneFact, now: Moment) -> str:
    until = ""
    if fact.valid_until_ns is not None:
        until = f" until {moment_words(Moment(fact.until_run, fact.valid_until_ns), now)}"
    return f"{fact}, from {moment_words(fact.valid_from, now)}{until}"


def change_words(changes: Sequence[SceneChange], now: Moment) -> str:
    said = [f"{c.text} ({c.what} at {moment_words(Moment(c.run, c.stamp_ns), now)})" for c in changes]
    newest = said[::-1]
    more = f"; and {len(said) - MOST_SAID} more" if len(said) > MOST_SAID else ""
    return "; ".join(newest[:MOST_SAID]) + more


def teller_words(teller: Teller, now: Moment) -> str:
    who = teller.source or "someone who is not named"
    did = []
    if teller.saw:
        did.append(f"saw it {times_words(teller.saw)}")
    if teller.said:
        did.append(f"told of it {times_words(teller.said)}")
    return f"{who} {' and '.join(did)}, last at {moment_words(teller.last, now)}"


def times_words(n: int) -> str:
    return "once" if n == 1 else f"{n} times"
