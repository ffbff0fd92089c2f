"""What becomes of a new semantic candidate beside what is known: added, or known already, or a newer truth.

The paper's updater is a language model that says add, update, remove or noop (arXiv 2508.01415, Long-term
Memory Creator). Here rules do, on words alone; a helper may revise it afterwards
(:mod:`robomemory.resolving.worker`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from robomemory.helpers import Revision, RevisionAction
from robomemory.names import content
from robomemory.records import MemoryRecord

_NOT = frozenset({"not", "never", "no", "longer", "isn", "t", "doesn", "don", "does", "do"})
_SLOT = re.compile(
    r"^(?P<slot>.+?\b(?:prefers?|wants?|likes? best|favou?rite [\w ]+? (?:is|are)|(?:is|are) called"
    r"|(?:belongs?|goes|go|(?:is|are) (?:kept|stored|found)|lives?) (?:in|on|to|at|under|behind|near)))"
    r"\s+(?P<value>.+)$"
)
"""Sentences with a slot that has one value at a time: whoever prefers the left tray no longer prefers the
right one."""

_WHEN = re.compile(
    r"\b(?:in the (?:early |late )?(?:morning|afternoon|evening)s?|at (?:night|noon|midnight|home|work|school"
    r"|breakfast|lunch|dinner)|for (?:breakfast|lunch|dinner|supper|dessert)|on (?:workdays|weekdays|weekends"
    r"|(?:mon|tues|wednes|thurs|fri|satur|sun)days?)|in (?:spring|summer|autumn|fall|winter)|every \w+"
    r"|(?:when|while|during|after|before|if|unless|until) .+)$"
)
"""When a value holds: tea in the morning leaves room for coffee in the evening."""


def by_rule(record: MemoryRecord, known: Sequence[MemoryRecord]) -> Revision:
    """Same words: known already. Same words with a confidence of 0: taken back. The same but for a "not",
    or another value in the same slot: the newer one replaces the older one. Else something new. ``known`` are
    the standing records most like ``record``, best first.

    The words of a record only ever speak about records with the same words; no text can make the memory
    forget anything else.
    """
    words = content(record.text)
    for other in known:
        if content(other.text) == words and _signs(other.text) == _signs(record.text):
            return Revision(
                RevisionAction.REMOVE if record.confidence == 0 else RevisionAction.NOOP, other.id
            )
    if record.confidence == 0:  # takes back what nobody said
        return Revision(RevisionAction.NOOP)
    bare, slot = _without_not(words), _slot(record.text)
    for other in known:
        theirs = content(other.text)
        negated = theirs != words and _without_not(theirs) == bare
        refilled = slot is not None and slot == _slot(other.text)
        if (negated or refilled) and other.moment <= record.moment:
            return Revision(RevisionAction.UPDATE, other.id)
    return Revision(RevisionAction.ADD)


def _signs(text: str) -> tuple[str, ...]:
    """What tells texts of the same words apart: "5 °C" and "-5 °C", "C" and "C++", two emoji."""
    minus = re.findall(r"(?<!\w)[-\u2212](?=\d)", text)
    return (*minus, *(c for c in text if c in "%#&@" or unicodedata.category(c) in ("Sm", "Sc", "So")))


def _without_not(words: Sequence[str]) -> tuple[str, ...]:
    kept = (w for w in words if w not in _NOT)
    return tuple(w[:-1] if len(w) > 3 and w.endswith("s") else w for w in kept)  # "does not break", "breaks"


def _slot(text: str) -> tuple[str, ...] | None:
    said = re.sub(r"\s+", " ", text.casefold()).strip(" .!")
    found = _SLOT.match(said)
    if found is None:
        return None
    when = _WHEN.search(found["value"])
    return (*content(found["slot"]), *(() if when is None else ("|", *content(when[0]))))
