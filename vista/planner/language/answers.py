"""The grammar of what a language model may answer. Whatever does not fit it is discarded, never repaired.

A step is one line: a short sentence that begins with a known skill, ``done``, or ``impossible: reason``. The
grammar is also a bound on what text hidden in an image or a memory can make of the arm: no answer that obeys
such text gets through unless it is a short sentence about a known skill.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from vista.errors import ConfigError, VistaError
from vista.types import Done, Impossible, Subtask

# What an arm with a gripper does; the configuration may name others.
SKILLS = (
    "grasp", "pick", "lift", "hold", "place", "put", "stack", "insert", "release", "open", "close", "push",
    "pull", "slide", "turn", "press", "move", "reach", "pour", "wipe",
)  # fmt: skip
UNTIL = "the switcher says reached"
_WORDS = re.compile(r"[a-z0-9][a-z0-9 ,'#-]*")


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

    def told(self) -> str:
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
        if lower.rstrip(".") == "done":
            return Done("the language model sees the instruction fulfilled")
        if lower.startswith("impossible"):
            reason = line[len("impossible") :].lstrip(" :")
            if not lower.startswith("impossible:") or not reason or len(reason) > 3 * self.max_chars:
                raise _malformed(text, "impossible: and a short reason")
            return Impossible(reason)
        sentence = lower.rstrip(".").strip()
        words = sentence.split()
        if not _WORDS.fullmatch(sentence) or len(words) > self.max_words or len(sentence) > self.max_chars:
            raise _malformed(text, self.told())
        if self.skills and words[0] not in self.skills:
            raise _malformed(text, f"a first word out of {', '.join(self.skills)}")
        return Subtask(" ".join(words), index, UNTIL)

    def plan(self, text: str, index: int = 0) -> list[Subtask | Done | Impossible]:
        """The steps of a whole plan, one a line; numbers before them are taken off.

        Raises:
            MalformedAnswerError: no line, too many, or one that is no step; nothing after an end is allowed.
        """
        lines = [line for line in text.strip().splitlines() if line.strip()]
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
    if line.lower().rstrip(".") == "yes":
        return None
    head, _, reason = line.partition(":")
    if head.strip().lower() != "no" or not reason.strip() or len(line) > max_chars:
        raise _malformed(text, "yes, or: no: and the reason")
    return reason.strip()


def sentences(text: str, most: int, max_chars: int = 200) -> tuple[str, ...]:
    """One to ``most`` lines of printable text, numbers and dashes before them taken off.

    Raises:
        MalformedAnswerError: none, too many, or one longer than ``max_chars``.
    """
    lines = [re.sub(r"^\s*(?:\d+[.)]|[-*])\s+", "", line).strip() for line in text.strip().splitlines()]
    lines = [line for line in lines if line]
    if not 1 <= len(lines) <= most or any(len(x) > max_chars or not x.isprintable() for x in lines):
        raise _malformed(text, f"1 to {most} lines of at most {max_chars} characters")
    return tuple(lines)


def key(step: Subtask | Done | Impossible) -> str:
    """What two steps have in common that are the same vote; reasons are worded in many ways."""
    return step.text if isinstance(step, Subtask) else type(step).__name__


def _line(text: str) -> str:
    lines: Sequence[str] = text.strip().splitlines()
    if len(lines) != 1 or not lines[0].isprintable():
        raise _malformed(text, "one line")
    return lines[0].strip().strip("\"'`").strip()


def _malformed(text: str, expected: str) -> MalformedAnswerError:
    short = text if len(text) <= 80 else text[:77] + "..."
    return MalformedAnswerError(f"answer {short!r}; expected {expected}")
