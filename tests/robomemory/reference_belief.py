"""Belief worked out the slow and plain way, from a list of everything that was told: no rows, no updates, no
steps that build on others. The store is compared with it."""

from __future__ import annotations

import math
from dataclasses import dataclass

PLACES = ("in", "on", "held by")
NEAR = ("near", "left of", "right of")
TURNED = {"left of": "right of", "right of": "left of"}
STATES = {"open": "door", "closed": "door", "clean": "dirt", "dirty": "dirt"}


@dataclass(frozen=True)
class Item:
    """One thing told: ``what`` is "says", "denies", "sees" or "empty"; ``at`` (run, ns)."""

    what: str
    s: str
    r: str
    o: str
    at: tuple[int, int]
    pos: tuple[float, float, float] | None = None
    radius: float = 0.0
    sure: float = 1.0
    box: tuple[float, float, float] | None = None  # half its sides, with ``pos`` in the middle


def covers(empty, pos):
    """Whether the ball or box that was ``empty`` has ``pos`` in it."""
    if empty.box is None or pos is None:
        return dist(pos, empty.pos) <= empty.radius
    return all(c - h <= v <= c + h for v, c, h in zip(pos, empty.pos, empty.box, strict=True))


def dist(a, b):
    return math.inf if a is None or b is None else math.dist(a, b)


def meaning(item):
    """(subject, relation, object), with the ends of an axis in one order."""
    if item.r in TURNED and item.o < item.s:
        return item.o, TURNED[item.r], item.s
    return item.s, item.r, item.o


def question(item):
    """What only one answer fits at a time."""
    s, r, o = meaning(item)
    if r in PLACES or r == "from":
        return "where", s
    if r == "is":
        return STATES.get(o, o), s
    return ("axis" if r in TURNED else r), s, o


def track(items, thing):
    """[[began, until, position, lost]] of ``thing``, oldest first."""
    stops, last, sure = [], None, 0.0
    for at in sorted({i.at for i in items if i.what == "empty" or (i.what == "sees" and i.s == thing)}):
        seen = [i for i in items if i.what == "sees" and i.s == thing and i.at == at]
        for ball in sorted((i for i in items if i.what == "empty" and i.at == at), key=lambda i: -i.sure):
            there = any(covers(ball, i.pos) for i in seen)
            if last and covers(ball, last) and ball.sure >= 0.25 * sure and not there:
                stops[-1][1], stops[-1][3] = at, not seen  # seen elsewhere it has moved, and is not lost
                last = None
        if not seen:
            continue
        best = max(seen, key=lambda i: (i.sure, i.pos))
        if last is not None and dist(stops[-1][2], best.pos) <= 0.02:
            last, sure = best.pos, max(sure, best.sure)
        elif last is None or best.sure >= 0.25 * sure:
            if last is not None:
                stops[-1][1] = at
            stops.append([at, None, best.pos, False])
            last, sure = best.pos, best.sure
    return stops


def place(items, thing, at):
    """The position of the stop that ``at`` falls into."""
    return next((p for a, b, p, _ in track(items, thing) if a <= at and (b is None or at < b)), None)


def spells(items):
    """{(subject, relation, object in one order, began, until)} of every fact that was ever so."""
    found = set()
    for asked in {question(i) for i in items if i.what in ("says", "denies") and i.s != i.o}:
        found |= answers(items, asked)
    return found


def answers(items, asked):
    mine = [i for i in items if i.what in ("says", "denies") and i.s != i.o and question(i) == asked]
    ends = {end for i in mine for end in (i.s, i.o)}
    where, near = asked[0] == "where", asked[0] in ("near", "axis")
    moments = {i.at for i in mine}
    events = {}
    if where:
        moments |= {i.at for i in items if i.what == "sees" and i.s == asked[1]}
    for end in {asked[1]} if where else ends if near else set():
        for number, (began, until, _, lost) in enumerate(track(items, end)):
            if near and number:
                events.setdefault(began, "moved")
            if lost:
                events[until] = "lost"
    now, found = None, set()

    def end(at):
        if now["began"] < at:
            found.add((*now["fact"], now["began"], at))

    for at in sorted(moments | set(events)):
        said = {}
        for i in mine:
            if i.what == "says" and i.at == at:
                said[meaning(i)] = max(said.get(meaning(i), 0.0), i.sure)
        denied = [(i, i.sure) for i in mine if i.what == "denies" and i.at == at]

        def denies(i, fact):
            return (i.s, i.o) == (fact[0], fact[2]) if i.r == "from" else meaning(i) == fact

        said = {f: s for f, s in said.items() if not any(denies(i, f) and d > s for i, d in denied)}
        if now is not None and now["fact"] not in said:
            over = any(denies(i, now["fact"]) and s >= 0.25 * now["sure"] for i, s in denied)
            over = over or events.get(at) == "lost"
            over = over or (events.get(at) == "moved" and now["began"] < at)
            if where and now["fact"][1] == "in" and not over:
                seen = [i for i in items if i.what == "sees" and i.s == asked[1] and i.at == at]
                holder = place(items, now["fact"][2], at)
                if seen and holder is not None:
                    best = max(seen, key=lambda i: (i.sure, i.pos))
                    over = best.sure >= 0.25 * now["sure"] and dist(best.pos, holder) > 0.5
            if over:
                end(at)
                now = None
        ranked = sorted(said, key=lambda f: (said[f], now is None or f != now["fact"], f[1], f[2], f[0]))
        for fact in reversed(ranked):
            if now is not None and fact == now["fact"]:
                now["sure"] = max(now["sure"], said[fact])
                break
            if now is None or said[fact] >= 0.25 * now["sure"]:
                if now is not None:
                    end(at)
                now = {"fact": fact, "began": at, "sure": said[fact]}
                break
    if now is not None:
        found.add((*now["fact"], now["began"], None))
    return found
