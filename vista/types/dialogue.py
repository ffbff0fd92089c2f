"""What a planner says instead of a skill: that it must ask, what it was asked, and why it refuses."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from vista import values
from vista.errors import InvalidValueError
from vista.types.arrays import F64, set_field
from vista.values import Value


class Ask(StrEnum):
    """What a question of the stack is about."""

    WHICH = "which"  # several things or places fit equally
    SPELLING = "spelling"  # a word is not known, and one that is known is spelt nearly alike
    MISSING = "missing"  # the thing or the place is not said
    APPROVAL = "approval"  # a rule of the guard's policy has a person asked; the option names the rule


class Refusal(StrEnum):
    """Why an instruction is not carried out."""

    NEGATION = "negation"  # it says what not to do
    UNKNOWN_ACTION = "unknown_action"  # no skill does that
    UNSUPPORTED = "unsupported"  # a quantity, speed, force or time that no skill heeds
    LANGUAGE = "language"  # it is not English
    NO_TASK = "no_task"  # it asks for nothing
    NOT_THERE = "not_there"  # what it names is neither seen nor remembered
    CONDITION = "condition"  # it holds only if something else does
    IMPOSSIBLE = "impossible"  # it is understood, and there is no way to do it
    FORBIDDEN = "forbidden"  # a rule of the guard's policy forbids it


@dataclass(frozen=True, slots=True, eq=False)
class Option(Value):
    """One thing that fits: ``name``; ``where``, how it differs in words ("on the left"); its ``position`` f64
    (3,) in the base frame [m], if it is seen or remembered; ``entity``, its key in the memory (0: none)."""

    name: str
    where: str = ""
    position: F64 | None = None
    entity: int = 0

    def __post_init__(self) -> None:
        if not values.text("Option.name", self.name).strip():
            raise InvalidValueError("Option.name: empty, expected the name of a thing")
        values.text("Option.where", self.where)
        if self.position is not None:
            set_field(self, "position", values.position("Option.position", self.position))
        set_field(self, "entity", values.whole("Option.entity", self.entity, 0))


@dataclass(frozen=True, slots=True, eq=False)
class Question(Value):
    """The planner's answer when it must not guess: ``kind``; ``about``, the words of the instruction that are
    unclear; ``options`` that fit, empty where something is missing; and the question in words, ``text``, for
    people."""

    kind: Ask
    about: str
    text: str
    options: tuple[Option, ...] = ()

    def __post_init__(self) -> None:
        set_field(self, "kind", values.word("Question.kind", self.kind, Ask))
        values.text("Question.about", self.about)
        if not values.text("Question.text", self.text).strip():
            raise InvalidValueError("Question.text: empty, expected a question in words")
        options = values.sequence("Question.options", self.options)
        checked = tuple(values.instance("Question.options", each, Option) for each in options)
        set_field(self, "options", checked)


@dataclass(frozen=True, slots=True)
class Answered:
    """The planner's answer to an instruction that is a question about the scene: ``text``, for people; the
    arm does not move."""

    text: str

    def __post_init__(self) -> None:
        if not values.text("Answered.text", self.text).strip():
            raise InvalidValueError("Answered.text: empty, expected an answer in words")
