"""What was said or seen, each time it was: the only thing that belief is made of.

Nothing is drawn together here: a thing that was seen a thousand times has a thousand rows. What follows from
them is worked out by :mod:`robomemory.belief.folding`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from robomemory.belief.relations import PLACE, RELATIONS, SOMEWHERE, STATE, opposite
from robomemory.places.regions import Box
from robomemory.records import Position
from robomemory.timestamps import Moment


class Told(IntEnum):
    """What a piece of evidence says: that a fact holds, or does not; where a thing is; that it was named;
    that nothing but what was seen is in a ball or box; that two things are one, or are two."""

    HOLDS = 0
    DENIED = 1
    SEEN = 2
    NAMED = 3
    EMPTY = 4
    SAME = 5
    APART = 6


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that one note said at the moment ``at``.

    ``record_id`` is the record that stands for it, ``note_id`` the number of the note (equal, where the note
    was kept as a record of its own). ``subject`` and ``object`` are keys of entities (0: none); ``position``
    (3,) [m, base frame] of the subject, or of the middle of an empty ball of ``radius_m`` [m]; ``box``: only
    that box within the ball is empty (None: all of it); ``confidence``
    [0, 1]; ``source`` says who told it; known from ``recorded_ns`` on, and until ``retracted_ns`` (None: to
    this day) [ns, the computer's clock]. ``subject_told`` and
    ``object_told`` are the things that it was told of, before they turned out to be others (0: the same).
    """

    id: int
    note_id: int
    record_id: int
    told: Told
    subject: int
    relation: str
    object: int
    at: Moment
    position: Position | None
    radius_m: float
    confidence: float
    source: str
    recorded_ns: int
    retracted_ns: int | None = None
    subject_told: int = 0
    object_told: int = 0
    box: Box | None = None


FACTS = (Told.HOLDS, Told.DENIED)
"""What says something of two things."""

CLAIMS = (Told.SAME, Told.APART)
"""What says who is who; see :mod:`robomemory.belief.identity`."""

ALONE = "alone"
"""The relation of a name in a note that says nothing else of the thing."""


def of_itself(e: Evidence) -> bool:
    """Whether ``e`` puts a thing beside itself, as after two turned out to be one: that says nothing."""
    return e.told in FACTS and e.subject == e.object


Slot = tuple[str, int, int | str]
"""What can have one value at a time: (sort, thing, other thing or group)."""


def turned(subject: int, relation: str, obj: int) -> tuple[int, str, int]:
    """The fact with its ends in the order of their keys, where the relation has an opposite: "mug left of
    box" is "box right of mug"."""
    other = opposite(relation)
    return (obj, other, subject) if other and obj < subject else (subject, relation, obj)


def slot_of(subject: int, relation: str, obj: int, state: str) -> Slot:
    """The slot that a fact fills; ``state``: the name of the object."""
    if relation in PLACE or relation == SOMEWHERE:
        return "place", subject, 0
    if relation in STATE:
        return "state", subject, RELATIONS.group_of_state(state)
    if other := opposite(relation):
        subject, _, obj = turned(subject, relation, obj)
        return min(relation, other), subject, obj
    return relation, subject, obj
