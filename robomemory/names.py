"""Names and relations in one spelling, by rule."""

from __future__ import annotations

import re
import unicodedata

_ARTICLES = frozenset({"a", "an", "the", "my", "your", "this", "that", "some"})
_FILLERS = _ARTICLES | {"is", "are", "was", "were", "be", "of"}

_SYNONYMS = {
    "inside": "in",
    "inside of": "in",
    "within": "in",
    "into": "in",
    "contained in": "in",
    "on top of": "on",
    "onto": "on",
    "upon": "on",
    "held in": "held by",
    "grasped by": "held by",
    "carried by": "held by",
    "beside": "next to",
    "close to": "near",
    "over": "above",
    "under": "below",
    "beneath": "below",
    "the same as": "same as",
    "same thing as": "same as",
    "the same thing as": "same as",
}
_INVERSE = {
    "contains": "in",
    "holds": "held by",
    "is holding": "held by",
    "holding": "held by",
    "grasps": "held by",
    "supports": "on",
}

PLACE = frozenset({"in", "on", "held by"})
"""A thing is at one of these at a time: a new one ends the others."""

STATE = frozenset({"is"})
"""A thing is in one such state at a time (open, closed)."""

METRIC = frozenset({"near", "next to", "left of", "right of", "in front of", "behind", "above", "below"})
"""These no longer hold once one of the two has moved."""


SAME = "same as"
"""Two names mean one thing: not a fact of the graph, but a change of who is who."""

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


def kin(one: str, other: str) -> bool:
    """Whether one name may be the other said less closely: the same noun at the end, and all words of the
    shorter in the longer ("mug" and "blue mug", but not "red mug" and "blue mug", nor "mug" and "mug rack").
    """
    a, b = content(one), content(other)
    return bool(a and b) and a[-1] == b[-1] and (set(a) <= set(b) or set(b) <= set(a))


def normal_name(name: str) -> str:
    """``name`` in lower case without leading articles, underscores and doubled spaces."""
    folded = unicodedata.normalize("NFC", name.casefold())
    parts = re.sub(r"[\s_]+", " ", folded).strip(" .,;:!?").split()
    while len(parts) > 1 and parts[0] in _ARTICLES:
        parts = parts[1:]
    return " ".join(parts) or name.strip()


def normal_triple(subject: str, relation: str, obj: str) -> tuple[str, str, str]:
    """The triple with names in one spelling and the relation in its usual word and direction."""
    said = re.sub(r"[\s_]+", " ", relation.casefold()).strip()
    if said not in _INVERSE:  # "is holding" keeps its verb
        said = re.sub(r"^(is|are|was|lies|stands|stays|sits) (?=\w)", "", said)
        said = re.sub(r"^to the (?=\w)", "", said)
    subject, obj = normal_name(subject), normal_name(obj)
    if said in _INVERSE:
        return obj, _INVERSE[said], subject
    return subject, _SYNONYMS.get(said, said), obj


def exclusive(relation: str) -> frozenset[str]:
    """The relations of which a subject has one at a time together with ``relation``; empty if none."""
    return next((group for group in (PLACE, STATE) if relation in group), frozenset())


def words(text: str) -> list[str]:
    """The words of ``text`` in lower case: letters, digits, "_", and the marks that belong to letters,
    without which "दान" and "दिन" would be one word."""
    folded = text.casefold()
    if not folded.isascii():
        composed = unicodedata.normalize("NFC", folded)
        folded = "".join(c if _in_word(c) else " " for c in composed)
        return [word for word in folded.split() if any(c.isalnum() or c == "_" for c in word)]
    return re.findall(r"\w+", folded)


def _in_word(character: str) -> bool:
    if character.isalnum() or character == "_":
        return True
    marks = unicodedata.category(character) in ("Mn", "Mc")
    return marks and not "\ufe00" <= character <= "\ufe0f"  # these only choose how an emoji is drawn


def content(text: str) -> tuple[str, ...]:
    """The words of ``text`` that carry its meaning, in order."""
    return tuple(word for word in words(text) if word not in _FILLERS)


def mentions(text: str, name: str) -> bool:
    """Whether ``text`` holds the words of ``name`` one after the other."""
    wanted = content(name)
    return bool(wanted) and f" {' '.join(wanted)} " in f" {' '.join(content(text))} "
