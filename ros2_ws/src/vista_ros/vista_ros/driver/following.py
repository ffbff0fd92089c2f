"""How the controllers of ros2_control follow commands. No ROS here: numbers and rules."""

from __future__ import annotations

import threading
from enum import StrEnum

import numpy as np

from vista.errors import InvalidValueError
from vista.types import F64, RobotSpec
from vista_ros.conversions.commands import ArmPoints

REACHED = 0.03
"""A gripper within this share of its travel is at its goal."""
STILL_PER_S = 0.02
"""A gripper whose opening changes more slowly [1/s] stands still."""
STALLED_S = 1.0
"""A gripper that stands still for so long [s] before its goal holds something."""


class _Spline:
    """Points by time: cubic between two that have velocities, else straight. Before the first and after the
    last one it stands still."""

    def __init__(self, times: F64, points: F64, speeds: F64 | None) -> None:
        self.times, self.points, self.speeds = times, points, speeds

    def at(self, time_s: float) -> tuple[F64, F64]:
        """Position and velocity (n,) at ``time_s``."""
        end = int(np.searchsorted(self.times, time_s, side="right"))
        if end == 0 or end == len(self.times):
            return self.points[min(end, len(self.times) - 1)], np.zeros(self.points.shape[1])
        start, stop = self.points[end - 1], self.points[end]
        span = self.times[end] - self.times[end - 1]
        s = (time_s - self.times[end - 1]) / span
        if self.speeds is None:
            return start + (stop - start) * s, (stop - start) / span
        v0, v1 = self.speeds[end - 1] * span, self.speeds[end] * span
        far = stop - start
        position = start + v0 * s + (3 * far - 2 * v0 - v1) * s**2 + (v0 + v1 - 2 * far) * s**3
        slope = v0 + 2 * (3 * far - 2 * v0 - v1) * s + 3 * (v0 + v1 - 2 * far) * s**2
        return position, slope / span


class CommandFollower:
    """The targets of arm and gripper, by the rules of ``joint_trajectory_controller`` (a new trajectory
    replaces the last one from where that is; what lies in the past is left out) and of the forward command
    controller. Safe from any thread.

    ``now_s`` is the driver's own time in all calls [s].
    """

    def __init__(self, spec: RobotSpec, now_s: float, joints: F64, opening: float) -> None:
        self._spec, self._lock = spec, threading.Lock()
        self._arm = _Spline(np.array([now_s]), np.array(joints, np.float64)[None], None)
        self._gripper = _Spline(np.array([now_s]), np.array([[opening]]), None)

    def move(self, told: ArmPoints, now_s: float, start_s: float | None = None) -> None:
        """Follow ``told``, which begins at ``start_s``, by default now.

        Raises:
            InvalidValueError: what the controller refuses; the last command goes on.
        """
        self._refuse(told, now_s, start_s)
        with self._lock:
            here, speed = self._arm.at(now_s)
            begin = now_s if start_s is None else start_s
            due = begin + told.due_s
            ahead = due > now_s
            if not ahead.any():  # one that is due at once: a forward controller
                self._arm = _Spline(np.array([now_s]), told.rows[-1:], None)
                return
            times = np.concatenate([[now_s], due[ahead]])
            points = np.concatenate([here[None], told.rows[ahead]])
            speeds = None if told.speeds is None else np.concatenate([speed[None], told.speeds[ahead]])
            self._arm = _Spline(times, points, speeds)

    def _refuse(self, told: ArmPoints, now_s: float, start_s: float | None) -> None:
        if len(told.due_s) == 0:
            raise InvalidValueError("an empty trajectory, expected at least one point")
        if len(told.due_s) > 1 and not (np.diff(told.due_s) > 0.0).all():
            raise InvalidValueError(f"points due at {told.due_s.tolist()} s, expected rising times")
        if start_s is not None and start_s + told.due_s[-1] < now_s:
            late = now_s - start_s - told.due_s[-1]
            raise InvalidValueError(f"a trajectory that ended {late:.2f} s ago")
        if told.speeds is not None and np.abs(told.speeds[-1]).max() > 1e-6:
            raise InvalidValueError("a trajectory that ends in motion, expected velocity 0 at its last point")

    def grip(self, openings: F64, due_s: F64, now_s: float) -> None:
        """Have the gripper at ``openings`` (T,) [0, 1]; each holds from the one before until it is due."""
        with self._lock:
            here = self._next_opening(now_s)
            times = now_s + np.concatenate([[0.0], due_s])
            self._gripper = _Spline(times, np.concatenate([[here], openings])[:, None], None)

    def targets(self, now_s: float) -> tuple[F64, float]:
        """Joints (J,) [rad] and opening [0, 1] that are to be had at ``now_s``."""
        with self._lock:
            return self._arm.at(now_s)[0], self._next_opening(now_s - 1e-6)

    def _next_opening(self, now_s: float) -> float:
        index = int(np.searchsorted(self._gripper.times, now_s, side="left"))
        return float(self._gripper.points[min(index, len(self._gripper.points) - 1), 0])


class GripperEnd(StrEnum):
    """How a goal of a gripper ended."""

    REACHED = "reached"
    STALLED = "stalled"


class GripperGoalWatch:
    """Whether a goal of a gripper's action has been reached, or is held up by a thing."""

    def __init__(self, opening: float, now_s: float) -> None:
        self._opening, self._moved_s = opening, now_s

    def ended(self, now_s: float, opening: float, rate: float) -> GripperEnd | None:
        """``opening`` [0, 1] and ``rate`` [1/s] as they are measured at ``now_s``."""
        if abs(opening - self._opening) <= REACHED:
            return GripperEnd.REACHED
        if abs(rate) > STILL_PER_S:
            self._moved_s = now_s
        return GripperEnd.STALLED if now_s - self._moved_s >= STALLED_S else None
