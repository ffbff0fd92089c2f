"""Slips of the keyboard: which known word an unknown one is spelt nearly like."""

from __future__ import annotations

from collections.abc import Iterable

from vista.planner.instruction.reading.phrases import POSITIONS
from vista.planner.instruction.words.lexicon import NUMBERS, PARTICIPLES, RELATION_OF, UNITS, VERBS
from vista.planner.instruction.words.near_words import NEAR_ENGLISH
from vista.planner.instruction.words.nouns import (
    COLOUR_OF,
    GENERIC,
    OTHER_COLOURS,
    PLAIN,
    SHAPE_OF,
    SHAPED,
    SIZES,
    singular,
)  # fmt: skip
from vista.planner.instruction.words.other_words import CHAT, ENGLISH, OTHER_VERBS
from vista.planner.instruction.words.word_sets import word_set

NOUNS = (
    frozenset(SHAPE_OF)
    | frozenset(COLOUR_OF)
    | frozenset(POSITIONS)
    | {"thing", "things", "everything", "one"}
)
LITTLE = frozenset(word for words in RELATION_OF for word in words) | word_set(
    "the and then please everything both all every corner side front middle behind between drawer "
    "forward backward except other"
)
DOINGS = frozenset(words[0] for words in VERBS if not words[0].endswith("ing"))
_HEARD = {
    "blew": "blue", "read": "red", "reed": "red", "mugg": "mug", "bawl": "ball", "tre": "tray",
    "bocks": "box", "bleu": "blue", "rouge": "red", "jaune": "yellow",
}  # fmt: skip
"""Words that sound like one of the scene, as speech is written down."""
_KNOWN = (
    NOUNS | LITTLE | DOINGS | GENERIC | OTHER_COLOURS | PLAIN | SIZES | frozenset(SHAPED) | frozenset(NUMBERS)
    | frozenset(UNITS) | PARTICIPLES | NEAR_ENGLISH | ENGLISH | OTHER_VERBS | CHAT
)  # fmt: skip


def is_known(word: str) -> bool:
    """Whether ``word`` is English that the lexicon has, whatever it means."""
    return word in _KNOWN or singular(word) in _KNOWN


def meant(word: str, words: Iterable[str], *, also: frozenset[str] = frozenset()) -> str | None:
    """Which of ``words`` is meant by ``word``: none where it is known itself, or is in ``also``."""
    if word in _HEARD and _HEARD[word] in words:
        return _HEARD[word]
    if is_known(word) or word in also or not word.isalpha():
        return None
    allowed = 1 if len(word) < 7 else 2
    far = {each: distance(word, each, allowed) for each in words if abs(len(each) - len(word)) <= allowed}
    far = {
        each: n for each, n in far.items() if n <= allowed and (len(word) > 2 or sorted(each) == sorted(word))
    }
    far = {each: n for each, n in far.items() if n == 1 or each[0] == word[0]}
    return min(far, key=lambda each: (far[each], each[0] != word[0], each), default=None)


def distance(one: str, other: str, most: int) -> int:
    """Letters to change, leave out, add or swap with their neighbour between ``one`` and ``other``; above
    ``most`` any larger number."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        older, before = before, row
        row = [i]
        for j, b in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
    return row[-1]
