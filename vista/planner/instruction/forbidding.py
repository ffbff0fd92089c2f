"""What a sentence says not to do: "all but the mug, and don't touch the cube"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from vista.planner.instruction import refusing
from vista.planner.instruction.building import GoalBuilder
from vista.planner.instruction.ending import UnclearError
from vista.planner.instruction.openings import bare
from vista.planner.instruction.reading.clauses import ClauseReader, contrasts
from vista.planner.instruction.resolving import PhraseResolver
from vista.planner.instruction.values import AnyGoal, PlaceGoal, Sort
from vista.planner.instruction.words.lexicon import VERBS
from vista.planner.instruction.words.normal_text import tidy

_VERBS = {words[0] for words in VERBS} - {"let", "move", "need", "want", "have", "make", "get"}
_NEXT = "|".join(sorted(_VERBS, key=len, reverse=True))
_FORBIDDEN = re.compile(
    r"(?P<before>^|[.;!,:] |\b(?:but|and|just) )(?:(?:please|and|but|you|just|make sure|be careful to|"
    "be sure to|,) )*"
    "(?:(?:(?:do|should|must|may|can|need|shall|will) not|never|not to)(?: ever)?|avoid|refrain from|"
    "leave) (?P<what>.*?)"
    "(?=$| [.;!]| (?:,|but|and|, but|, just|, only|, instead|, rather|but rather|, and)? ?(?:please "
    f")?(?:{_NEXT}) "
    ")"
)
_NOTHING = re.compile(r"\b(?:and|but|then|just|instead|it|that|is|all)\b|[.,;:!?]")
_EXCEPTING = re.compile(
    r"\b(?:everything|all|every \w+|others?|any|things|ones|cubes?|\w+s) (?:, )?(?:but|without)\b"
)


class Forbidden:
    """What one sentence forbids, heeded in the goals of ``builder``; ``names``: known names as words."""

    def __init__(self, builder: GoalBuilder, names: Sequence[tuple[str, ...]]) -> None:
        self._builder, self._names = builder, names
        self._said: list[str] = []

    def positive(self, text: str) -> str:
        """``text`` without what it forbids or sets aside, which is kept.

        Raises:
            UnclearError: nothing else is said.
        """

        def cut(found: re.Match[str]) -> str:
            self._said.append(found["what"])
            return f"{found['before'].strip()} " if found["before"].strip() in (".", ";") else " , "

        whole = text
        text = tidy(_FORBIDDEN.sub(cut, text))
        text, gone = contrasts(text)
        self._said += gone
        text = bare(text)
        if self._said and not _NOTHING.sub("", text).strip():
            raise UnclearError(refusing.refuse_negation(whole))
        masked = _EXCEPTING.sub(" ", text)
        if refusing.negated(masked):
            raise UnclearError(refusing.refuse_negation(masked))
        return text

    def heed(self, goals: tuple[AnyGoal, ...]) -> tuple[AnyGoal, ...]:
        """``goals`` without what is forbidden takes out of "all" and "everything".

        Raises:
            UnclearError: a goal is asked for and forbidden; or nobody knows what is forbidden.
        """
        quantified = self._builder.quantified
        for said in self._said:
            names = self._banned(said)
            if names is None:
                continue
            out: list[AnyGoal] = []
            for goal in goals:
                about = goal.things if isinstance(goal, PlaceGoal) else (getattr(goal, "thing", ""),)
                both = set(about) & names
                if both and not (isinstance(goal, PlaceGoal) and both <= quantified):
                    raise UnclearError(refusing.refuse_negation(f"not {said}"))
                if both and isinstance(goal, PlaceGoal):
                    left = tuple(n for n in goal.things if n not in names)
                    out += [replace(goal, things=left)] if left else []
                else:
                    out.append(goal)
            goals = tuple(out)
        if not goals:
            raise UnclearError(refusing.refuse_negation(f"not {self._said[0] if self._said else ''}"))
        return goals

    def _banned(self, said: str) -> set[str] | None:
        """The names that ``said`` is about; None where it only sets a place aside ("not in it")."""
        tokens = said.strip(" ,").split()
        reader = ClauseReader(tokens, self._names)
        if reader.where(0) is not None or not tokens or tokens[0] in ("anything", "so", "yet", "there"):
            return None
        resolver = PhraseResolver(self._builder.vocabulary, self._builder.mentioned)
        for start in range(min(4, len(tokens))):
            read_ = reader.several(start)
            if read_ is None:
                continue
            if any(p.pronoun for p in read_[0]):
                if reader.where(read_[1]) is not None:
                    return None  # "put it in the tray, do not put it on the table"
                raise UnclearError(refusing.refuse_negation(f"not {said}"))
            found = [k.name for p in read_[0] for k in resolver.candidates(p, tuple(Sort))]
            if found:
                goes = reader.where(read_[1])
                return (
                    None
                    if goes is not None and self._builder.goals and not self._same(goes[0].said)
                    else set(found)
                )
        raise UnclearError(refusing.refuse_negation(f"not {said}"))

    def _same(self, said: str) -> bool:
        """Whether a goal goes to a place of that name."""
        words = set(said.split())
        return any(
            isinstance(g, PlaceGoal) and any(p in said or set(p.split()) <= words for p in g.places)
            for g in self._builder.goals
        )
