"""Latency compensation: action chunks of a slow policy are joined so that the arm moves smoothly.

A policy can need longer than a control step. Then the arm either waits for every chunk (*synchronous*), or
the next chunk is planned while the arm still executes the last one (*asynchronous*). An asynchronous chunk is
partly in the past when it arrives, and its other rows may contradict the motion of the arm. Real-time
chunking (Black, Galliker, Levine, arXiv 2506.07339) freezes the rows that are over by then, and samples the
other rows of a flow policy so that they fit. A policy that regresses its chunk cannot be sampled again. Here
four things take the place of sampling:

* the policy plans from the pose that the arm will have when the chunk arrives (VLASH, arXiv 2512.01031);
* the rows after the frozen ones fade from the old plan to the new one;
* the arm slows down towards the end of a plan, the more the later plans arrive;
* the fingers move only by plans that were made while the arm was at rest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from vista.errors import InvalidValueError
from vista.protocols import Policy
from vista.robot.gripper import is_open
from vista.robot.kinematics import delta_to_matrix, matrix_to_delta, matrix_to_pose, pose_to_matrix
from vista.types import F32, F64, ActionChunk, ActionSpace, Observation, Subgoal

FADE_ROWS = 3
BRAKING_S, CREEP_M = 0.3, 0.008
"""In one row the arm covers at most dt / (latency + ``BRAKING_S`` [s]) of the way that a late plan has left;
a step of ``CREEP_M`` [m] is always allowed."""
EXECUTE_ROWS = 4
"""Rows of a chunk that the arm executes before the policy plans again."""
CONTROL_S = 0.1
MOST_LATENCY_S = 60.0
FINGERS_NS = 200_000_000  # fingers that close have met the thing between them by then
# An arm that will have moved less than this by the time a plan arrives is at rest: its images are still true.
_REST_M, _REST_RAD = 0.006, 0.06


def _check_latency(latency_s: float) -> None:
    if not 0 <= latency_s <= MOST_LATENCY_S:  # NaN is not either
        raise InvalidValueError(f"LatePolicy: latency_s {latency_s}, expected 0 to {MOST_LATENCY_S:g} s")


def rows_when_late(latency_s: float) -> int:
    """Rows of a chunk to execute where the next one arrives ``latency_s`` [s] later: at most until it
    arrives, since a longer plan rests on older images.

    Raises:
        InvalidValueError: a latency below 0, or none.
    """
    _check_latency(latency_s)
    return min(EXECUTE_ROWS, max(2, round(latency_s / CONTROL_S)))


def late_policy(latency_s: float, **how: bool) -> tuple[Callable[[Policy], Policy], int]:
    """A wrapper that adds ``latency_s`` [s] to a policy, and the number of rows to execute of its chunks.

    ``how``: as for :class:`LatePolicy`, and ``fades``. Without latency the wrapper changes nothing.
    """
    _check_latency(latency_s)
    if latency_s == 0:
        return (lambda policy: policy), EXECUTE_ROWS

    def wrap(policy: Policy) -> Policy:
        fade_rows = FADE_ROWS if how.get("fades", True) else 0
        return LatePolicy(
            policy, latency_s, fade_rows=fade_rows, **{k: v for k, v in how.items() if k != "fades"}
        )

    if how.get("waits"):
        return wrap, EXECUTE_ROWS + int(np.ceil(latency_s / CONTROL_S - 1e-9))
    return wrap, rows_when_late(latency_s)


@dataclass(frozen=True, slots=True)
class _Plan:
    """Hand poses (N, 4, 4) in the base frame and gripper (N,), row k due at ``start_ns`` + (k + 1) dt."""

    poses: F64
    gripper: F64
    start_ns: int
    dt_ns: int

    def at(self, due_ns: int) -> tuple[F64, float]:
        """Pose and gripper that are due then; those of the last row once the plan is over."""
        row = round((due_ns - self.start_ns) / self.dt_ns) - 1
        row = min(max(0, row), len(self.poses) - 1)
        return self.poses[row], float(self.gripper[row])


def _blend(old: F64, new: F64, weight: float) -> F64:
    """The pose (4, 4) that is ``weight`` [0, 1] of the way from ``old`` to ``new``."""
    return np.asarray(old @ delta_to_matrix(weight * matrix_to_delta(np.linalg.inv(old) @ new)))


def _braked(actions: F32, share: float) -> F32:
    """``actions`` (N, 7) at a lower speed: each row covers at most ``share`` of the way that is left.

    A hand that descends at full speed by images of half a second ago misses the thing before it sees so.
    """
    rows = actions.astype(np.float64)
    path = np.concatenate([np.zeros((1, 7)), rows])
    path[0, 6] = rows[0, 6]
    out, at = np.empty_like(rows), 0.0

    def where(s: float) -> F64:
        low = min(int(s), len(rows))
        high = min(low + 1, len(rows))
        return np.asarray(path[low] + (s - low) * (path[high] - path[low]))

    for k in range(len(rows)):
        here = where(at)
        most = max(CREEP_M, share * float(np.linalg.norm(path[-1, :3] - here[:3])))
        step = next(
            (
                d
                for d in (1.0, 0.8, 0.6, 0.4, 0.3, 0.2)
                if np.linalg.norm(where(at + d)[:3] - here[:3]) <= most
            ),
            0.1,
        )
        at = min(at + step, float(len(rows)))
        out[k] = where(at)
        out[k, 6] = path[max(1, int(at)), 6]
    return out.astype(np.float32)


def _moves(obs: Observation, ahead: Observation) -> bool:
    """Whether the arm goes on moving between ``obs`` and ``ahead``, where it will be."""
    here, there = pose_to_matrix(obs.ee_pose), pose_to_matrix(ahead.ee_pose)
    delta = matrix_to_delta(np.linalg.inv(here) @ there)
    return bool(np.linalg.norm(delta[:3]) > _REST_M or np.linalg.norm(delta[3:]) > _REST_RAD)


def _until_fingers_move(actions: F32, gripper: float) -> F32:
    """``actions`` (N, 7) up to the first row that would move fingers that were told ``gripper``; from there
    on the arm stays where it is."""
    changed = np.flatnonzero(np.abs(actions[:, 6] - gripper) > 0.5)
    if len(changed) == 0:
        return actions
    kept = actions.copy()
    first = int(changed[0])
    kept[first:] = kept[first - 1] if first else 0.0
    kept[first:, 6] = gripper
    return kept


class LatePolicy:
    """A policy whose chunks arrive ``latency_s`` [s] of robot time after their observation.

    The arm holds still until the first chunk arrives. One chunk is in flight at a time. The policy's own
    progress counts from the arrival of its chunk. After the fingers were told to move it does not count until
    a plan arrives whose images show the moved fingers: before, a hand that is about to grasp looks like a
    hand that has grasped. The action space is EE_DELTA.

    Args:
        waits: Synchronous: the arm holds still until the chunk arrives, and executes it from its first row.
        fade_rows: Rows over which a new plan takes over from the old one; 0: at once.
        foresees: The policy plans from the pose that the arm will have when the chunk arrives, with the
            current images (VLASH, arXiv 2512.01031). None of the rows is missed.
        settles: The fingers move only by a plan that was made at rest, or while the arm was blocked. A plan
            of a moving arm ends before it would open or close them, and the arm looks again from there.
        brakes: The arm slows down towards the end of a plan, the more the later plans arrive.

    Raises:
        InvalidValueError: a latency below 0, or another action space.
    """

    def __init__(
        self,
        policy: Policy,
        latency_s: float,
        *,
        waits: bool = False,
        fade_rows: int = FADE_ROWS,
        foresees: bool = True,
        settles: bool = True,
        brakes: bool = True,
    ) -> None:
        _check_latency(latency_s)
        if fade_rows < 0:
            raise InvalidValueError(f"LatePolicy: fade_rows {fade_rows}, expected 0 or more")
        if policy.action_space is not ActionSpace.EE_DELTA:
            raise InvalidValueError(f"LatePolicy: {policy.action_space} chunks, expected EE_DELTA")
        self._policy, self._latency_ns = policy, round(latency_s * 1e9)
        self._waits, self._fade = waits, fade_rows
        self._foresees, self._settles, self._brakes = foresees, settles, brakes
        self.reset()

    @property
    def action_space(self) -> ActionSpace:
        return self._policy.action_space

    def reset(self) -> None:
        """A new subgoal: plans for the last one are dropped."""
        self._policy.reset()
        self._plan: _Plan | None = None
        self._coming: ActionChunk | None = None
        self._heard: ActionChunk | None = None
        self._told: bool | None = None
        self._looked: Observation | None = None
        self._acted_ns = 0

    def predict_chunk(self, obs: Observation, subgoal: Subgoal) -> ActionChunk:
        """The next rows: of the current plan until the next one arrives, then of that one."""
        if self._waits:
            return self._wait(obs, subgoal)
        if self._told is not None and self._told != is_open(obs):
            self._acted_ns = obs.stamp_ns + FINGERS_NS
        self._told = is_open(obs)
        self._hear(obs.stamp_ns)
        if self._coming is None:
            ahead = self._foreseen(obs)
            start = ahead if self._foresees else obs
            self._coming = self._policy.predict_chunk(start, subgoal)
            chunk = self._coming
            if self._brakes and self._latency_ns > 0:
                share = chunk.dt_s / (self._latency_ns * 1e-9 + BRAKING_S)
                chunk = replace(chunk, actions=_braked(chunk.actions, share))
            if self._settles and _moves(obs, ahead) and not self._blocked(obs):
                kept = _until_fingers_move(chunk.actions, ahead.gripper_command)
                chunk = replace(chunk, actions=kept)
            self._plan = self._joined(chunk, obs, start)
            self._hear(obs.stamp_ns)
        shape = self._coming or self._heard
        assert shape is not None
        assert self._plan is not None
        inverse, now = np.linalg.inv(pose_to_matrix(obs.ee_pose)), obs.stamp_ns
        rows = []
        for k in range(len(shape.actions)):
            pose, grip = self._plan.at(now + (k + 1) * self._plan.dt_ns)
            rows.append(np.append(matrix_to_delta(inverse @ pose), grip))
        saw = self._heard is not None and self._heard.start_stamp_ns >= self._acted_ns
        progress, reached = (
            (self._heard.progress, self._heard.reached) if self._heard and saw else (None, None)
        )
        return ActionChunk(np.array(rows, np.float32), shape.dt_s, shape.space, now, progress, reached)

    def _blocked(self, obs: Observation) -> bool:
        """Whether the arm is blocked: the current plan should have moved it since the last plan, and it
        stands. Its images are up to date then."""
        before, self._looked = self._looked, obs
        if before is None or before is obs or self._plan is None or _moves(before, obs):
            return False
        there, _ = self._plan.at(obs.stamp_ns)
        return _moves(obs, replace(obs, ee_pose=matrix_to_pose(there, obs.ee_pose.frame)))

    def _hear(self, now: int) -> None:
        if self._coming is not None and self._coming.start_stamp_ns + self._latency_ns <= now:
            self._heard, self._coming = self._coming, None

    def _foreseen(self, obs: Observation) -> Observation:
        """``obs`` with the pose and the gripper that the current plan leads to by the time of arrival."""
        if self._plan is None or self._latency_ns == 0:
            return obs
        pose, gripper = self._plan.at(obs.stamp_ns + self._latency_ns)
        return replace(obs, ee_pose=matrix_to_pose(pose, obs.ee_pose.frame), gripper_command=gripper)

    def _joined(self, chunk: ActionChunk, obs: Observation, start: Observation) -> _Plan:
        """The current plan, with ``chunk`` (planned from ``start``) taking over when it arrives."""
        here, dt_ns = pose_to_matrix(start.ee_pose), round(chunk.dt_s * 1e9)
        late = int(np.ceil(self._latency_ns / dt_ns - 1e-9))
        poses, gripper = [], []
        # An arm that held still until now has missed nothing: its first plan runs from the first row.
        missed = late if self._plan is not None and not self._foresees else 0
        for k in range(late + max(len(chunk.actions), self._fade + 1)):
            row = chunk.actions[min(max(0, k - late + missed), len(chunk.actions) - 1)].astype(np.float64)
            target, grip = here @ delta_to_matrix(row[:6]), float(row[6])
            before = self._plan.at(obs.stamp_ns + (k + 1) * dt_ns) if self._plan is not None else None
            if k < late:
                target, grip = before if before is not None else (here, obs.gripper_command)
            elif before is not None:
                weight = min(1.0, (k - late + 1) / (self._fade + 1))
                target = _blend(before[0], target, weight)
                grip = grip if weight >= 0.5 else before[1]
            poses.append(target)
            gripper.append(grip)
        return _Plan(np.stack(poses), np.array(gripper), obs.stamp_ns, dt_ns)

    def _wait(self, obs: Observation, subgoal: Subgoal) -> ActionChunk:
        chunk = self._policy.predict_chunk(obs, subgoal)
        still = np.zeros((self.waiting_rows(chunk.dt_s), 7), np.float32)
        still[:, 6] = obs.gripper_command
        rows = np.concatenate([still, chunk.actions])
        return ActionChunk(rows, chunk.dt_s, chunk.space, obs.stamp_ns, chunk.progress, chunk.reached)

    def waiting_rows(self, dt_s: float) -> int:
        """Rows of ``dt_s`` [s] for which a synchronous arm holds still before each chunk."""
        return int(np.ceil(self._latency_ns * 1e-9 / dt_s - 1e-9)) if self._waits else 0
