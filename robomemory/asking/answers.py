"""What an answer to a question in words holds: the facts as fields, and a sentence for people."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from robomemory.front.candidates import Candidate
from robomemory.graph.scene import SceneChange, SceneFact, Stay, Whereabouts
from robomemory.records import Recall
from robomemory.timestamps import Moment


class AnswerKind(StrEnum):
    """What was asked, as far as the question was read."""

    WHERE = "where"
    WHERE_BEFORE = "where before"
    INSIDE = "inside"
    INSIDE_BEFORE = "inside before"
    CHANGES = "changes"
    SINCE_WHEN = "since when"
    WHO = "who"
    WHEN_SEEN = "when seen"
    IS_IT = "is it"
    NEAR = "near"
    HISTORY = "history"
    COUNT = "count"
    DONE = "done"
    WHY_FAILED = "why failed"
    ABOUT = "about"
    SEVERAL = "several"
    NOTES = "notes"
    """No question that the grammar reads, or a name that no thing has: records that fit the words."""

    NOTHING = "nothing"
    """As ``NOTES``, but no record fits."""


@dataclass(frozen=True, slots=True)
class Teller:
    """A ``source`` that saw a thing ``saw`` times and said something of it ``said`` times, from the moment
    ``first`` to the moment ``last``. An empty ``source``: nobody said who it was."""

    source: str
    saw: int
    said: int
    first: Moment
    last: Moment


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a question. ``text`` says it in words; what it says is in the fields, as far as they
    belong to the ``kind``; the others are empty. ``known``: whether anything is known of it.

    ``candidates``: the things that the name may mean, seen last first; ``places``: where they were;
    ``things``: labels of what is or was there; ``holds``: yes, no, or None for not known; ``stays``: oldest
    first; ``changes``: oldest first; ``facts``; ``tellers``: who told it, the newest first; ``moment``: since
    when, when seen last, or the moment that the answer is of; ``count``; ``found``: records, best first;
    ``parts``: the answer to each question, where several were asked at once.
    """

    kind: AnswerKind
    text: str
    known: bool
    candidates: tuple[Candidate, ...] = ()
    places: tuple[Whereabouts, ...] = ()
    things: tuple[str, ...] = ()
    holds: bool | None = None
    stays: tuple[Stay, ...] = ()
    changes: tuple[SceneChange, ...] = ()
    facts: tuple[SceneFact, ...] = ()
    tellers: tuple[Teller, ...] = ()
    moment: Moment | None = None
    count: int | None = None
    found: tuple[Recall, ...] = ()
    parts: tuple[Answer, ...] = ()


def together(parts: tuple[Answer, ...]) -> Answer:
    """One answer of several: the fields of all, each value once."""
    if len(parts) == 1:
        return parts[0]

    def first(values: list[object]) -> object:
        return next((v for v in values if v is not None), None)

    holds, moment, count = (first([getattr(p, name) for p in parts]) for name in ("holds", "moment", "count"))
    assert holds is None or isinstance(holds, bool)
    assert moment is None or isinstance(moment, Moment)
    assert count is None or isinstance(count, int)
    return Answer(
        AnswerKind.SEVERAL,
        " ".join(p.text for p in parts),
        any(p.known for p in parts),
        tuple(dict.fromkeys(each for p in parts for each in p.candidates)),
        tuple(dict.fromkeys(each for p in parts for each in p.places)),
        tuple(dict.fromkeys(each for p in parts for each in p.things)),
        holds,
        tuple(dict.fromkeys(each for p in parts for each in p.stays)),
        tuple(dict.fromkeys(each for p in parts for each in p.changes)),
        tuple(dict.fromkeys(each for p in parts for each in p.facts)),
        tuple(dict.fromkeys(each for p in parts for each in p.tellers)),
        moment,
        count,
        tuple({r.record.id: r for p in parts for r in p.found}.values()),
        parts,
    )
