"""What ends an understanding: a question to the user or a refusal."""

from __future__ import annotations

from vista.planner.instruction.values import Refused
from vista.types.dialogue import Ask, Option, Question, Refusal


class UnclearError(Exception):
    """Ends the understanding with ``answer``: a question or a refusal."""

    def __init__(self, answer: Question | Refused) -> None:
        super().__init__()
        self.answer = answer


class HiddenError(Exception):
    """A phrase names ``name``, which is not seen and may be hidden."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def spelling(word: str, right: str) -> Question:
    """The question whether ``word`` is ``right``."""
    return Question(Ask.SPELLING, word, f"{word!r} is not known; is {right!r} meant?", (Option(right),))


def missing(about: str, text: str) -> Question:
    """The question for what is not said."""
    return Question(Ask.MISSING, about, text)


def refuse(why: Refusal, says: str) -> UnclearError:
    """The end of an understanding: it is refused."""
    return UnclearError(Refused(why, says))
