"""Answers questions in words from the graph: where, since when, who says so, what was there, what changed.

A grammar reads the question (:mod:`robomemory.asking.grammar`), the graph answers it. What the grammar
does not read goes to recall, where only what is like enough counts: "nothing fits" is an answer.
"""

from __future__ import annotations

from dataclasses import replace

from robomemory import checks
from robomemory.asking.answers import Answer, AnswerKind, together
from robomemory.asking.grammar import HAND, AskedFor, plain_question, read
from robomemory.asking.names import Named, ThingNames, slipped
from robomemory.asking.past import PastAnswers
from robomemory.asking.present import PresentAnswers
from robomemory.asking.records import RecordAnswers
from robomemory.asking.since import Since
from robomemory.errors import InvalidQueryError
from robomemory.memory import RoboMemory
from robomemory.names import content, name_key, thing_name
from robomemory.records import check_k

HANDS = (HAND, "hand", "robot hand", "robot", "arm")
"""What notes call the robot's hand."""

MOST_MEANT = 20
"""Most things of one name that an answer is about, those seen last."""

_NO_THING = {AnswerKind.CHANGES, AnswerKind.DONE, AnswerKind.WHY_FAILED, AnswerKind.COUNT}


class Asking:
    """Asks ``memory``. ``since_ns`` [ns, the robot's clock in its current run]: since when, for a question
    that says "since I left" or no time at all; ``k`` most records; ``min_score`` [0, 1]: what is less like
    the question is no answer (None: what was measured for the embedder)."""

    def __init__(self, memory: RoboMemory, since_ns: int | None, k: int, min_score: float | None) -> None:
        if since_ns is not None:
            checks.stamp("ask: since_ns", since_ns, InvalidQueryError)
        k = check_k("ask: k", k)
        if min_score is not None:
            (min_score,) = checks.numbers("ask: min_score", (min_score,), 1, InvalidQueryError)
        self._memory = memory
        self._names = ThingNames(memory)
        self._records = RecordAnswers(memory, k, min_score)
        now = memory.now()
        since = Since(memory, now, since_ns)
        self._present = PresentAnswers(memory, since.now, self._names)
        self._past = PastAnswers(memory, since)

    def answer(self, question: str) -> Answer:
        """The answer to ``question``, which may hold several questions.

        Raises:
            InvalidQueryError: ``question`` is empty or no text; or it says a time that this memory can't
                tell, such as "since I left" where no record says who left.
        """
        checks.text("ask: question", question, InvalidQueryError)
        asked = read(question)
        if asked is None:
            bare = plain_question(question).strip(" ?!.")
            named = self._exactly(bare)
            if not named:
                return self._records.like(question)
            return self._present.where(AskedFor(AnswerKind.WHERE, bare), named)
        parts: list[Answer] = []
        before = AskedFor(AnswerKind.NOTHING)
        for one in asked:
            one = _carried(one, before)
            parts += self._one(one, question)
            before = one
        return together(tuple(parts))

    def _exactly(self, bare: str) -> list[Named]:
        """The things that are called ``bare``, or whose names hold all of it."""
        return self._names.meant(bare) if len(content(bare)) <= 4 and _is_name(self._names, bare) else []

    def _one(self, asked: AskedFor, question: str) -> list[Answer]:
        if asked.thing == "it" or (not asked.thing and not asked.holder and asked.kind not in _NO_THING):
            return [Answer(AnswerKind.NOTHING, "Say which thing is meant.", False)]
        if asked.kind is AnswerKind.DONE:
            return [self._records.done(asked)]
        if asked.kind is AnswerKind.WHY_FAILED:
            return [self._records.why_failed(asked)]
        if asked.kind is AnswerKind.CHANGES and not asked.thing:
            return [self._past.changes(asked)]
        if asked.kind is AnswerKind.COUNT:
            return [self._present.count(asked)]
        mine = asked.thing or asked.holder
        if mine == HAND:
            mine = next((hand for hand in HANDS if self._names.meant(hand)), HAND)
        return [self._of(asked, name, found, question) for name, found in self._names.several(mine)]

    def _of(self, asked: AskedFor, name: str, found: list[Named], question: str) -> Answer:
        asked = replace(asked, thing=name) if asked.thing else replace(asked, holder=name)
        if not found:
            return self._records.instead(asked.kind, name, question)
        kind, of_past, of_now = asked.kind, self._past, self._present
        found, more = found[:MOST_MEANT], len(found) - MOST_MEANT
        if kind is AnswerKind.WHERE:
            answer = of_now.where(asked, found)
        elif kind is AnswerKind.WHERE_BEFORE:
            answer = of_past.where(asked, found, of_now)
        elif kind is AnswerKind.INSIDE:
            answer = of_now.inside(asked, found)
        elif kind is AnswerKind.INSIDE_BEFORE:
            answer = of_past.inside(asked, found)
        elif kind is AnswerKind.CHANGES:
            answer = of_past.changes_of(asked, found)
        elif kind is AnswerKind.HISTORY:
            answer = of_past.history(asked, found)
        elif kind is AnswerKind.SINCE_WHEN:
            answer = of_past.since_when(asked, found, self._names)
        elif kind is AnswerKind.WHO:
            answer = of_now.who(asked, found)
        elif kind is AnswerKind.WHEN_SEEN:
            answer = of_now.when_seen(asked, found)
        elif kind is AnswerKind.IS_IT:
            answer = self._is_it(asked, found)
        elif kind is AnswerKind.NEAR:
            answer = of_now.near(asked, found)
        else:
            answer = self._records.about(of_now.where(asked, found), name)
        beyond = f" {more} more things of that name are known." if more > 0 else ""
        return replace(answer, text=_otherwise(name, found) + answer.text + beyond)

    def _is_it(self, asked: AskedFor, found: list[Named]) -> Answer:
        if asked.past or asked.time is not None:
            return self._past.was_it(asked, found, self._names)
        return self._present.is_it(asked, found)


def _carried(one: AskedFor, before: AskedFor) -> AskedFor:
    """``one`` with the names of the question ``before`` where it says "it", or none."""
    last = before.thing or before.holder
    if one.kind in _NO_THING and not one.thing:
        return replace(one, time=one.time or before.time) if before.kind is one.kind else one
    thing = one.thing
    if thing == "it" or (not thing and not one.holder):
        thing = last
    holder = (before.holder or last) if one.holder == "it" else one.holder
    relation = one.relation
    if one.holder == "it" and not relation:
        relation = before.relation or "in"
    if one.kind is AnswerKind.SINCE_WHEN and not one.holder and before.kind is AnswerKind.IS_IT:
        relation, holder = before.relation, before.holder
    return replace(one, thing=thing, holder=holder, relation=relation)


def _is_name(names: ThingNames, bare: str) -> bool:
    wanted = thing_name(bare)
    return any(
        name_key(wanted) == name_key(n.thing.name)
        or set(content(name_key(wanted))) <= set(content(n.thing.name))
        or slipped(n.thing.name, wanted)
        for n in names.meant(bare)
    )


def _otherwise(name: str, found: list[Named]) -> str:
    """What is said first where no thing has the very name that was asked for."""
    asked = set(content(name_key(thing_name(name))))
    if any(asked <= set(content(name_key(n.thing.name))) | set(content(name_key(n.label))) for n in found):
        return ""
    if any(name_key(thing_name(name)) in (name_key(n.thing.name), name_key(n.label)) for n in found):
        return ""
    return f"Nothing known is called {checks.shown(thing_name(name))}; nearest by name: "
