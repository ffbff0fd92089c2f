"""The grammar of what a language model may answer. Whatever does not fit it is discarded, never repaired.

A step is one line: a short sentence that begins with a known skill, ``done``, or ``impossible: reason``. The
grammar is also a bound on what text hidden in an image or a memory can make of the arm: no answer that obeys
such text gets through unless it is a short sentence about a known skill.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from vista.errors import ConfigError, VistaError
from vista.messages.plain_text import plain
from vista.planner.language.reasoning import without_reasoning
from vista.types import Done, Impossible, Subtask

# What an arm with a gripper does; the configuration may name others.
SKILLS = (
    "grasp", "pick", "lift", "hold", "place", "put", "stack", "insert", "release", "open", "close", "push",
    "pull", "slide", "turn", "press", "move", "reach", "pour", "wipe",
)  # fmt: skip
_ENDS = ".\u3002\uff0e\uff61"  # full stops of other scripts as well
_WRAPPING = "\"'`*_\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb "  # quotes and Markdown's emphasis
_PUNCTUATION = " ,'#-\u2019\u3001\uff0c\u060c\u2010\u200c\u200d"
_JOINERS = "\u200c\u200d"  # belong to letters of some scripts
_COLON = r"[:\uff1a\ufe13\ufe55]"
_IMPOSSIBLE = re.compile(rf"impossible[\s*_`]*{_COLON}[\s*_`]*(?P<reason>\S.*)", re.IGNORECASE)
_NO = re.compile(
    rf"[^\w\n]*no[\s*_`'\"]*(?:{_COLON}|[.;!](?=\s)|(?:(?<=\s)|(?<=[*_`]))[-\u2013\u2014]+(?=\s))"
    r"[\s*_`]*(?P<reason>\S.*)",
    re.IGNORECASE,
)
_OBJECTION = re.compile(r"[^\w\n]*no\b(?![-'\u2019\w])\W*(?P<reason>.*)", re.IGNORECASE)


class MalformedAnswerError(VistaError, ValueError):
    """An answer that the grammar does not allow; the message holds its beginning and what was expected."""


@dataclass(frozen=True, slots=True)
class Grammar:
    """What a step may be: at most ``max_words`` words and ``max_chars`` characters, its first word one of
    ``skills`` (empty: any); a plan has at most ``max_steps`` lines."""

    skills: tuple[str, ...] = SKILLS
    max_words: int = 15
    max_chars: int = 100
    max_steps: int = 12

    def __post_init__(self) -> None:
        if min(self.max_words, self.max_chars, self.max_steps) < 1:
            raise ConfigError(f"{self}: expected at least one word, character and step")

    def in_words(self) -> str:
        """The grammar in words, for a prompt."""
        first = f", whose first word is one of: {', '.join(self.skills)}" if self.skills else ""
        return (
            f"one short sentence of at most {self.max_words} words in lower case{first}; or the word: done; "
            "or: impossible: and the reason"
        )

    def step(self, text: str, index: int = 0) -> Subtask | Done | Impossible:
        """The step that ``text`` is.

        Raises:
            MalformedAnswerError: several lines, too long, an unknown skill, or characters that no words have.
        """
        line = _line(text)
        lower = line.lower()
        if lower.rstrip(_ENDS) == "done":
            return Done("the language model sees the instruction fulfilled")
        if lower.startswith("impossible"):
            match = _IMPOSSIBLE.fullmatch(line)
            if match is None or len(match["reason"]) > 3 * self.max_chars:
                raise _malformed(text, "impossible: and a short reason")
            return Impossible(match["reason"])
        sentence = lower.rstrip(_ENDS).strip()
        words = sentence.split()
        if not _made_of_words(sentence) or len(words) > self.max_words or len(sentence) > self.max_chars:
            raise _malformed(text, self.in_words())
        if self.skills and words[0].casefold() not in map(_folded, self.skills):
            raise _malformed(text, f"a first word out of {', '.join(self.skills)}")
        return Subtask.said(" ".join(words), index)

    def plan(self, text: str, index: int = 0) -> list[Subtask | Done | Impossible]:
        """The steps of a whole plan, one a line; numbers before them are taken off.

        Raises:
            MalformedAnswerError: no line, too many, or one that is no step; nothing after an end is allowed.
        """
        lines = [line for line in without_reasoning(text).strip().splitlines() if line.strip()]
        if not 1 <= len(lines) <= self.max_steps:
            raise _malformed(text, f"1 to {self.max_steps} lines")
        steps = [self.step(re.sub(r"^\s*\d+[.)]\s+", "", line), index + i) for i, line in enumerate(lines)]
        if any(not isinstance(step, Subtask) for step in steps[:-1]):
            raise _malformed(text, "'done' or 'impossible' on the last line only")
        return steps


def verdict(text: str, max_chars: int = 300) -> str | None:
    """What a critic's answer says: None for ``yes``, the reason of ``no: reason``.

    Raises:
        MalformedAnswerError: anything else.
    """
    line = _line(text)
    if line.lower().rstrip(_ENDS + "!" + _WRAPPING) == "yes":
        return None
    match = _NO.fullmatch(line)
    if match is None or len(line) > max_chars:
        raise _malformed(text, "yes, or: no: and the reason")
    return match["reason"].strip(_WRAPPING)


def objection(text: str, max_chars: int = 300) -> str | None:
    """The reason in an answer that is no verdict and yet says no on one of its lines; None if none does.

    A critic's "no" without a reason, or with a lengthy one, must not count as consent.
    """
    for line in unicodedata.normalize("NFC", without_reasoning(text)).splitlines():
        if (match := _OBJECTION.match(line)) is not None:
            return plain(match["reason"].strip(_WRAPPING), max_chars) or "the critic said no without a reason"
    return None


def sentences(text: str, most: int, max_chars: int = 200) -> tuple[str, ...]:
    """One to ``most`` lines of printable text, numbers and dashes before them taken off.

    Raises:
        MalformedAnswerError: none, too many, or one longer than ``max_chars``.
    """
    said = unicodedata.normalize("NFC", without_reasoning(text)).strip()
    lines = [re.sub(r"^\s*(?:\d+[.)]|[-*])\s+", "", line).strip() for line in said.splitlines()]
    lines = [line for line in lines if line]
    if not 1 <= len(lines) <= most or any(len(x) > max_chars or not _printable(x) for x in lines):
        raise _malformed(text, f"1 to {most} lines of at most {max_chars} characters")
    return tuple(lines)


def key(step: Subtask | Done | Impossible) -> str:
    """What two steps have in common that are the same vote; reasons are worded in many ways."""
    return step.text if isinstance(step, Subtask) else type(step).__name__


def _line(text: str) -> str:
    lines = unicodedata.normalize("NFC", without_reasoning(text)).strip().splitlines()
    if len(lines) != 1 or not _printable(lines[0]):
        raise _malformed(text, "one line")
    return lines[0].strip().strip(_WRAPPING)


def _printable(line: str) -> bool:
    return all(c.isprintable() or c in _JOINERS for c in line)


def _made_of_words(sentence: str) -> bool:
    """Letters and digits of any script with their marks, and what stands between words."""
    if not sentence or not sentence[0].isalnum():
        return False
    return all(c in _PUNCTUATION or unicodedata.category(c)[0] in "LMN" for c in sentence)


def _folded(word: str) -> str:
    return unicodedata.normalize("NFC", word).casefold()


def _malformed(text: str, expected: str) -> MalformedAnswerError:
    if text.strip() and not without_reasoning(text).strip():
        return MalformedAnswerError(
            f"the answer holds thoughts only, and ends before it says anything; expected {expected}"
        )
    return MalformedAnswerError(f"answer {plain(text, 80)!r}; expected {expected}")
