"""What the arm is told, and what the guard lets through."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from vista import values
from vista.errors import InvalidValueError, NonFiniteActionError
from vista.types.arrays import F32, set_field
from vista.types.robot import ActionSpace
from vista.values import Value


@dataclass(frozen=True, slots=True, eq=False)
class ActionChunk(Value):
    """A short plan: ``actions`` f32 (T, A), a row every ``dt_s`` [s], read as ``space`` says.

    Row t is due at ``start_stamp_ns`` + (t + 1) * ``dt_s``, where ``start_stamp_ns`` is the stamp of the
    observation the chunk was planned from. ``progress`` [0, 1] and ``reached`` [0, 1] are the policy's
    own estimate of how far the subtask is and whether it is done; None where a policy gives none.

    Raises:
        NonFiniteActionError: a NaN or infinite entry.
    """

    actions: F32
    dt_s: float
    space: ActionSpace
    start_stamp_ns: int
    progress: float | None = None
    reached: float | None = None

    def __post_init__(self) -> None:
        rows = values.array(
            "ActionChunk.actions", self.actions, np.float32, (None, None), NonFiniteActionError
        )
        set_field(self, "actions", rows)
        if len(rows) == 0:
            raise InvalidValueError("ActionChunk.actions: no rows, expected at least one")
        set_field(self, "space", values.word("ActionChunk.space", self.space, ActionSpace))
        if self.space is ActionSpace.EE_DELTA and self.actions.shape[1] != 7:
            raise InvalidValueError(f"ActionChunk: {self.actions.shape[1]} columns, EE_DELTA has 7")
        if self.actions.shape[1] < 2:
            raise InvalidValueError("ActionChunk: 1 column, expected at least a joint and the gripper")
        set_field(
            self, "dt_s", values.number("ActionChunk.dt_s", self.dt_s, 1e-6, 3600.0, "> 0, at most an hour")
        )
        set_field(self, "start_stamp_ns", values.whole("ActionChunk.start_stamp_ns", self.start_stamp_ns))
        for name in ("progress", "reached"):
            if (told := getattr(self, name)) is not None:
                set_field(self, name, values.number(f"ActionChunk.{name}", told, 0.0, 1.0))

    def head(self, rows: int) -> ActionChunk:
        """The first ``rows`` rows as a chunk of their own (all of them if there are fewer).

        Raises:
            InvalidValueError: ``rows`` is below 1.
        """
        rows = values.whole("ActionChunk.head: rows", rows, 1)
        return ActionChunk(
            self.actions[:rows], self.dt_s, self.space, self.start_stamp_ns, self.progress, self.reached
        )


class Decision(StrEnum):
    """What the guard lets through: the chunk as it is, a clipped one, nothing now, nothing any more."""

    ALLOW = "allow"
    CLIP = "clip"
    HOLD = "hold"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The guard's answer: ``decision``, the ``rule`` that decided, why, and the chunk that may be sent
    (None for HOLD and STOP: the arm holds still)."""

    decision: Decision
    rule: str
    reason: str
    chunk: ActionChunk | None

    def __post_init__(self) -> None:
        set_field(self, "decision", values.word("Verdict.decision", self.decision, Decision))
        values.text("Verdict.rule", self.rule)
        values.text("Verdict.reason", self.reason)
        if self.chunk is not None:
            values.instance("Verdict.chunk", self.chunk, ActionChunk)
        if (self.chunk is None) != (self.decision in (Decision.HOLD, Decision.STOP)):
            held = "no chunk" if self.chunk is None else "a chunk"
            raise InvalidValueError(f"Verdict: {self.decision} with {held}")
