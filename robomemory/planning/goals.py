"""Instructions as goals, by a small grammar; what the nouns mean is asked of a resolver.

Understood, alone or joined by "and", "then", ";" or ",":

    put | place | move | bring | carry   THINGS [from PLACE] to | in | into | on | onto PLACE
    take | grasp | grab | get | fetch | pick up   THINGS [from PLACE]
    open | close | shut   PLACES          find | locate | look for | search for   THINGS

"and" also joins things ("put the cup and the can in the tray"); "then" separates what is done first from what
follows, and so does a wish that ends an earlier one ("open the drawer, put the mug in, close it"). Left out
may be a place that was just named ("put the mug in"), and after "then" the verb ("then the ball").
Sentences are data: what is not of this form is refused, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from robomemory.errors import InstructionUnclear
from robomemory.names import PLACE, STATE
from robomemory.planning.domain import Domain, Facts, Goal
from robomemory.records import Triple

MAX_CHARS = 400

HAND = "gripper"
_POLITE = re.compile(r"^(?:please|now|can you|could you|would you|robot)[, ]+", re.I)
_MOVE = re.compile(
    r"(?:put|place|move|bring|carry|take|get|fetch) (?P<things>.+?)"
    r"(?: (?:from|out of) (?P<source>.+?))? (?P<how>into|in|onto|on|to) (?P<target>.+)"
)
_TAKE = re.compile(
    r"(?:take|grasp|grab|get|fetch|pick up) (?P<things>.+?)(?: (?:from|out of) (?P<source>.+))?"
)
_HERE = re.compile(r"(?:put|place|move|bring) (?P<things>.+?) (?P<how>in|inside|on)(?: it)?")
_NOUN = re.compile(r"(?:the|a|an|my) (?P<things>.+)")
_SET = re.compile(r"(?P<verb>open|close|shut) (?P<things>.+)")
_FIND = re.compile(r"(?:find|locate|look for|search for) (?P<things>.+)")
_VERB = (
    r"(?:put|place|move|bring|carry|take|get|fetch|grasp|grab|pick up|open|close|shut|find|locate|look for"
    r"|search for)\b"
)
_THEN = re.compile(r"(?:[,;.]\s*|\s+)(?:and\s+)?then\s+|\s*;\s*|\.\s+", re.I)
_AND = re.compile(rf"(?:\s+and\s+|\s*,\s*(?:and\s+)?)(?={_VERB})", re.I)
_THINGS = re.compile(r"\s+and\s+|\s*,\s*(?:and\s+)?")

EXAMPLE = "say for example 'put the blue mug in the tray' or 'open the left drawer, then find the red cube'"

Resolve = Callable[[str, str], str]
"""(noun phrase, "thing" | "place") -> name; raises InstructionUnclear."""


@dataclass(frozen=True, slots=True)
class Intent:
    """What an instruction asks for: ``goals`` to be reached one after the other, and what it ``tells``
    besides, such as where a thing is now. ``about`` names all things it speaks of."""

    instruction: str
    goals: tuple[Goal, ...]
    tells: Facts = frozenset()
    about: tuple[str, ...] = ()


def understand(instruction: str, resolve: Resolve) -> Intent:
    """The goals of ``instruction``.

    Raises:
        InstructionUnclear: it is empty, too long, not of the grammar, or ``resolve`` knows no such thing.
    """
    text = " ".join(instruction.split()).rstrip(".!? ")
    if not text or len(text) > MAX_CHARS:
        raise InstructionUnclear(
            f"instruction of {len(text)} characters, expected 1 to {MAX_CHARS}; {EXAMPLE}"
        )
    reader = _Reader(resolve)
    goals = tuple(goal for part in _THEN.split(text) if part.strip() for goal in reader.stages(part))
    return Intent(text, goals, frozenset(reader.tells), tuple(dict.fromkeys(reader.about)))


class _Reader:
    """Reads clauses; a pronoun means what was spoken of last."""

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self.tells: list[Triple] = []
        self.about: list[str] = []
        self._last: list[str] = []
        self._place = ""
        self._move: tuple[str, str] | None = None

    def stages(self, text: str) -> list[Goal]:
        """The clauses between two "then" as goals: one, unless a clause ends what an earlier asked for."""
        goals: list[Goal] = []
        facts: set[Triple] = set()
        find: set[str] = set()
        for clause in _AND.split(_POLITE.sub("", text.strip())):
            made, wanted = self._clause(clause.strip(" ,.;").lower())
            if any(overrides(new, old) for new in made for old in facts):
                goals.append(Goal(frozenset(facts), frozenset(find)))
                facts, find = set(), set()
            facts |= made
            find |= wanted
        return [*goals, Goal(frozenset(facts), frozenset(find))]

    def _clause(self, text: str) -> tuple[set[Triple], set[str]]:
        if found := _SET.fullmatch(text):
            state = "open" if found["verb"] == "open" else "closed"
            return {(place, "is", state) for place in self._names(found["things"], "place")}, set()
        if found := _FIND.fullmatch(text):
            return set(), set(self._names(found["things"], "thing"))
        if found := _MOVE.fullmatch(text):
            things = self._names(found["things"], "thing")
            self._told(things, found["source"])
            (target,) = self._names(found["target"], "place", many=False)
            self._move = "on" if found["how"] in ("on", "onto") else "in", target
            return {(thing, *self._move) for thing in things}, set()
        if self._place and (found := _HERE.fullmatch(text)):
            self._move = found["how"].replace("inside", "in"), self._place
            return {(thing, *self._move) for thing in self._names(found["things"], "thing")}, set()
        if found := _TAKE.fullmatch(text):
            things = self._names(found["things"], "thing")
            self._told(things, found["source"])
            return {(thing, "held by", HAND) for thing in things}, set()
        if self._move and (found := _NOUN.fullmatch(text)):
            return {(thing, *self._move) for thing in self._names(found["things"], "thing")}, set()
        raise InstructionUnclear(f"{text!r} is not understood; {EXAMPLE}")

    def _told(self, things: list[str], source: str | None) -> None:
        if source:
            (place,) = self._names(source, "place", many=False)
            self.tells += [(thing, "in", place) for thing in things]

    def _names(self, phrase: str, kind: str, *, many: bool = True) -> list[str]:
        phrase = phrase.strip()
        if phrase in ("it", "them", "that") and self._last and kind == "thing":
            return self._last
        if phrase in ("it", "there") and self._place and kind == "place":
            return [self._place]
        parts = _THINGS.split(phrase) if many else [phrase]
        names = [self._resolve(part.strip(), kind) for part in parts]
        self.about += names
        if kind == "thing":
            self._last = names
        elif len(names) == 1:
            self._place = names[0]
        return names


def overrides(new: Triple, old: Triple) -> bool:
    """Whether ``new`` ends ``old``: a thing is at one place and in one state at a time."""
    group = PLACE if old[1] in PLACE else STATE
    return new[0] == old[0] and new != old and {new[1], old[1]} <= group


def settled(domain: Domain, kinds: Mapping[str, str], triple: Triple) -> Triple:
    """``triple`` with the relation that its place goes with: what is put "on the tray" is in the tray."""
    subject, relation, place = triple
    fitting = {
        r
        for o in domain.operators
        for _, r, obj in o.adds
        if r in PLACE
        for p in o.parameters
        if obj == f"?{p.name}" and domain.is_a(kinds.get(place, ""), p.type)
    }
    if relation not in PLACE or relation in fitting or len(fitting) != 1:
        return triple
    return subject, fitting.pop(), place
