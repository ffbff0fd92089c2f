"""Where a thing shall go, as it is said: relations to other things, parts of the table, directions and
distances."""

from __future__ import annotations

import re
from dataclasses import dataclass

from vista.planner.instruction.reading.phrases import NounPhrase, PhraseReader
from vista.planner.instruction.words.lexicon import NUMBERS, RELATION_OF, UNITS
from vista.planner.instruction.words.nouns import SHAPE_OF

_TABLE = "|".join(sorted(word for word, name in SHAPE_OF.items() if name == "table"))
_OF_TABLE = rf"(?: (?:of|on) (?:the |your |my |this )?(?:{_TABLE}))"
_WAYS = (
    "(?:front|back|rear|far|near|nearest|nearer|closest|left|right|top|bottom|upper|lower|hand|most|"
    "farthest|furthest)"
)
_CORNER = re.compile(
    "(?:in|into|on|onto|at|to|towards?|near|by|over to) (?:(?:the|a|any|one|one of the|this|that) "
    ")?(?:very |extreme )?"
    f"(?P<before>(?:{_WAYS}(?: and)? )*)(?:(?:of )?(?:the )?table )?corners?(?P<after>(?: (?:at|on|in|"
    f"to|of) the {_WAYS}"
    rf"(?: {_WAYS})*| {_WAYS} {_WAYS}(?= |$))?){_OF_TABLE}?(?! (?:of|on) )(?= |$)"
)
_SIDE = re.compile(
    "(?P<how>in|into|on|onto|at|to|towards?|over to|over on|over at|near|by) (?:the |your |its |my "
    ")?(?:very |far |exact |extreme |dead "
    "|absolute )?(?P<side>left|right|front|back|far|near|rear|middle|nearest|farthest|closest|"
    "furthest)(?: hand)?"
    "(?P<noun> (?:side|edge|end|half|part|area|portion|region|border|section|"
    f"third))?(?P<table>{_OF_TABLE})?"
    rf"(?P<noun2> (?:{_TABLE}) (?:side|edge|end|half))?"
    r"(?=$| [.,;:!?]| (?:and|then|also|please|not|but|with|put|place)\b)"
)
_SIDE_WORDS = {
    "front": "front", "near": "front", "nearest": "front", "nearer": "front", "closest": "front",
    "bottom": "front", "lower": "front", "back": "back", "rear": "back", "far": "back", "top": "back",
    "upper": "back", "farthest": "back", "furthest": "back", "left": "left", "right": "right",
    "middle": "middle",
}  # fmt: skip
_WAY = re.compile(
    r"(?:(?:to|towards?) (?:the |your |its |robot 's )?)?(?P<side>left|right)(?:wards?)?(?: hand)?(?: side)?"
    r"(?=$| [.,;:!?]| (?:and|then|by|a|about|not|but|around|roughly|exactly|some|slightly|\d|"
    rf"{'|'.join(NUMBERS)})\b)|(?:straight )?(?P<ahead>forwards?|ahead|backwards?)(?= |$)"
    r"|(?P<back>back)(?=$| [.,;:!?]| (?:and|then|by|a|about|towards?|\d))"
    "|(?P<from>(?:further |farther )?away from (?:you|yourself|the robot|your base|your body|the "
    "base))(?= |$)"
    "|(?P<near>(?:towards?|closer to|nearer to|closer towards|back towards?|to) (?:you|yourself|the "
    "robot|your base|the base))"
    r"(?= |$)"
)
_NUMBER = "|".join(NUMBERS)
_COUNT = rf"(?:\d+(?:[.,]\d+)?|(?:a )?hundred|(?:{_NUMBER})(?: (?:{_NUMBER}))?|half an?|a half|an?)"
_DISTANCE = re.compile(
    "(?:by |about |around |roughly |approximately |another |a distance of |of |exactly |a further |a "
    "total of |for )*"
    f"(?P<count>{_COUNT})(?P<half> and (?:a )?half)?(?: more)? "
    f"(?P<unit>(?:{'|'.join(sorted(UNITS, key=len, reverse=True))})"
    r"(?:s|es)?|in(?= (?:to|left|right|forward|back|away|towards)))(?: more| further)?(?= |$)"
)
_VAGUE = re.compile(
    "(?:by |just |only )*(?:(?:a|an) (?:(?:tiny|little|wee|small|teeny|good|fair) )*(?:bit|little|tad|"
    "touch|smidge|"
    "smidgen|hair|fraction|nudge|amount|distance|way)|slightly|somewhat|some|a little)(?: bit)?(?: "
    "more| further)?(?= |$)"
)
_BETWEEN_TWO = re.compile(r"(?:in|into|to|at) the middle (?:of|between) (?=.* and )")


