"""Progress, the guard's reports, and the results of subtasks and episodes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vista.errors import InvalidValueError
from vista.types import Cause, Decision, EpisodeResult, Outcome, Progress, Refusal, State, SubtaskResult
from vista_msgs import msg as m
from vista_ros.conversions.dialogue import question_from_msg, question_to_msg
from vista_ros.conversions.plan import subtask_from_msg, subtask_to_msg
from vista_ros.conversions.primitives import numbered, time_from_msg, time_to_msg, wire

_STATES = {
    State.RUNNING: m.Progress.RUNNING,
    State.REACHED: m.Progress.REACHED,
    State.FAILED: m.Progress.FAILED,
    State.TIMED_OUT: m.Progress.TIMED_OUT,
}
_CAUSES = {cause: int(getattr(m.Progress, f"CAUSE_{cause.name}")) for cause in Cause}
_DECISIONS = {
    Decision.ALLOW: m.GuardStatus.ALLOW,
    Decision.CLIP: m.GuardStatus.CLIP,
    Decision.HOLD: m.GuardStatus.HOLD,
    Decision.STOP: m.GuardStatus.STOP,
}
_OUTCOMES = {outcome: int(getattr(m.EpisodeResult, outcome.name)) for outcome in Outcome}
_REFUSALS: dict[Refusal | None, int] = {None: m.EpisodeResult.NOT_REFUSED} | {
    refusal: int(getattr(m.EpisodeResult, refusal.name)) for refusal in Refusal
}


def progress_to_msg(progress: Progress) -> m.Progress:
    return m.Progress(
        state=_STATES[progress.state],
        fraction=float(progress.fraction),
        cause=_CAUSES[progress.cause],
        reason=wire(progress.reason),
        steps=progress.steps,
    )


def progress_from_msg(msg: m.Progress) -> Progress:
    state = numbered(_STATES, msg.state, "Progress.state")
    cause = numbered(_CAUSES, msg.cause, "Progress.cause")
    return Progress(state, msg.fraction, msg.reason, cause, msg.steps)


IDLE = "idle"
"""The rule of a report that no command has arrived: it says nothing of any command."""


@dataclass(frozen=True, slots=True)
class GuardReport:
    """The guard's last decision at ``stamp_ns`` [ns], by which ``rule``, and the ``reason`` for people;
    ``cause``: why the arm is stopped, empty when it is not."""

    stamp_ns: int
    decision: Decision
    rule: str
    reason: str
    cause: str = ""

    @property
    def stopped(self) -> bool:
        return bool(self.cause)


def guard_report_to_msg(report: GuardReport) -> m.GuardStatus:
    return m.GuardStatus(
        stamp=time_to_msg(report.stamp_ns),
        decision=_DECISIONS[report.decision],
        rule=wire(report.rule),
        reason=wire(report.reason),
        stopped=report.stopped,
        cause=wire(report.cause),
    )


def guard_report_from_msg(msg: m.GuardStatus) -> GuardReport:
    if msg.stopped != bool(msg.cause):
        raise InvalidValueError(f"GuardStatus: stopped is {msg.stopped} with cause {msg.cause!r}")
    decision = numbered(_DECISIONS, msg.decision, "GuardStatus.decision")
    return GuardReport(time_from_msg(msg.stamp), decision, msg.rule, msg.reason, msg.cause)


def subtask_result_to_msg(result: SubtaskResult) -> m.SubtaskResult:
    return m.SubtaskResult(
        subtask=subtask_to_msg(result.subtask),
        start_s=float(result.start_s),
        end_s=float(result.end_s),
        state=_STATES[result.state],
        cause=_CAUSES[result.cause],
        reason=wire(result.reason),
        score=float(result.score),
    )


def subtask_result_from_msg(msg: m.SubtaskResult) -> SubtaskResult:
    state = numbered(_STATES, msg.state, "SubtaskResult.state")
    cause = numbered(_CAUSES, msg.cause, "SubtaskResult.cause")
    subtask = subtask_from_msg(msg.subtask)
    return SubtaskResult(subtask, msg.start_s, msg.end_s, state, msg.reason, msg.score, cause)


def episode_result_to_msg(result: EpisodeResult) -> m.EpisodeResult:
    """What the stack believes; ``truth`` is the simulator's to tell and stays behind."""
    return m.EpisodeResult(
        instruction=wire(result.instruction),
        outcome=_OUTCOMES[result.outcome],
        cause=wire(result.cause),
        steps=result.steps,
        seconds=float(result.seconds),
        subtasks=[subtask_result_to_msg(subtask) for subtask in result.subtasks],
        timings_json=timings_to_json(result.timings),
        question=[] if result.question is None else [question_to_msg(result.question)],
        answer=wire(result.answer),
        refusal=_REFUSALS[result.refusal],
    )


def episode_result_from_msg(msg: m.EpisodeResult) -> EpisodeResult:
    if len(msg.question) > 1:
        raise InvalidValueError(
            f"EpisodeResult.question: {len(msg.question)} questions, expected one at most"
        )
    return EpisodeResult(
        instruction=msg.instruction,
        outcome=numbered(_OUTCOMES, msg.outcome, "EpisodeResult.outcome"),
        cause=msg.cause,
        steps=msg.steps,
        seconds=msg.seconds,
        subtasks=tuple(subtask_result_from_msg(subtask) for subtask in msg.subtasks),
        timings=timings_from_json(msg.timings_json),
        question=question_from_msg(msg.question[0]) if msg.question else None,
        answer=msg.answer,
        refusal=numbered(_REFUSALS, msg.refusal, "EpisodeResult.refusal"),
    )


def timings_to_json(timings: Mapping[str, Sequence[float]]) -> str:
    """{stage: wall seconds, one per call} as text."""
    return json.dumps({wire(stage): [float(s) for s in seconds] for stage, seconds in timings.items()})


def timings_from_json(text: str) -> dict[str, tuple[float, ...]]:
    """{stage: wall seconds, one per call}.

    Raises:
        InvalidValueError: ``text`` is no object of lists of numbers.
    """
    try:
        loaded = json.loads(text or "{}")
        return {str(stage): tuple(float(s) for s in seconds) for stage, seconds in loaded.items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise InvalidValueError(f"timings {text[:80]!r}: expected an object of lists of seconds") from error
