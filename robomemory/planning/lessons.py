"""What is kept of attempts, and what is learned from them: by contrast and by repetition.

A lesson is the triple of a semantic note. What failed is in the fields of an episodic note. The texts beside
them are for people.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from robomemory.graph.scene import SceneGraph
from robomemory.helpers import RevisionAction
from robomemory.names import PLACE, normal_name
from robomemory.notes import Failure, Note, Triple
from robomemory.planning.domain import Domain, Step

SOURCE = "planner"
FORGOTTEN = "(not known any more)"
"""The value of a lesson that withdraws an earlier one."""


class LessonRelation(StrEnum):
    """What a lesson can say: ``NEEDS`` (thing, act that works where the usual one fails), ``KEPT_IN``
    (thing, place where it was found again and again), ``MEANS`` (what a user says, the thing it stands for).
    """

    NEEDS = "needs the act"
    KEPT_IN = "is usually kept in the"
    MEANS = "stands for the"


@dataclass(frozen=True, slots=True)
class Lesson:
    """Something general about ``subject``. A later lesson on the same subject and relation takes its place;
    the empty ``value`` says that nothing is known any more."""

    subject: str
    relation: LessonRelation
    value: str

    @property
    def triple(self) -> Triple:
        """The lesson as a record of the semantic memory keeps it."""
        return self.subject, str(self.relation), self.value or FORGOTTEN

    @property
    def text(self) -> str:
        """The lesson for people."""
        return f"lesson: {' '.join(self.triple)}"


def lesson_of(triple: Triple | None) -> Lesson | None:
    """The lesson that the ``triple`` of a semantic record is; None for any other."""
    if triple is None or triple[1] not in set(LessonRelation):
        return None
    subject, relation, value = triple
    return Lesson(subject, LessonRelation(relation), "" if value == FORGOTTEN else value)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of an instruction: ``outcome`` "success" or "failure" with its one ``cause``, the steps that
    were ``done`` in words, those that ``failed``, and the names that it is ``about``."""

    instruction: str
    outcome: str
    cause: str
    done: tuple[str, ...] = ()
    failed: tuple[Failure, ...] = ()
    about: tuple[str, ...] = field(default=())

    def note(self, stamp_ns: int) -> Note:
        """The episodic note, with what failed as values; every failed step has a sentence in it, too."""
        failed = tuple(dict.fromkeys(replace(f, cause=f.cause or "unknown") for f in self.failed))
        parts = [f"{self.instruction}: {self.outcome} ({self.cause})"]
        parts += [f"done: {', '.join(self.done)}"] if self.done else []
        parts += [f.text for f in failed]
        text = "; ".join(p.replace(";", ",") for p in parts)
        return Note("episodic", text, stamp_ns, self.about, source=SOURCE, failures=failed)


class Lessons:
    """The lessons of a memory: the newest on each subject and relation counts."""

    def __init__(self, oldest_first: Iterable[Lesson] = ()) -> None:
        self._known: dict[tuple[str, LessonRelation], str] = {}
        for lesson in oldest_first:
            self._known[normal_name(lesson.subject), lesson.relation] = lesson.value

    def value(self, subject: str, relation: LessonRelation) -> str:
        """What is known; empty for nothing."""
        return self._known.get((normal_name(subject), relation), "")

    def subjects(self, relation: LessonRelation) -> dict[str, str]:
        """{subject: value} of all lessons of that relation."""
        return {s: v for (s, r), v in self._known.items() if r is relation and v}

    def learn(self, lesson: Lesson) -> RevisionAction:
        """Take in ``lesson`` and say what that changes."""
        key = (normal_name(lesson.subject), lesson.relation)
        before = self._known.get(key, "")
        if before == lesson.value:
            return RevisionAction.NOOP
        self._known[key] = lesson.value
        if not lesson.value:
            return RevisionAction.REMOVE
        return RevisionAction.UPDATE if before else RevisionAction.ADD


def notes_of(lessons: Sequence[Lesson], stamp_ns: int) -> list[Note]:
    """The semantic notes of ``lessons``."""
    return [
        Note("semantic", each.text, stamp_ns, (each.subject,), triple=each.triple, source=SOURCE)
        for each in lessons
    ]


def lessons_of(
    attempt: Attempt,
    failures: Sequence[Failure],
    done: Sequence[Step],
    domain: Domain,
    scene: SceneGraph,
    known: Lessons,
    kinds: Mapping[str, str],
) -> list[Lesson]:
    """The lessons of ``attempt``, in which ``done`` was done, after earlier ``failures``, beside the lessons
    that are ``known``. An act that worked where an easier one had failed is needed. A thing that was found at
    the same place twice is kept there, until it is found elsewhere."""
    found: list[Lesson] = []
    for step in done if attempt.outcome == "success" else ():
        act = domain.operator(step.operator).act
        easier = domain.easier(act)
        if any(f.about == step.about and f.act in easier for f in (*failures, *attempt.failed)):
            found.append(Lesson(step.about, LessonRelation.NEEDS, act))
    for thing in attempt.about:
        stays = {
            f.valid_from: f.object
            for f in (*scene.facts, *scene.past)
            if f.subject == thing and f.relation in PLACE and domain.lookable(kinds.get(f.object, ""))
        }
        kept = known.value(thing, LessonRelation.KEPT_IN)
        last = stays[max(stays)] if stays else ""
        if list(stays.values()).count(last) > 1 and last != kept:
            found.append(Lesson(thing, LessonRelation.KEPT_IN, last))
        elif kept and last and last != kept:
            found.append(Lesson(thing, LessonRelation.KEPT_IN, ""))
    return found
