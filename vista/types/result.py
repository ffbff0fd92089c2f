"""How subtasks and tasks stand, and how they ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from vista import values
from vista.errors import InvalidValueError
from vista.types.arrays import LONGEST_S, set_field
from vista.types.dialogue import Question, Refusal
from vista.types.plan import Subtask
from vista.values import Value


class State(StrEnum):
    """How a subtask stands."""

    RUNNING = "running"
    REACHED = "reached"
    FAILED = "failed"
    TIMED_OUT = "timed_out"


class Cause(StrEnum):
    """Why a subtask stands as it does; the reason beside it is prose for people."""

    NONE = "none"  # it runs, or nobody said why
    REACHED = "reached"
    NO_PROGRESS = "no_progress"
    OUT_OF_TIME = "out_of_time"
    NOT_HELD = "not_held"  # the fingers hold nothing, or have lost what they held
    SEEN_ELSEWHERE = "seen_elsewhere"
    GUARD = "guard"  # the guard lets nothing through; the robot was not stopped
    REFUSED = "refused"  # no goal image: nothing was moved
    STOPPED = "stopped"  # the robot was stopped: no further subtask should be tried


@dataclass(frozen=True, slots=True)
class Progress:
    """How a subtask stands: ``state``, ``fraction`` done [0, 1], the ``cause`` and, for people, the
    ``reason``; ``steps`` of control that were sent for it."""

    state: State
    fraction: float
    reason: str = ""
    cause: Cause = Cause.NONE
    steps: int = 0

    def __post_init__(self) -> None:
        set_field(self, "state", values.word("Progress.state", self.state, State))
        set_field(self, "fraction", values.number("Progress.fraction", self.fraction, 0.0, 1.0))
        values.text("Progress.reason", self.reason)
        set_field(self, "cause", values.word("Progress.cause", self.cause, Cause))
        set_field(self, "steps", values.whole("Progress.steps", self.steps, 0))

    @property
    def stopped(self) -> bool:
        """Whether the robot was stopped."""
        return self.cause is Cause.STOPPED


class Outcome(StrEnum):
    """What the stack believes of an episode."""

    SUCCESS = "success"
    FAILURE = "failure"
    STOPPED = "stopped"
    QUESTION = "question"  # the instruction is unclear: the arm holds still until somebody answers
    ANSWERED = "answered"  # the instruction was a question about the scene; the arm did not move


@dataclass(frozen=True, slots=True)
class SubtaskResult:
    """One subtask as it went: the ``subtask``, start and end [s since the task began], final ``state``, its
    ``cause``, the ``reason`` for people, and the ``score`` [0, 1] of its goal image."""

    subtask: Subtask
    start_s: float
    end_s: float
    state: State
    reason: str = ""
    score: float = 0.0
    cause: Cause = Cause.NONE

    def __post_init__(self) -> None:
        values.instance("SubtaskResult.subtask", self.subtask, Subtask)
        values.text("SubtaskResult.reason", self.reason)
        for name in ("start_s", "end_s"):
            value = values.number(f"SubtaskResult.{name}", getattr(self, name), 0.0, LONGEST_S)
            set_field(self, name, value)
        set_field(self, "state", values.word("SubtaskResult.state", self.state, State))
        set_field(self, "score", values.number("SubtaskResult.score", self.score, 0.0, 1.0))
        set_field(self, "cause", values.word("SubtaskResult.cause", self.cause, Cause))

    @property
    def text(self) -> str:
        """The subtask in words."""
        return self.subtask.text


@dataclass(frozen=True, slots=True, eq=False)
class EpisodeResult(Value):
    """One task as it went.

    ``outcome``: what the stack believes; ``truth``: the task's own predicate (simulation only, else
    None); ``cause``: the one latched reason of the end; ``steps`` of control; ``seconds`` of robot time;
    ``timings`` {stage: wall seconds, one entry per call}; ``question``: what the stack must know, where the
    outcome is QUESTION; ``answer`` in words, where the outcome is ANSWERED; ``refusal``: why the instruction
    was refused, where the planner refused it.
    """

    instruction: str
    outcome: Outcome
    cause: str
    steps: int
    seconds: float
    subtasks: tuple[SubtaskResult, ...] = ()
    timings: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    truth: bool | None = None
    question: Question | None = None
    answer: str = ""
    refusal: Refusal | None = None

    def __post_init__(self) -> None:
        for name in ("instruction", "cause"):
            values.text(f"EpisodeResult.{name}", getattr(self, name))
        set_field(self, "outcome", values.word("EpisodeResult.outcome", self.outcome, Outcome))
        set_field(self, "steps", values.whole("EpisodeResult.steps", self.steps, 0))
        set_field(self, "seconds", values.number("EpisodeResult.seconds", self.seconds, 0.0, LONGEST_S))
        subtasks = values.sequence("EpisodeResult.subtasks", self.subtasks)
        set_field(self, "subtasks", tuple(values.instance("EpisodeResult.subtasks", each, SubtaskResult)
                                     for each in subtasks))  # fmt: skip
        timings = {}
        for stage, calls in values.entries("EpisodeResult.timings", self.timings):
            name = f"EpisodeResult.timings[{values.shown(stage)}]"
            timings[stage] = tuple(
                values.number(name, each, 0.0, LONGEST_S) for each in values.sequence(name, calls)
            )
        set_field(self, "timings", values.read_only(timings))
        if self.truth is not None:
            set_field(self, "truth", values.flag("EpisodeResult.truth", self.truth))
        if (self.question is None) == (self.outcome is Outcome.QUESTION):
            raise InvalidValueError(
                f"EpisodeResult: outcome {self.outcome}, question {values.shown(self.question)}; expected a "
                "question exactly where the outcome is question"
            )
        if bool(values.text("EpisodeResult.answer", self.answer)) != (self.outcome is Outcome.ANSWERED):
            raise InvalidValueError(
                f"EpisodeResult: outcome {self.outcome}, answer {values.shown(self.answer)}; expected an "
                "answer exactly where the outcome is answered"
            )
        if self.question is not None:
            values.instance("EpisodeResult.question", self.question, Question)
        if self.refusal is not None:
            set_field(self, "refusal", values.word("EpisodeResult.refusal", self.refusal, Refusal))
