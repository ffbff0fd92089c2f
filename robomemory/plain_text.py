"""Names and texts as data: fit for a picture, an XML file and a terminal, whatever they hold."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

_JOINERS = "\u200c\u200d"  # they belong to letters and emoji


def plain(text: str) -> str:
    """``text`` with what no output shows written as escapes ("\\x1b"): control characters, marks that reorder
    or hide what stands beside them, and what XML forbids."""
    return "".join(c if _fit(c) else c.encode("unicode_escape").decode("ascii") for c in text)


def short(text: str, most: int) -> str:
    """:func:`plain` in at most ``most`` characters."""
    said = plain(text)
    return said if len(said) <= most else f"{said[: most - 1]}…"


def told_apart(names: Iterable[str]) -> dict[str, str]:
    """{name: its :func:`plain` text}, which is another one for each name."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in dict.fromkeys(names):
        said, number = plain(name), 1
        while said in taken:
            number += 1
            said = f"{plain(name)} ({number})"
        taken.add(said)
        found[name] = said
    return found


def _fit(character: str) -> bool:
    return character.isprintable() or character in _JOINERS or unicodedata.category(character) == "Zs"
