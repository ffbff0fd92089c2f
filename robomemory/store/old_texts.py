"""What stores of older versions said in sentences of a fixed form.

The sentences are read into fields once, when such a store is brought up to date or its JSON lines are
read in. The forms are those of the past: they never change.
"""

from __future__ import annotations

import re

from robomemory import checks
from robomemory.errors import InvalidNoteError
from robomemory.notes import Failure, StepDone, Triple

_LESSON = re.compile(r"lesson: (.+?) (needs the act|is usually kept in the|stands for the) (.+)", re.DOTALL)
_FAILURE = re.compile(r"failed step: ([^|;]+) \| ([^|;]+) \| ([^|;]*) \| ([^|;]+)")
_PLACED = re.compile(r"(place) the (.+?) (in|on) the ([^:]+): (reached)\b")

Fields = tuple[Triple | None, StepDone | None, tuple[Failure, ...]]


def fields_of(kind: str, text: str) -> Fields:
    """(triple, step, failures) that ``text``, of the memory ``kind``, says; (None, None, ()) for a text of
    another form."""
    try:
        if kind == "semantic":
            return _lesson(text), None, ()
        if kind == "temporal":
            found = _PLACED.match(text)
            return None, None if found is None else StepDone(*found.groups()), ()
        return None, None, _failures(text) if kind == "episodic" else ()
    except InvalidNoteError:  # a sentence that is of the form by chance, with a name that is none
        return None, None, ()


def _lesson(text: str) -> Triple | None:
    found = _LESSON.fullmatch(text.strip())
    if found is None:
        return None
    subject, relation, value = checks.names("lesson", found.groups(), InvalidNoteError)
    return subject, relation, value


def _failures(text: str) -> tuple[Failure, ...]:
    parts = (_FAILURE.fullmatch(part) for part in text.split("; ")[1:])  # the first is what was asked for
    return tuple(Failure(*(group.strip() for group in found.groups())) for found in parts if found)
