"""Text from anywhere, made fit for a terminal, a log, a ROS message and a file."""

from __future__ import annotations

import unicodedata

# Other: control characters, surrogates, and marks that reorder or hide what stands beside them.
_UNFIT = ("Cc", "Cs", "Cf", "Zl", "Zp")


def plain(text: str, limit: int = 2000) -> str:
    """``text`` in one line that every output takes.

    White space is folded to single blanks; control characters, lone surrogates and invisible marks are
    written as escapes ("\\x1b"); what is beyond ``limit`` characters is left out from the middle, since the
    reason of a failure often stands last.
    """
    folded = " ".join(text.split())
    shown = "".join(c if fit(c) else escaped(c) for c in folded)
    if len(shown) <= limit:
        return shown
    half = (limit - 5) // 2
    return f"{shown[:half]} ... {shown[-half:]}"


def visible(text: str) -> str:
    """``text`` with its blanks and lines as they are, and what no terminal should be sent as escapes."""
    return "".join(c if c == "\n" or fit(c) else escaped(c) for c in text)


def fit(character: str) -> bool:
    """Whether a terminal shows ``character`` as it is; the joiners belong to letters and emoji."""
    return character in "\u200c\u200d" or unicodedata.category(character) not in _UNFIT


def escaped(character: str) -> str:
    """``character`` as Python writes it in a string: "\\x1b", "\\ud800", "\\u202e"."""
    return character.encode("unicode_escape").decode("ascii")
