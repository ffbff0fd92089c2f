"""Answers to questions about the scene: by the memory where it can answer in words, else from the belief."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from robomemory.asking.answers import AnswerKind
from robomemory.names import PLACE
from robomemory.planning.belief import Belief
from robomemory.planning.manipulation import DRAWER, THING
from robomemory.planning.planner import Around
from vista.planner.instruction.values import UserAsks, UserQuestion
from vista.planner.symbolic.facts import TABLE


class SceneAnswer(Protocol):
    """The slice of a memory's answer that is read."""

    @property
    def kind(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def known(self) -> bool: ...


@runtime_checkable
class Answerer(Protocol):
    """Answers a question in words, such as :class:`robomemory.Memory`."""

    def ask(self, question: str) -> SceneAnswer: ...


_OF_THE_MEMORY = (UserAsks.WHERE, UserAsks.WHAT_IS_IN, UserAsks.IS_IT, UserAsks.PAST)
"""What a memory knows better than the eyes: since when, what was before, what is where nobody looks."""
_NO_ANSWERS = (str(AnswerKind.NOTES), str(AnswerKind.NOTHING))


def answer(asked: UserQuestion, around: Around, memory: Answerer | None) -> str:
    """The answer to ``asked``, for people."""
    if memory is not None and asked.kind in _OF_THE_MEMORY:
        told = memory.ask(asked.question)
        if told.known and str(told.kind) not in _NO_ANSWERS:
            return told.text
    belief = around.belief
    if asked.kind is UserAsks.PAST:
        moved = around.moved
        return f"Moved last: {_listed(moved)}." if moved else "Nothing is remembered of that."
    if asked.kind is UserAsks.WHERE:
        return _where(asked, belief)
    if asked.kind is UserAsks.WHAT_IS_IN and asked.places:
        return " ".join(_inside(place, belief) for place in asked.places)
    things = _things(belief)
    if asked.kind is UserAsks.HOW_MANY:
        mine = [*asked.things, *asked.places] if asked.phrase else things
        return f"{len(mine)}{': ' + _listed(mine) if mine else ''}."
    if asked.kind is UserAsks.IS_IT:
        if not asked.things:
            return f"No; seen: {_listed(things) or 'nothing'}."
        return " ".join(_is_at(name, belief) for name in asked.things)
    if not things:
        return "Nothing is seen."
    return f"There are {_listed(things)}." if len(things) > 1 else f"There is {_listed(things)}."


def _things(belief: Belief) -> list[str]:
    return [name for name, kind in sorted(belief.state.objects.items()) if kind == THING]


def _place(name: str, belief: Belief) -> tuple[str, str]:
    facts = sorted(belief.state.facts)
    return next(((r, o) for s, r, o in facts if s == name and r in PLACE), ("", ""))


def _is_at(name: str, belief: Belief) -> str:
    relation, place = _place(name, belief)
    if not place:
        return f"Nobody knows where the {name} is."
    return f"The {name} is {relation} the {place}."


def _where(asked: UserQuestion, belief: Belief) -> str:
    if asked.things:
        return " ".join(_is_at(name, belief) for name in asked.things)
    said = asked.phrase or "that"
    return f"Nothing is known of {said!r}; seen: {_listed(_things(belief)) or 'nothing'}."


def _inside(place: str, belief: Belief) -> str:
    inside = sorted(s for s, r, o in belief.state.facts if o == place and r in PLACE)
    if inside:
        return f"{'On' if place == TABLE else 'In'} the {place}: {_listed(inside)}."
    closed = belief.state.objects.get(place) == DRAWER and (place, "is", "closed") in belief.state.facts
    return f"The {place} is closed; nothing is known to be in it." if closed else f"The {place} is empty."


def _listed(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(f"the {name}" for name in names)