@dataclass(frozen=True, slots=True)
class Where:
    """A place as it is said: ``relation`` of the lexicon, "corner" or "side"; ``places``; ``part`` of the
    table, empty where the sentence says none ("in the corner")."""

    relation: str
    places: tuple[NounPhrase, ...] = ()
    part: str = ""
    said: str = ""


@dataclass(frozen=True, slots=True)
class Shift:
    """``direction`` and ``distance_m`` [m] as said; None: not said, or vaguely."""

    direction: str
    distance_m: float | None


class WhereReader(PhraseReader):
    """Reads places, directions and distances from ``tokens``."""

    def where(self, i: int) -> tuple[Where, int] | None:
        """A place at ``i``, and the token after it."""
        if found := self.match(_CORNER, i):
            ways = [
                _SIDE_WORDS[w]
                for w in f"{found[0]['before']} {found[0]['after']}".split()
                if w in _SIDE_WORDS
            ]
            depth = next((w for w in ways if w in ("front", "back")), "")
            side = next((w for w in ways if w in ("left", "right")), "")
            part = f"{depth} {side}" if depth and side else ""
            return Where("corner", part=part, said=found[0][0]), found[1]
        if found := self.match(_SIDE, i):
            groups, side = found[0].groupdict(), _SIDE_WORDS[found[0]["side"]]
            clear = groups["noun"] or groups["table"] or side == "middle"
            across = side in ("left", "right")
            if clear or (
                groups["how"] in ("on", "at", "over on") if across else groups["how"] not in ("near", "by")
            ):
                return Where("side", part=side, said=found[0][0]), found[1]
        if found := self.match(_BETWEEN_TWO, i):
            both = self.several(found[1])
            if both is not None and len(both[0]) == 2:
                return Where("between", both[0], said=self.rest(i)), both[1]
        for size in range(6, 0, -1):
            name = RELATION_OF.get(tuple(self.tokens[i : i + size]))
            if name is None:
                continue
            read = self.several(i + size) if name == "between" else self._single(i + size)
            if read is not None:
                return Where(name, read[0], said=" ".join(self.tokens[i : read[1]])), read[1]
        return None

    def _single(self, i: int) -> tuple[tuple[NounPhrase, ...], int] | None:
        if i + 4 < len(self.tokens) and self.rest(i).startswith("the middle of "):
            i += 3  # the middle of the tray is in it
        one = self.one(i)
        return None if one is None else ((one[0],), one[1])

    def shift(self, i: int) -> tuple[Shift, int] | None:
        """A direction, with a distance before or after it; or a distance alone, with an empty direction."""
        far, said, start = None, False, i
        for _ in range(3):
            if (found := self.match(_DISTANCE, i)) and not said:
                far, said, i = _metres(found[0]), True, found[1]
            elif (found := self.match(_VAGUE, i)) and not said:
                said, i = True, found[1]
            else:
                break
        way = self.match(_WAY, i)
        if way is None:
            return (Shift("", far), i) if i > start else None
        i, direction, bare = way[1], _direction(way[0]), way[0].groupdict()["back"] is not None and not said
        if not said:
            if found := self.match(_DISTANCE, i):
                far, i, bare = _metres(found[0]), found[1], False
            elif found := self.match(_VAGUE, i):
                i, bare = found[1], False
        # "Put it back" says where it was before, "10 cm back" the direction.
        return Shift("" if bare else direction, far), i


def _direction(found: re.Match[str]) -> str:
    groups = found.groupdict()
    if groups["side"]:
        return groups["side"]
    if groups["ahead"]:
        return "backward" if groups["ahead"].startswith("back") else "forward"
    return "forward" if groups["from"] else "backward"


def _metres(found: re.Match[str]) -> float:
    said, unit = found["count"], found["unit"]
    if said.startswith("half") or said == "a half":
        count = 0.5
    elif said in ("a", "an"):
        count = 1.0
    elif said[0].isdigit():
        count = float(said.replace(",", "."))
    else:
        count = float(sum(NUMBERS.get(word, 0) for word in said.split()))
    for name in (unit, unit.removesuffix("s"), unit.removesuffix("es"), "inch"):
        if name in UNITS:
            return round((count + (0.5 if found["half"] else 0.0)) * UNITS[name], 6)
    raise AssertionError(unit)
