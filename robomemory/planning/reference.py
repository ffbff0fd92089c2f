"""What a noun phrase means: a name of the knowledge graph, "my tray" by a lesson, "the one you just put down"
by the steps that are still in mind, "where it was" by the ended facts of the graph."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from robomemory.errors import InstructionUnclear
from robomemory.names import content, normal_name
from robomemory.notes import StepDone
from robomemory.planning.lessons import LessonRelation, Lessons

_RECENT = re.compile(
    r"(?:the )?(?:one|thing|object|item)?s?\s*(?:that )?(?:which )?you "
    r"(?P<just>just |last |first )?(?:put down|placed|put|moved|grasped|took)(?P<order> first| last)?"
    r"(?: just now| before)?"
)
_OWNED = re.compile(r"(?:my|our) (?P<noun>.+)|(?P<who>\w+)'s (?P<what>.+)")


@dataclass(slots=True)
class Resolver:
    """Resolves phrases. ``names`` {name: type} of what is known; ``places`` and ``things``: the types that
    may be meant; ``steps``: the last steps, oldest first; ``user``: who speaks. Guesses, for
    lack of anything better, are drawn with ``rng``; ``reasons`` says how references were understood."""

    names: Mapping[str, str]
    places: frozenset[str]
    things: frozenset[str]
    lessons: Lessons
    steps: Sequence[StepDone] = ()
    user: str = "user"
    rng: random.Random = field(default_factory=lambda: random.Random(0))
    reasons: list[str] = field(default_factory=list)

    def __call__(self, phrase: str, kind: str) -> str:
        """The name that ``phrase`` stands for; ``kind``: "thing" or "place".

        Raises:
            InstructionUnclear: nothing of that name is known, or several are; they are listed.
        """
        allowed = self.places if kind == "place" else self.things
        known = sorted(n for n, t in self.names.items() if t in allowed)
        if _RECENT.fullmatch(phrase):
            return self._recent(phrase, known)
        if owned := _OWNED.fullmatch(phrase):
            return self._owned(owned, phrase, known)
        name = normal_name(phrase)
        if name in self.names:
            return name
        words = set(content(name))
        fitting = [each for each in known if words and words <= set(content(each))]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            raise InstructionUnclear(f"{phrase!r} may be {', '.join(fitting)}; name one of them")
        if kind == "thing" and words:
            return name  # a thing that was never seen can be looked for
        raise InstructionUnclear(f"no {kind} {name!r} is known; there are {', '.join(known) or 'none'}")

    def _recent(self, phrase: str, known: Sequence[str]) -> str:
        steps = (s for s in self.steps if s.verb == "place" and s.state == "reached")
        placed = [normal_name(s.thing) for s in steps if s.thing]
        if placed:
            name = placed[0] if "first" in phrase else placed[-1]
            self.reasons.append(f"{phrase!r} is the {name}, by the steps in mind")
            return name
        return self._guess(phrase, known)

    def _owned(self, owned: re.Match[str], phrase: str, known: Sequence[str]) -> str:
        noun = owned["noun"] or owned["what"]
        who = owned["who"] or self.user
        said = f"{who}'s {normal_name(noun)}"
        if meant := self.lessons.value(said, LessonRelation.MEANS):
            self.reasons.append(f"{phrase!r} is the {meant}, as was learned")
            return meant
        words = set(content(noun))
        return self._guess(phrase, [name for name in known if words and words <= set(content(name))])

    def _guess(self, phrase: str, options: Sequence[str]) -> str:
        if not options:
            raise InstructionUnclear(f"{phrase!r}: nobody told what that is, and nothing known fits")
        chosen = self.rng.choice(list(options))
        if len(options) > 1:
            self.reasons.append(f"{phrase!r} is not known; guessed: the {chosen}")
        return chosen


_TOLD = re.compile(r"(?:my|our) (?P<noun>[\w ]+?) is (?:the )?(?P<name>[\w -]+)", re.I)


def meaning_of(sentence: str, user: str = "user") -> tuple[str, str] | None:
    """(phrase of the user, name that it means) of a sentence such as "my tray is the red tray", else None."""
    found = _TOLD.fullmatch(sentence.strip().rstrip(".!"))
    if found is None:
        return None
    return f"{user}'s {normal_name(found['noun'])}", normal_name(found["name"])
