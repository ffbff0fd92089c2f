"""Answers from records: what was done, why it failed, and what fits a question that no grammar reads."""

from __future__ import annotations

from dataclasses import replace

from robomemory.asking.answers import Answer, AnswerKind
from robomemory.asking.grammar import AskedFor
from robomemory.asking.words import listed, the
from robomemory.memory import RoboMemory
from robomemory.names import content, kin, name_key, singular, thing_name
from robomemory.records import MemoryKind, MemoryRecord, Query, Recall
from robomemory.timestamps import FOREVER_NS

FLOORS = {"minilm": 0.40, "hashing": 0.37}
"""Least cosine [0, 1] of a question and a record that is an answer to it, by the embedder's name; see
docs/memory.md for how these were measured."""

OTHER_FLOOR = 0.5
LOOKED_AT = 30
_LOOSE = frozenset({AnswerKind.IS_IT, AnswerKind.ABOUT, AnswerKind.HISTORY, AnswerKind.CHANGES})
LOOKED_BACK = 200
MOST_RUNS = 5
"""How many runs back a question for the last thing that was done looks."""


class RecordAnswers:
    """Answers from the records of ``memory``: at most ``k``, none less like the question than ``min_score``
    (None: the floor of its embedder)."""

    def __init__(self, memory: RoboMemory, k: int, min_score: float | None) -> None:
        self._memory, self._k = memory, k
        self._floor = floor_of(memory.embedder_name) if min_score is None else min_score

    def like(self, question: str) -> Answer:
        """The records that fit ``question``, best first; ``NOTHING`` if none is like enough."""
        found = self._fitting(question)
        if not found:
            return Answer(AnswerKind.NOTHING, "Nothing that is remembered fits this question.", False)
        return Answer(AnswerKind.NOTES, _said(found), True, found=found)

    def instead(self, kind: AnswerKind, name: str, question: str) -> Answer:
        """Where no thing of ``name`` is known: the records that hold the noun and fit ``question``. A
        question that is read only loosely, such as "is it so", need not be about a thing: then what
        fits."""
        if kind in _LOOSE:
            return self.like(question)
        noun = [singular(word) for word in content(thing_name(name))][-1:]
        found = tuple(
            r for r in self._fitting(question) if set(noun) <= {singular(w) for w in content(r.text)}
        )
        nothing = f"Nothing known is called {thing_name(name)!r}."
        if not found or not noun:
            return Answer(AnswerKind.NOTHING, nothing, False)
        return Answer(AnswerKind.NOTES, f"{nothing} What fits: {_said(found)}", True, found=found)

    def about(self, answer: Answer, name: str) -> Answer:
        """``answer`` with the records that fit ``name``."""
        found = self._fitting(name)
        more = f" {_said(found)}" if found else ""
        return replace(answer, kind=AnswerKind.ABOUT, known=True, text=answer.text + more, found=found)

    def done(self, asked: AskedFor) -> Answer:
        """What was done last: the newest steps, else the newest attempts."""
        steps = [r for r in reversed(self._memory.steps()) if r.step is not None or r.source != "compressed"]
        newest = steps[: self._k] or self._newest(MemoryKind.EPISODIC)[: self._k]
        if not newest:
            return Answer(AnswerKind.NOTHING, "No step and no attempt is remembered.", False)
        found = tuple(Recall(r, 1.0, i) for i, r in enumerate(newest))
        text = f"Last: {newest[0].text}."
        if len(newest) > 1:
            text += f" Before that: {listed([r.text for r in newest[1:]])}."
        return Answer(asked.kind, text, True, found=found, moment=newest[0].moment)

    def why_failed(self, asked: AskedFor) -> Answer:
        """The newest failures, with their causes, as the records' fields say."""
        about = name_key(thing_name(asked.thing or asked.holder))
        about = "" if about in ("it", "you", "that", "this", "the task", "task") else about
        records = self._newest(MemoryKind.EPISODIC)
        steps = [r for r in self._newest(MemoryKind.TEMPORAL) if r.step is not None and r.step.cause]
        newest = sorted((r for r in (*records, *steps) if _failed(r, about)), key=lambda r: r.moment)[::-1]
        if not newest:
            return Answer(AnswerKind.NOTHING, "No failure of that kind is remembered.", False)
        newest = newest[: self._k]
        said = listed(list(dict.fromkeys(_cause(r) for r in newest)))
        found = tuple(Recall(r, 1.0, i) for i, r in enumerate(newest))
        return Answer(asked.kind, f"{said}.", True, found=found, moment=newest[0].moment)

    def _newest(self, kind: MemoryKind) -> list[MemoryRecord]:
        """The newest records of ``kind``, of the newest run that has some."""
        run = self._memory.now().run
        for number in range(run, max(-1, run - MOST_RUNS), -1):
            asked = Query("", {kind}, LOOKED_BACK, between=(0, FOREVER_NS), run=number)
            found = [r.record for r in self._memory.recall([asked], timeout_s=30.0)]
            if found:
                return sorted(found, key=lambda r: (r.moment, r.id), reverse=True)
        return []

    def _fitting(self, question: str) -> tuple[Recall, ...]:
        items = self._memory.recall([Query(question, k=LOOKED_AT)], timeout_s=30.0)
        cosines = self._memory.likeness(question, [r.text for r in items])
        scored = [replace(r, score=max(0.0, min(1.0, c))) for r, c in zip(items, cosines, strict=True)]
        best = sorted(scored, key=lambda r: (-r.score, -r.record.moment.run, -r.record.moment.ns))
        fit = [r for r in best if r.score >= self._floor][: self._k]
        return tuple(replace(r, rank=i) for i, r in enumerate(fit))


def floor_of(embedder: str) -> float:
    """The floor of the embedder of that name."""
    said = embedder.casefold()
    return next((floor for name, floor in FLOORS.items() if name in said), OTHER_FLOOR)


def _failed(record: MemoryRecord, about: str) -> bool:
    """Whether ``record`` tells of a failure with the thing ``about`` (empty: with any)."""
    things = [f.about for f in record.failures]
    if record.step is not None and record.step.cause:
        things.append(record.step.thing)
    return bool(things) and (
        not about or any(name_key(thing_name(t)) == about or kin(t, about) for t in things)
    )


def _cause(record: MemoryRecord) -> str:
    if record.failures:
        return "; ".join(
            f"{f.act}{f' of {the(thing_name(f.about))}' if f.about else ''} failed: "
            f"{f.cause or 'cause unknown'}"
            for f in record.failures
        )
    step = record.step
    assert step is not None
    return f"{step.verb} of {the(thing_name(step.thing))}: {step.cause}"


def _said(found: tuple[Recall, ...]) -> str:
    return " ".join(f'"{r.text}"' for r in found[:3])
