"""A switcher from the executor's own estimates (progress, reached), the goal image and the size of the next
motion.

VISTA does not publish its switcher; its text suggests "chunk near zero means done" and "until the observation
aligns with the goal" (arXiv 2602.10983, section IV). Here a logistic model weighs the cues; it is fitted on
held-out episodes (``vista.switcher.calibrate``). Its answer must stay the same for a few judgements before
the subtask ends.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from vista.errors import ConfigError, InvalidValueError
from vista.learning.images import resize
from vista.messages.describe import describe
from vista.robot.gripper import is_open
from vista.types import F64, ActionChunk, Cause, Observation, Progress, State, Subgoal

FEATURES = (
    "reached_logit",
    "progress",
    "motion",
    "goal_distance",
    "opening_now",
    "opening_next",
    "told_open",
    "height",
    "acted",
)


_MOST = 1e100


@dataclass(frozen=True, slots=True)
class SwitcherConfig:
    """``weights`` and ``bias`` of the logistic model over :data:`FEATURES`; REACHED above ``threshold`` for
    ``patience`` judgements in a row; FAILED when progress has not risen by ``min_gain`` for ``stall_s`` [s];
    TIMED_OUT after ``timeout_s`` [s] of robot time."""

    weights: tuple[float, ...] = (1.0, *([0.0] * 8))
    bias: float = 0.0
    threshold: float = 0.5
    patience: int = 1
    stall_s: float = 8.0
    min_gain: float = 0.05
    timeout_s: float = 15.0

    def __post_init__(self) -> None:
        if len(self.weights) != len(FEATURES):
            raise InvalidValueError(f"SwitcherConfig.weights: {len(self.weights)}, expected {len(FEATURES)}")
        numbers = {f"weights[{i}]": weight for i, weight in enumerate(self.weights)}
        names = ("bias", "threshold", "stall_s", "min_gain", "timeout_s")
        numbers |= {name: getattr(self, name) for name in names}
        for name, value in numbers.items():
            sound = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _MOST
            if not sound:  # NaN and infinity are not below anything
                raise InvalidValueError(f"SwitcherConfig.{name}: {value!r}, expected a finite number")
        whole = isinstance(self.patience, int) and not isinstance(self.patience, bool)
        positive = self.timeout_s > 0 and self.stall_s > 0
        if not (0 < self.threshold < 1 and whole and self.patience >= 1 and positive):
            raise InvalidValueError(
                "SwitcherConfig: expected threshold in (0, 1), whole patience >= 1, timeout_s, stall_s > 0; "
                f"got {self}"
            )


def goal_distance(obs: Observation, subgoal: Subgoal) -> float:
    """Mean absolute difference [0, 1] between what the goal's cameras see and the goal; 0 without images."""
    distances = [
        np.abs(resize(obs.images[name], 24).astype(np.float32) - resize(goal, 24)).mean() / 255
        for name, goal in subgoal.images.items()
        if name in obs.images
    ]
    return float(np.mean(distances)) if distances else 0.0


class Fingers:
    """Whether the fingers were told to open or close since the subtask began: before that it is hardly ever
    done."""

    def __init__(self) -> None:
        self._first: bool | None = None
        self.acted = False

    def look(self, obs: Observation) -> bool:
        """``acted`` after ``obs``."""
        told = is_open(obs)
        self._first = told if self._first is None else self._first
        self.acted = self.acted or told != self._first
        return self.acted


def features(obs: Observation, chunk: ActionChunk, subgoal: Subgoal, acted: bool) -> F64:
    """The cues f64 (9,) in the order of :data:`FEATURES`; ``height`` of the hand above the base in [dm],
    ``acted`` from :class:`Fingers`."""
    reached = min(max(chunk.reached if chunk.reached is not None else 0.5, 1e-4), 1 - 1e-4)
    motion = float(np.linalg.norm(chunk.actions[-1, :3]) + 0.1 * np.linalg.norm(chunk.actions[-1, 3:6]))
    return np.array(
        [
            float(np.log(reached / (1 - reached))),
            chunk.progress if chunk.progress is not None else 0.0,
            min(motion, 0.2) * 10,
            goal_distance(obs, subgoal) * 10,
            obs.gripper,
            float(chunk.actions[0, -1]),
            float(obs.gripper_command),
            float(obs.ee_pose.position[2]) * 10,
            float(acted),
        ]
    )


class CalibratedSwitcher:
    """The switcher of this module. It keeps state between calls of :meth:`reset`."""

    def __init__(self, config: SwitcherConfig | None = None) -> None:
        self.config = config or SwitcherConfig()
        self._weights = np.array(self.config.weights)
        self._subgoal: Subgoal | None = None

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> CalibratedSwitcher:
        """The switcher in ``folder``.

        Raises:
            ConfigError: ``switcher.json`` is missing or malformed.
        """
        path = Path(folder) / "switcher.json"
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            return cls(SwitcherConfig(**{**data, "weights": tuple(data["weights"])}))
        except (OSError, LookupError, TypeError, ValueError, ArithmeticError, RecursionError) as error:
            raise ConfigError(f"switcher: {path}: {describe(error)}") from error

    def save_pretrained(self, folder: str | Path) -> None:
        """Write ``switcher.json`` to ``folder``."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        (Path(folder) / "switcher.json").write_text(json.dumps(asdict(self.config), indent=1) + "\n")

    def reset(self, subgoal: Subgoal, start_stamp_ns: int) -> None:
        """A new subgoal starts at ``start_stamp_ns``."""
        self._subgoal, self._start = subgoal, start_stamp_ns
        self._best, self._best_stamp, self._count = 0.0, start_stamp_ns, 0
        self._fingers = Fingers()

    def judge(self, obs: Observation, chunk: ActionChunk) -> Progress:
        """How the subtask stands.

        Raises:
            InvalidValueError: :meth:`reset` was never called.
        """
        if self._subgoal is None:
            raise InvalidValueError("switcher: judge before reset")
        config = self.config
        cues = features(obs, chunk, self._subgoal, self._fingers.look(obs))
        logit = float(cues @ self._weights + config.bias)
        probability = 1 / (1 + np.exp(-np.clip(logit, -30, 30)))
        fraction = float(min(1.0, max(0.0, chunk.progress if chunk.progress is not None else probability)))
        self._count = self._count + 1 if probability > config.threshold else 0
        if self._count >= config.patience:
            return Progress(State.REACHED, 1.0, f"reached with probability {probability:.2f}", Cause.REACHED)
        if fraction > self._best + config.min_gain:
            self._best, self._best_stamp = fraction, obs.stamp_ns
        elapsed, stalled = (obs.stamp_ns - self._start) * 1e-9, (obs.stamp_ns - self._best_stamp) * 1e-9
        if elapsed > config.timeout_s:
            reason = f"not reached within {config.timeout_s:g} s"
            return Progress(State.TIMED_OUT, fraction, reason, Cause.OUT_OF_TIME)
        if stalled > config.stall_s:
            reason = f"no progress beyond {self._best:.2f} for {config.stall_s:g} s"
            return Progress(State.FAILED, fraction, reason, Cause.NO_PROGRESS)
        return Progress(State.RUNNING, fraction)
