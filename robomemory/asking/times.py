"""Times in a question, read by a grammar: "an hour ago", "since yesterday", "before", "in this run"."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from enum import StrEnum

from robomemory.timestamps import FOREVER_NS, WALL_NS, Moment

S = 10**9
_UNITS = {
    "second": 1, "sec": 1, "s": 1, "minute": 60, "min": 60, "hour": 3600, "hr": 3600, "h": 3600,
    "day": 86_400, "week": 604_800, "month": 2_629_800, "year": 31_557_600,
}  # fmt: skip
_NUMBERS = {
    "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "fifteen": 15, "twenty": 20, "thirty": 30,
    "half an": 0.5, "half a": 0.5, "a half": 0.5,
    "a couple of": 2, "couple of": 2, "a few": 3, "few": 3, "last": 1, "": 1,
}  # fmt: skip
_NUMBER = r"(?P<number>\d+(?:\.\d+)?|half an?|an? half|a couple of|couple of|a few|few|[a-z]+)"
_UNIT = r"(?P<unit>seconds?|secs?|s|minutes?|mins?|hours?|hrs?|h|days?|weeks?|months?|years?)"
_AMOUNT = rf"{_NUMBER} ?{_UNIT}"
MOST_NS = 10**18
"""Longer ago than anything (31 years)."""


class TimeKind(StrEnum):
    """How a time is said."""

    NOW = "now"
    BEFORE = "before"
    FIRST = "first"
    EVER = "ever"
    AGO = "ago"
    DAY = "day"
    STAMP = "stamp"
    LEFT = "left"
    RUN = "run"


@dataclass(frozen=True, slots=True)
class TimeSaid:
    """A time as a question says it. ``since``: what began then and goes on until now is meant. ``ns``: how
    long ago (AGO), how many days back (DAY, 0 today), the stamp (STAMP) or how many runs back (RUN);
    ``who`` left (empty: the one who asks)."""

    kind: TimeKind
    since: bool = False
    ns: int = 0
    who: str = ""


_SINCE = r"(?:since|from|after|over|during|in|within|for)"
_TAILS: tuple[tuple[str, TimeKind, bool], ...] = (
    (rf"(?:since|for|in|within|during|over)?(?: about| around)? ?(?:the )?(?:last|past) "
     rf"{_AMOUNT}", TimeKind.AGO, True),
    (rf"(?:since|from|after)(?: about| around)? {_AMOUNT} ago(?: till now)?", TimeKind.AGO, True),
    (rf"(?:about |around |some )?{_AMOUNT} (?:ago|earlier|before)", TimeKind.AGO, False),
    (r"(?:since|after) (?:the time )?(?:that )?(?P<who>i|we|[\w' -]{1,40}?) (?:have |has |had )?(?:just )?"
     r"(?:left|went (?:out|away|home)|gone)(?: (?:the )?[\w -]{1,40})?", TimeKind.LEFT, True),
    (r"(?:while|when) i (?:was|am) (?:away|out|gone)|in my absence", TimeKind.LEFT, True),
    (rf"{_SINCE} yesterday", TimeKind.DAY, True),
    (rf"(?:{_SINCE} )?(?:today|this morning)", TimeKind.DAY, True),
    (r"(?:on )?yesterday", TimeKind.DAY, False),
    (r"(?:since the (?:start|beginning) of |during |in |within |of )(?:this|the current|the present) "
     r"(?:run|session|task|episode)|"
     r"since (?:the )?(?:start|beginning)|since you (?:started|woke up|began)|so far", TimeKind.RUN, True),
    (r"since (?:the )?(?:last|previous) (?:run|session|task|episode)", TimeKind.RUN, True),
    (r"(?:during |in |within )?(?:the )?(?:last|previous) (?:run|session|task|episode)", TimeKind.RUN, False),
    (r"since (?:t ?= ?|second |stamp )?(?P<stamp>\d+(?:\.\d+)?) ?(?:s|sec|seconds)?", TimeKind.STAMP, True),
    (r"at (?:t ?= ?|second )?(?P<stamp>\d+(?:\.\d+)?) ?(?:s|sec|seconds)?", TimeKind.STAMP, False),
    (r"at first|first|originally|initially|(?:in|at) the (?:very )?(?:beginning|start)|to begin "
     r"with", TimeKind.FIRST, False),
    (r"before(?:hand)?(?: that| this| now| then)?|previously|earlier(?: on)?|until (?:recently|now)|"
     r"last time|formerly|in the past|a while ago|some time ago", TimeKind.BEFORE, False),
    (r"ever|at (?:some|any) (?:point|time)", TimeKind.EVER, False),
    (r"(?:right |just )?now|at the moment|currently|at present|presently|"
     r"these days|by now|anymore|any more|"
     r"again|still|today please|lately seen", TimeKind.NOW, False),
)  # fmt: skip
_RECENT = re.compile(r"(?:lately|recently|of late|in the meantime|meanwhile)$")


def split_time(question: str) -> tuple[str, TimeSaid | None]:
    """(``question`` without the time at its end or beginning, that time; None: it says none). ``question`` is
    in lower case, without punctuation."""
    text = _RECENT.sub("", question).strip()
    for pattern, kind, since in _TAILS:
        for where in (
            rf"^(?:{pattern}) (?=(?:what|where|who|was|were|is|did)\b)",
            rf"(?:^|(?<= ))(?:{pattern})$",
        ):
            found = re.search(where, text)
            if found is not None and (said := _read(found, kind, since)) is not None:
                rest = f"{text[: found.start()]} {text[found.end() :]}".strip()
                return re.sub(r"\s+", " ", rest), said
    return text, None


def _read(found: re.Match[str], kind: TimeKind, since: bool) -> TimeSaid | None:
    groups = found.groupdict()
    if kind is TimeKind.AGO:
        number, unit = groups["number"] or "", groups["unit"]
        value = _NUMBERS.get(number)
        if value is None:
            try:
                value = float(number)
            except ValueError:
                return None
        seconds = _UNITS[unit if unit in _UNITS else unit.removesuffix("s")]
        return TimeSaid(kind, since, min(round(value * seconds * S), MOST_NS))
    if kind is TimeKind.LEFT:
        who = groups.get("who") or ""
        return TimeSaid(kind, since, who="" if who in ("i", "we") else who)
    if kind is TimeKind.DAY:
        return TimeSaid(kind, since, 1 if "yesterday" in found[0] else 0)
    if kind is TimeKind.RUN:
        return TimeSaid(kind, since, 1 if re.search(r"last|previous", found[0]) else 0)
    if kind is TimeKind.STAMP:
        return TimeSaid(kind, since, min(round(float(groups["stamp"]) * S), FOREVER_NS - 1))
    return TimeSaid(kind, since)


def is_wall(now: Moment) -> bool:
    """Whether ``now`` is of a clock that tells dates."""
    return now.ns >= WALL_NS


def midnight_ns(now_ns: int, days_back: int) -> int:
    """The midnight [ns] that began the day ``days_back`` days before that of ``now_ns``, here."""
    there = time.localtime(now_ns / S)
    begin = (there.tm_year, there.tm_mon, there.tm_mday - days_back, 0, 0, 0, 0, 0, -1)
    return round(time.mktime(begin)) * S


def span_words(ns: int) -> str:
    """A length of time [ns] for people: "3 s", "5 min", "2 h", "4 days"."""
    seconds = max(0, ns) / S
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7_200:
        return f"{seconds / 60:.0f} min"
    if seconds < 172_800:
        return f"{seconds / 3_600:.0f} h"
    return f"{seconds / 86_400:.0f} days"


def moment_words(at: Moment, now: Moment) -> str:
    """``at`` for people: a date and how long ago, or a stamp of the run."""
    if is_wall(at):
        date = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at.ns / S))
        return f"{date} ({span_words(now.ns - at.ns)} ago)" if at.run == now.run else date
    if at.run == now.run:
        return f"{at.ns / S:.1f} s ({span_words(now.ns - at.ns)} ago)"
    return f"{at.ns / S:.1f} s of run {at.run}"
