"""The relations between things: which are known, which words mean them, what each excludes.

:data:`RELATIONS` is a table that can be extended with :meth:`RelationTable.add`, before the notes that
it shall be read with.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from robomemory import checks
from robomemory.errors import InvalidNoteError

PLACE = frozenset({"in", "on", "held by"})
"""A thing is at one of these at a time: a new one ends the others."""

STATE = frozenset({"is"})
"""A state that things are in; of those that exclude each other (open, closed) one at a time."""

METRIC = frozenset({"near", "next to", "left of", "right of", "in front of", "behind", "above", "below"})
"""These no longer hold once one of the two has moved."""

SAME = "same as"
"""Two names mean one thing: not a fact of the graph, but a change of who is who."""

SOMEWHERE = "at any place"
"""Only denied: "removed from the drawer" ends that a thing is in, on or held by it."""

_SYNONYMS = {
    "in": "inside, inside of, within, into, contained in, stored in, kept in, put in, put into, placed in,"
    " left in, sitting in, lying in, located in, found in, at the bottom of, packed in, hidden in",
    "on": "on top of, onto, upon, atop, put on, placed on, placed onto, sitting on, lying on, standing on,"
    " resting on, left on, located on, stacked on",
    "held by": "held in, grasped by, carried by, gripped by, in the hand of, in the gripper of",
    "next to": "beside, adjacent to",
    "near": "close to",
    "above": "over",
    "below": "under, beneath, underneath",
    SAME: "the same as, same thing as, the same thing as",
}
_INVERSES = {
    "in": "contains, has inside",
    "held by": "holds, is holding, holding, grasps, grips, carries, is carrying",
    "on": "supports",
}
_DENIALS = {
    "in": "taken out of, out of, removed out of, outside, outside of, pulled out of, came out of, "
    "moved out of, left out of",
    "on": "taken off, off, taken off of, fell off, fell off of, lifted off, picked up off",
    "held by": "released by, dropped by, let go by, put down by",
    SOMEWHERE: "removed from, taken from, gone from, away from, missing from, moved away from, absent from,"
    " picked up from, picked from, lifted from",
}
_INVERSE_DENIALS = {
    "in": "no longer contains, does not contain, doesn't contain, lacks",
    "held by": "released, releases, dropped, no longer holds, does not hold, doesn't hold, let go of, is not"
    " holding, is no longer holding",
    "on": "no longer supports, does not support",
}
_STATES = (
    "open, opened, closed, shut, ajar", "clean, dirty", "on, off", "full, empty", "locked, unlocked",
    "broken, intact", "hot, warm, cold", "wet, dry", "plugged, unplugged", "asleep, awake",
    "red, green, blue, yellow, white, black, brown, orange, purple, pink, grey",
)  # fmt: skip
_NOT = r"(?:not any ?more|no longer|no more|not|never|isn't|aren't|wasn't|isnt)"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a wording says: the ``relation``, whether its ends are ``turned`` ("tray contains mug": mug in
    tray), and whether it is said to hold or ``denied``."""

    relation: str
    turned: bool = False
    denied: bool = False


@dataclass(slots=True)
class RelationTable:
    """Wordings in lower case and what they mean; ``states`` {state: the group of those it excludes}."""

    meanings: dict[str, Meaning] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)

    def add(
        self, relation: str, wordings: Iterable[str], *, turned: bool = False, denied: bool = False
    ) -> None:
        """From now on each of ``wordings`` means ``relation``.

        Raises:
            InvalidNoteError: the relation or a wording is empty, or no text.
        """
        checks.text("relation", relation, InvalidNoteError)
        for wording in wordings:
            said = _plain(checks.text("wording", wording, InvalidNoteError))
            self.meanings[said] = Meaning(_plain(relation), turned, denied)

    def add_states(self, states: Iterable[str]) -> None:
        """A thing is in one of ``states`` at a time. Raises as :meth:`add`."""
        named = [_plain(checks.text("state", state, InvalidNoteError)) for state in states]
        self.states.update((name, named[0]) for name in named)

    def meaning(self, wording: str) -> Meaning:
        """What ``wording`` says; an unknown one is a relation of its own, "not" before one denies it."""
        said = _plain(wording)
        if said in self.meanings:
            return self.meanings[said]
        bare = re.sub(r"^(?:is|are|was|were|has been|have been|lies|stands|stays|sits) (?=\w)", "", said)
        bare = re.sub(r"^(?:to the|now) (?=\w)", "", bare)
        if bare in self.meanings:
            return self.meanings[bare]
        found = re.match(rf"{_NOT}(?: be)?(?: (.+))?$", bare)
        if found is not None:
            inner = self.meaning(found[1] or "is")
            return Meaning(inner.relation, inner.turned, not inner.denied)
        found = re.match(r"(.+?) (?:no longer|any ?more|not)$", bare)
        if found is not None:
            inner = self.meaning(found[1])
            return Meaning(inner.relation, inner.turned, not inner.denied)
        return Meaning(bare)

    def group_of_state(self, state: str) -> str:
        """The name of the states of which a thing has one together with ``state``; ``state`` itself, if it
        excludes none."""
        last = state.rpartition(" ")[2]
        return self.states.get(state) or self.states.get(last) or state


def _plain(wording: str) -> str:
    return re.sub(r"[\s_]+", " ", wording.casefold().replace("\u2019", "'")).strip()


def _table() -> RelationTable:
    table = RelationTable()
    for relation in (*PLACE, *METRIC, SAME):
        table.add(relation, (relation,))
    for listed, turned, denied in (
        (_SYNONYMS, False, False), (_INVERSES, True, False), (_DENIALS, False, True),
        (_INVERSE_DENIALS, True, True),
    ):  # fmt: skip
        for relation, wordings in listed.items():
            table.add(relation, wordings.split(", "), turned=turned, denied=denied)
    for states in _STATES:
        table.add_states(states.split(", "))
    return table


RELATIONS = _table()
"""The table that notes are read with."""

_OPPOSITE = {
    "left of": "right of",
    "right of": "left of",
    "in front of": "behind",
    "behind": "in front of",
    "above": "below",
    "below": "above",
}


def opposite(relation: str) -> str:
    """The relation that two things can't have while they have ``relation``; empty if there is none."""
    return _OPPOSITE.get(relation, "")


def denial(relation: str) -> str:
    """A wording that denies ``relation``."""
    return "removed from" if relation == SOMEWHERE else f"not {relation}" if relation != "is" else "is not"
