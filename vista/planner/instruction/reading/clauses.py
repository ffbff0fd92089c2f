"""The grammar of commands: a sentence as clauses, every word of which was read.

Written by hand, as a descent over tokens, and not with a parser library: noun phrases are open (names that a
user taught), so that a table of terminals would hold every word twice, and what is refused must be known by
its place and cause. A word that no rule reads ends the reading: nothing is guessed around it.

    clause := VERB things? (place | source | direction | distance)*        put the mug in the tray
            | things (COPULA | HAVE) place | things place                   red cube -> tray
            | place "with"? VERB? things                                    into the tray with the can
            | VERB container "with" things                                  fill the tray with the cubes
            | things                                                        (then) the ball
    things := phrase (("and" | "," | "plus") phrase)*
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from vista.planner.instruction.reading.phrases import NounPhrase
from vista.planner.instruction.reading.whereabouts import Shift, Where, WhereReader
from vista.planner.instruction.words.lexicon import COPULA, PARTICIPLES, SOURCES, STANCES, VERBS, Act


@dataclass(frozen=True, slots=True)
class Wish:
    """One wish: ``act`` (None: that of the clause before), ``verb`` as it is said, ``particle`` ("out"),
    ``things``; ``where`` they go; ``source``; ``shift``; ``here``: "in" without a place; ``wheres``: all
    places that were said, the last of them is ``where``; ``said``."""

    act: Act | None
    verb: str = ""
    particle: str = ""
    things: tuple[NounPhrase, ...] = ()
    where: Where | None = None
    source: NounPhrase | None = None
    shift: Shift | None = None
    here: str = ""
    wheres: tuple[Where, ...] = ()
    said: str = ""
    same: bool = False
    then: bool = False


@dataclass(frozen=True, slots=True)
class Unread:
    """The reading ended at ``word``; ``clause``: what was read of the clause before it; ``starts``: the word
    begins a clause, where a verb or a thing is expected; ``rest``: what is left."""

    word: str
    starts: bool
    rest: str
    clause: Wish | None = None


_SEPARATOR = re.compile(
    "(?:(?:[.,;:!?]|and then|and after|and also|and|then|after that|also|next|finally|lastly|first of "
    "all|firstly|"
    "first|secondly|second|thirdly|third|fourth|plus|last of all|last|in addition|additionally|to "
    "start|to begin|"
    r"to finish|step \d+|before that|in the end|at the end|as a (?:first|second|last) step|but|while|"
    r"again|now|\d(?= [.:])|"
    r"in the meantime|meanwhile|by doing so)(?: |$))+"
)
_THEN = re.compile(r"\b(?:then|after that|next|finally|lastly|secondly|second|third|thirdly|last)\b|[.;]")
_COPULA = re.compile(rf"(?:(?:all |both |each )?(?:{COPULA}))(?: all| both)?(?= |$)")
_HAVE_STANCE = re.compile(rf"(?:to )?(?:be )?(?:{'|'.join(sorted(STANCES | PARTICIPLES))})(?= |$)")
_SAME = re.compile(
    "(?:do |and )*(?:the same|same thing|same|likewise|ditto)(?: thing)?(?: (?:goes|with|for|to|"
    "applies to))+ |(?:do |and )?likewise (?:with |for )?"
)
_PARTICLE = re.compile(r"(?:up|out|down|over|off|back|open|shut|closed|away|aside|together)(?= |$)")
_WITH = re.compile(
    "(?:(?:with|goes|go|belongs|put|place|drop|set|lay|:|,|i want|comes|move|should go|should be|stick|"
    "pop) )+"
)
_SOURCE = re.compile(rf"(?:{'|'.join(SOURCES)}) ")
_CONTRAST = re.compile(
    "(?:, )?(?:(?:and|but) )?(?:not|rather than|instead of|never) (?P<what>.+?)(?=$| [.;!?]| , (?!not)|"
    " (?:and|then|but) )"
)


class ClauseReader(WhereReader):
    """Reads ``tokens`` into clauses."""

    def read(self) -> list[Wish] | Unread:
        """All clauses, or where the reading ended."""
        clauses: list[Wish] = []
        i, then = 0, False
        while True:
            if found := self.match(_SEPARATOR, i):
                sep = found[0][0].strip()
                if not (sep == "first" and self.rest(found[1]) == ""):
                    then, i = then or _THEN.search(sep) is not None, found[1]
            if i >= len(self.tokens):
                return clauses
            read = self.clause(i, clauses)
            if read is None:
                return Unread(self.tokens[i], True, self.rest(i), clauses[-1] if clauses else None)
            clause, end = read
            if end < len(self.tokens) and not self.match(_SEPARATOR, end):
                nxt = self.clause(end, [*clauses, clause])
                if nxt is None or nxt[0].act is None:
                    return Unread(self.tokens[end], False, self.rest(end), clause)
            clauses.append(replace(clause, then=then, said=" ".join(self.tokens[i:end])))
            i, then = end, False

    def clause(self, i: int, before: Sequence[Wish]) -> tuple[Wish, int] | None:
        """One clause at ``i``, and the token after it."""
        if found := self.match(_SAME, i):
            things = self.several(found[1])
            return None if things is None else (Wish(None, things=things[0], same=True), things[1])
        for size in range(5, 0, -1):
            verb = VERBS.get(tuple(self.tokens[i : i + size]))
            if verb is not None and (read := self._commanded(i + size, *verb)) is not None:
                return read
        if (shift := self.shift(i)) is not None and shift[0].direction:
            return Wish(None, shift=shift[0]), shift[1]
        if (read := self._placed_first(i)) is not None:
            return read
        return self._things_first(i, before)

    # --- with a verb ---
    def _commanded(self, i: int, act: Act, base: str) -> tuple[Wish, int] | None:
        if act is Act.FILL:
            return self._filled(i)
        if act is Act.HAVE:
            return self._had(i)
        made = Wish(act, base.replace("_", " "))
        if base in ("load", "pack") and (read := self._filled(i)) is not None:
            return read
        if (found := self.match(_PARTICLE, i)) and self.where(i) is None and self.shift(i) is None:
            made, i = replace(made, particle=found[0][0]), found[1]
        shift = self.shift(i)
        if shift is None and (things := self.several(i)) is not None:
            made, i = self._things(made, things)
        return self._rest_of(made, i)

    def _things(self, made: Wish, things: tuple[tuple[NounPhrase, ...], int]) -> tuple[Wish, int]:
        return replace(made, things=things[0]), things[1]

    def _rest_of(self, made: Wish, i: int) -> tuple[Wish, int]:
        """``made`` with its places, source, direction and particles from ``i`` on, in any order."""
        while i < len(self.tokens):
            if (
                (source := self.match(_SOURCE, i))
                and (one := self.one(source[1])) is not None
                and made.source is None
            ):
                made, i = replace(made, source=one[0]), one[1]
            elif (shift := self.shift(i)) is not None and made.shift is None and shift[0].direction:
                made, i = replace(made, shift=shift[0]), shift[1]
            elif (where := self.where(i)) is not None:
                made, i = replace(made, where=where[0], wheres=(*made.wheres, where[0])), where[1]
                if (
                    not made.things
                    and (things := self.several(i)) is not None
                    and made.act in (Act.PUT, Act.TAKE)
                ):
                    made, i = self._things(made, things)
            elif (shift := self.shift(i)) is not None and made.shift is None:
                made, i = replace(made, shift=shift[0]), shift[1]
            elif self.tokens[i] in ("in", "inside", "on", "there", "here") and self._ends(i + 1):
                here = {"inside": "in", "here": "there"}.get(self.tokens[i], self.tokens[i])
                made, i = replace(made, here=here), i + 1
            elif (found := self.match(_PARTICLE, i)) and not made.particle:
                made, i = replace(made, particle=found[0][0]), found[1]
                if not made.things and (things := self.several(i)) is not None:
                    made, i = self._things(made, things)
            elif self.tokens[i] in ("both", "all", "together", "each") and self._ends(i + 1):
                i += 1
            else:
                break
        return made, i

    def _ends(self, i: int) -> bool:
        return i >= len(self.tokens) or self.match(_SEPARATOR, i) is not None

    def _filled(self, i: int) -> tuple[Wish, int] | None:
        """ "fill the tray with the cubes"."""
        place = self.one(i)
        if place is None or self.rest(place[1]).split(" ")[0] != "with":
            return None
        things = self.several(place[1] + 1)
        if things is None:
            return None
        where = Where("in", (place[0],), said=f"in {place[0].said}")
        return Wish(Act.PUT, "put", things=things[0], where=where, wheres=(where,)), things[1]

    def _had(self, i: int) -> tuple[Wish, int] | None:
        """ "have the mug stand in the tray"."""
        things = self.several(i)
        if things is None:
            return None
        i = things[1]
        if found := self.match(_HAVE_STANCE, i):
            i = found[1]
        made, end = self._rest_of(Wish(Act.PUT, "put", things=things[0]), i)
        return (made, end) if made.where is not None or made.shift is not None else None

    # --- without one ---
    def _placed_first(self, i: int) -> tuple[Wish, int] | None:
        """ "into the tray with the can", "in the tray: the can"."""
        source = self.match(_SOURCE, i)
        where = self.where(i) if source is None else None
        if where is None:
            return None
        end = where[1]
        if found := self.match(_WITH, end):
            end = found[1]
        elif end < len(self.tokens) and self.tokens[end] in ",:":
            end += 1
        things = self.several(end)
        if things is None:
            return None
        return Wish(Act.PUT, "put", things=things[0], where=where[0], wheres=(where[0],)), things[1]

    def _things_first(self, i: int, before: Sequence[Wish]) -> tuple[Wish, int] | None:
        """ "the mug goes in the tray", "red cube into tray", and a bare "then the ball"."""
        things = self.several(i)
        if things is None:
            return None
        made, end = Wish(None, things=things[0]), things[1]
        if found := self.match(_COPULA, end):
            placed, after = self._rest_of(Wish(Act.PUT, "put", things=things[0]), found[1])
            return (placed, after) if placed.where or placed.shift or placed.here else None
        lone = replace(made, act=Act.PUT, verb="put")
        placed, after = self._rest_of(lone, end)
        if placed.where is not None or placed.shift is not None or placed.here or placed.source is not None:
            return placed, after
        known = things[0][0].noun or things[0][0].words or things[0][0].pronoun
        return (made, end) if known and (self._ends(end) or end >= len(self.tokens)) else None


def contrasts(text: str) -> tuple[str, list[str]]:
    """``text`` without what is only set against it ("the mug, not the cube"), and the phrases left out."""
    gone: list[str] = []

    def cut(found: re.Match[str]) -> str:
        gone.append(found["what"])
        return " "

    head = re.match(r"(?:not|never|no|do not)\b", text)
    if head is not None:
        return text, gone
    out = _CONTRAST.sub(cut, text)
    return re.sub(r"\s+", " ", out).strip(), gone
