"""What is kept of attempts, and what is learned from them: episodes and lessons as notes of a memory.

Both are plain sentences of a fixed form, so that whoever recalls them, over a network too, can read them
back. Anything else in a memory is text and is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from robomemory.names import normal_name
from robomemory.records import Position, Triple

SOURCE = "planner"
_FORGOTTEN = "(not known any more)"


class LessonRelation(StrEnum):
    """What a lesson can say: ``NEEDS`` (thing, act that works where the usual one fails), ``KEPT_IN``
    (thing, place where it was found again and again), ``MEANS`` (what a user says, the thing it stands for).
    """

    NEEDS = "needs the act"
    KEPT_IN = "is usually kept in the"
    MEANS = "stands for the"


@dataclass(frozen=True, slots=True)
class Note:
    """A note in the shape that ``RoboMemory.remember`` takes."""

    kind: str
    text: str
    stamp_ns: int
    entities: tuple[str, ...] = ()
    position: Position | None = None
    triple: Triple | None = None
    confidence: float = 1.0
    source: str = SOURCE


@dataclass(frozen=True, slots=True)
class Lesson:
    """Something general about ``subject``. A later lesson on the same subject and relation takes its place;
    the empty ``value`` says that nothing is known any more."""

    subject: str
    relation: LessonRelation
    value: str

    @property
    def text(self) -> str:
        return f"lesson: {self.subject} {self.relation} {self.value or _FORGOTTEN}"


_LESSON = re.compile(rf"lesson: (.+?) ({'|'.join(map(re.escape, LessonRelation))}) (.+)")


def read_lesson(text: str) -> Lesson | None:
    """The lesson that ``text`` is; None for any other text."""
    found = _LESSON.fullmatch(text.strip())
    if found is None:
        return None
    value = "" if found[3] == _FORGOTTEN else found[3]
    return Lesson(found[1], LessonRelation(found[2]), value)


@dataclass(frozen=True, slots=True)
class Failure:
    """A step that failed: its ``act``, what it was ``about``, the ``condition`` it was tried in, why."""

    act: str
    about: str
    condition: str
    cause: str

    @property
    def text(self) -> str:
        return f"failed step: {self.act} | {self.about} | {self.condition} | {self.cause or 'unknown'}"


_FAILURE = re.compile(r"failed step: ([^|;]+) \| ([^|;]+) \| ([^|;]*) \| ([^|;]+)")


def read_failures(text: str) -> list[Failure]:
    """The failed steps that an episode's ``text`` tells of."""
    parts = (_FAILURE.fullmatch(part) for part in text.split("; ")[1:])  # the first is what was asked for
    return [Failure(*(group.strip() for group in found.groups())) for found in parts if found]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of an instruction: ``outcome`` "success" or "failure" with its one ``cause``, the steps that
    were ``done`` in words, and those that ``failed``."""

    instruction: str
    outcome: str
    cause: str
    done: tuple[str, ...] = ()
    failed: tuple[Failure, ...] = ()
    about: tuple[str, ...] = field(default=())

    def note(self, stamp_ns: int) -> Note:
        """The episodic note; every failed step has a sentence in it."""
        parts = [f"{self.instruction}: {self.outcome} ({self.cause})"]
        parts += [f"done: {', '.join(self.done)}"] if self.done else []
        parts += [f.text for f in dict.fromkeys(self.failed)]
        return Note("episodic", "; ".join(p.replace(";", ",") for p in parts), stamp_ns, self.about)


class Change(StrEnum):
    """What the updater of the semantic memory does with a lesson (paper, long-term memory; Mem0's words)."""

    ADD = "add"
    UPDATE = "update"
    REMOVE = "remove"
    NOOP = "noop"


class Lessons:
    """The lessons of a memory: the newest on each subject and relation counts."""

    def __init__(self, texts_oldest_first: Iterable[str] = ()) -> None:
        self._known: dict[tuple[str, LessonRelation], str] = {}
        for text in texts_oldest_first:
            if (lesson := read_lesson(text)) is not None:
                self._known[lesson.subject, lesson.relation] = lesson.value

    def value(self, subject: str, relation: LessonRelation) -> str:
        """What is known; empty for nothing."""
        return self._known.get((normal_name(subject), relation), "")

    def subjects(self, relation: LessonRelation) -> dict[str, str]:
        """{subject: value} of all lessons of that relation."""
        return {s: v for (s, r), v in self._known.items() if r is relation and v}

    def learn(self, lesson: Lesson) -> Change:
        """Take in ``lesson`` and say what that changes."""
        key = (normal_name(lesson.subject), lesson.relation)
        before = self._known.get(key, "")
        if before == lesson.value:
            return Change.NOOP
        self._known[key] = lesson.value
        if not lesson.value:
            return Change.REMOVE
        return Change.UPDATE if before else Change.ADD


def notes_of(lessons: Sequence[Lesson], stamp_ns: int) -> list[Note]:
    """The semantic notes of ``lessons``."""
    return [Note("semantic", each.text, stamp_ns, (each.subject,)) for each in lessons]
