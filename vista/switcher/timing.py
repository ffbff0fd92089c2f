"""A switcher judged by time: "reached" is right within half a second of the moment when it is true.

Single judgements say little about this. A wrong one a moment before that is no mistake; right ones that begin
a second after it are one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vista.errors import InvalidValueError
from vista.types import F64

TOLERANCE_S = 0.5


@dataclass(frozen=True, slots=True)
class Switch:
    """One subtask: at ``said_s`` [s] the switcher said reached, at ``true_s`` [s] it was true; None:
    never."""

    verb: str
    said_s: float | None
    true_s: float | None

    @property
    def hit(self) -> bool:
        """Both happened, no more than :data:`TOLERANCE_S` apart."""
        if self.said_s is None or self.true_s is None:
            return False
        return abs(self.said_s - self.true_s) <= TOLERANCE_S + 1e-9


@dataclass(frozen=True, slots=True)
class Agreement:
    """``calls`` of "reached" and ``true`` moments; ``hits`` pairs of them are at most
    :data:`TOLERANCE_S` apart."""

    hits: int
    calls: int
    true: int

    @property
    def precision(self) -> float:
        """Share of the calls that are right; 1 where nothing was called."""
        return self.hits / self.calls if self.calls else 1.0

    @property
    def recall(self) -> float:
        """Share of the true moments that were called; 1 where there were none."""
        return self.hits / self.true if self.true else 1.0

    def __str__(self) -> str:
        precision = f"{self.precision:.3f}" if self.calls else "-"
        recall = f"{self.recall:.3f}" if self.true else "-"
        return f"precision {precision} of {self.calls} calls, recall {recall} of {self.true} moments"


def agreement(switches: Iterable[Switch]) -> Agreement:
    """Count calls, true moments and hits."""
    every = list(switches)
    return Agreement(
        sum(s.hit for s in every),
        sum(s.said_s is not None for s in every),
        sum(s.true_s is not None for s in every),
    )


@dataclass(frozen=True, slots=True)
class Timeline:
    """The times of ``N`` judgements, ``time_s`` (N,) [s]; their subtasks, ``segment`` (N,); and the moments
    when these subtasks were done in truth, ``true_s`` (N,) [s], NaN for never.

    Raises:
        InvalidValueError: arrays of different lengths.
    """

    time_s: F64
    true_s: F64
    segment: NDArray[np.int32]

    def __post_init__(self) -> None:
        if not len(self.time_s) == len(self.true_s) == len(self.segment):
            raise InvalidValueError(
                f"Timeline: {len(self.time_s)} times, {len(self.true_s)} moments, "
                f"{len(self.segment)} segments; expected as many of each"
            )


def switches(reached: NDArray[np.bool_], timeline: Timeline, patience: int) -> list[Switch]:
    """The switches of a switcher that judges ``reached`` bool (N,), and acts after ``patience`` True in a
    row."""
    found = []
    for segment in np.unique(timeline.segment):
        rows = np.flatnonzero(timeline.segment == segment)
        run, moment = 0, None
        for row in rows:
            run = run + 1 if reached[row] else 0
            if run >= patience:
                moment = float(timeline.time_s[row])
                break
        true = float(timeline.true_s[rows[0]])
        found.append(Switch("", moment, None if np.isnan(true) else true))
    return found


def choose(probability: F64, timeline: Timeline, patiences: Iterable[int] = (1, 2)) -> tuple[float, int]:
    """The threshold and the patience with the best F1 in time; of equal ones the stricter threshold.

    Args:
        probability: (N,), of "reached".
    """
    best, chosen = -1.0, (0.5, 1)
    for patience in patiences:
        for threshold in np.arange(0.05, 0.96, 0.01):
            found = agreement(switches(probability > threshold, timeline, patience))
            score = 2 * found.hits / max(1, found.calls + found.true)
            if score >= best:
                best, chosen = score, (round(float(threshold), 2), patience)
    return chosen
