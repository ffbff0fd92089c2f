"""Small, deterministic stand-ins for every protocol; pure numpy, no physics, no learning.

The mock arm is a point: its end effector goes exactly where a chunk says, row by row. That is enough to
see in a test what was sent, when, and what the loop made of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from vista.errors import RobotStoppedError, StaleObservationError
from vista.perception import DetectorBase
from vista.robot.rotations import from_quat
from vista.types import (
    U8,
    ActionChunk,
    ActionSpace,
    CameraSpec,
    Cause,
    Decision,
    Detection,
    Done,
    EndEffector,
    GripperSpec,
    Grounding,
    Impossible,
    JointSpec,
    ObjectKind,
    Observation,
    Pose,
    Progress,
    RobotSpec,
    State,
    Subgoal,
    Subtask,
    SubtaskResult,
    Verdict,
)

CAMERAS = ("front", "wrist")
SIZE = 32
# A hand that points down: what is forward in the hand frame is not forward in the base frame.
DOWN = np.array([0.0, 1.0, 0.0, 0.0])


def mock_spec(action_space: ActionSpace = ActionSpace.EE_DELTA, joints: int = 3) -> RobotSpec:
    """A contract with ``joints`` joints, two cameras, 10 Hz and a box of workspace."""
    pose = Pose(np.zeros(3), np.array([1.0, 0, 0, 0]))
    K = np.array([[SIZE, 0, SIZE / 2], [0, SIZE, SIZE / 2], [0, 0, 1.0]])
    return RobotSpec(
        name="mock",
        joints=tuple(JointSpec(f"joint{i + 1}", -2.0, 2.0, 2.0) for i in range(joints)),
        gripper=GripperSpec("finger", 0.04, 0.0, 0.08),
        home=np.zeros(joints),
        workspace=np.array([[0.2, -0.4, 0.0], [0.8, 0.4, 0.6]]),
        cameras={name: CameraSpec(name, SIZE, SIZE, K, pose) for name in CAMERAS},
        action_space=action_space,
        control_hz=10.0,
        kinematics="",
        end_effector=EndEffector("ee"),
    )


def picture(position: np.ndarray, size: int = SIZE) -> U8:
    """An image in which the place of the hand can be read off: a white dot on grey."""
    image = np.full((size, size, 3), 90, np.uint8)
    row, column = (int(np.clip(v, 0, 0.999) * size) for v in (position[0], position[1] + 0.5))
    image[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2] = 255
    return image


class MockRobot:
    """A lockstep arm whose hand follows each chunk exactly. ``sent`` keeps every chunk it took.

    ``silent_after`` observations the camera is gone: ``observe`` raises.
    """

    lockstep = True

    def __init__(
        self, action_space: ActionSpace = ActionSpace.EE_DELTA, silent_after: int | None = None
    ) -> None:
        self._spec = mock_spec(action_space)
        self.silent_after, self.frozen = silent_after, False
        self.position, self.quat = np.array([0.5, 0.0, 0.3]), DOWN.copy()
        self.joints, self.gripper = self._spec.home.copy(), 1.0
        self.command, self.held = 1.0, 0.0  # what it was told; how far apart a held thing keeps it
        self.stamp_ns, self.observed = 1_000_000_000, 0
        self.sent: list[ActionChunk] = []
        self.causes: list[str] = []

    @property
    def spec(self) -> RobotSpec:
        return self._spec

    def observe(self, timeout_s: float = 1.0) -> Observation:
        if self.silent_after is not None and self.observed >= self.silent_after:
            raise StaleObservationError(f"no image from camera 'front' for {timeout_s:g} s")
        self.observed += 1
        return Observation(
            stamp_ns=self.stamp_ns,
            images={name: picture(self.position) for name in CAMERAS},
            joint_pos=self.joints,
            joint_vel=np.zeros(len(self.joints)),
            gripper=self.gripper,
            gripper_command=self.command,
            ee_pose=Pose(self.position, self.quat),
        )

    def send(self, chunk: ActionChunk) -> None:
        if self.causes:
            raise RobotStoppedError(f"the robot was stopped: {self.causes[0]}")
        self.sent.append(chunk)
        last = chunk.actions[-1].astype(np.float64)
        if chunk.space is ActionSpace.EE_DELTA:
            self.position = self.position + from_quat(self.quat) @ last[:3]
        else:
            self.joints = last[:-1]
        self.command = float(last[-1])
        self.gripper = max(self.command, self.held)
        if not self.frozen:
            self.stamp_ns += int(len(chunk.actions) * chunk.dt_s * 1e9)

    def stop(self, cause: str) -> None:
        self.causes.append(cause)


class MockPolicy:
    """Moves the hand straight to ``target`` (3,) in the base frame [m], at ``speed_m_s``."""

    def __init__(
        self, target: Sequence[float] = (0.6, 0.1, 0.2), rows: int = 8, speed_m_s: float = 0.4
    ) -> None:
        self.target, self.rows, self.speed_m_s = np.asarray(target, np.float64), rows, speed_m_s
        self.resets = 0

    @property
    def action_space(self) -> ActionSpace:
        return ActionSpace.EE_DELTA

    def reset(self) -> None:
        self.resets += 1

    def predict_chunk(self, obs: Observation, subgoal: Subgoal) -> ActionChunk:
        way = from_quat(obs.ee_pose.quat_wxyz).T @ (self.target - obs.ee_pose.position)
        length = float(np.linalg.norm(way))
        done = np.minimum(np.arange(1, self.rows + 1) * self.speed_m_s * 0.1 / max(length, 1e-9), 1.0)
        actions = np.zeros((self.rows, 7))
        actions[:, :3], actions[:, 6] = done[:, None] * way, 1.0
        return ActionChunk(
            actions, 0.1, self.action_space, obs.stamp_ns, float(np.exp(-4 * length)), float(length < 0.01)
        )


class MockSwitcher:
    """Believes the policy's own ``reached``; times out after ``limit_s`` of robot time."""

    def __init__(self, limit_s: float = 20.0) -> None:
        self.limit_s, self._start_ns = limit_s, 0

    def reset(self, subgoal: Subgoal, start_stamp_ns: int) -> None:
        self._start_ns = start_stamp_ns

    def judge(self, obs: Observation, chunk: ActionChunk) -> Progress:
        if (chunk.reached or 0.0) > 0.5:
            return Progress(State.REACHED, 1.0, "the policy says so", Cause.REACHED)
        fraction = min(1.0, max(0.0, chunk.progress or 0.0))
        if (obs.stamp_ns - self._start_ns) * 1e-9 > self.limit_s:
            reason = f"not reached within {self.limit_s:g} s"
            return Progress(State.TIMED_OUT, fraction, reason, Cause.OUT_OF_TIME)
        return Progress(State.RUNNING, fraction)


class MockGuard:
    """Lets everything through, or gives the verdicts it was told to give, one after the other."""

    def __init__(self, *verdicts: tuple[Decision, str]) -> None:
        self.verdicts, self.asked = list(verdicts), 0

    def reset(self) -> None: ...

    def check(self, chunk: ActionChunk, obs: Observation) -> Verdict:
        self.asked += 1
        decision, reason = self.verdicts.pop(0) if self.verdicts else (Decision.ALLOW, "")
        blocked = decision in (Decision.HOLD, Decision.STOP)
        return Verdict(decision, "mock", reason, None if blocked else chunk)


class MockPlanner:
    """Goes through ``steps`` and is Done after the last; a new plan starts at the step that failed."""

    def __init__(self, *steps: str, answer: Done | Impossible | None = None) -> None:
        self.steps, self.answer = steps, answer or Done("all steps are done")
        self.at, self.resets, self.heard = 0, 0, [[]]  # type: ignore[var-annotated]
        self.ended: list[SubtaskResult | None] = []

    def reset(self) -> None:
        self.resets += 1
        if self.resets > 1:
            self.at = max(0, self.at - 1)

    def next(
        self,
        obs: Observation,
        instruction: str,
        recall: Sequence[object],
        last: SubtaskResult | None = None,
    ) -> Subtask | Done | Impossible:
        self.ended.append(last)
        self.heard.append([item.text for item in recall])  # type: ignore[attr-defined]
        if self.at >= len(self.steps):
            return self.answer
        self.at += 1
        return Subtask.said(self.steps[self.at - 1], self.at - 1)


class MockCritic:
    """Rejects the subtasks it is given, once each; ``reviewed`` keeps what it was asked."""

    def __init__(self, *rejects: str) -> None:
        self.rejects, self.reviewed = list(rejects), []  # type: ignore[var-annotated]

    def review(
        self, obs: Observation, instruction: str, subtask: Subtask, recall: Sequence[object]
    ) -> str | None:
        self.reviewed.append(subtask.text)
        if subtask.text in self.rejects:
            self.rejects.remove(subtask.text)
            return "not yet"
        return None


class MockWorldModel:
    """Imagines the current image, brighter. ``scores`` of the first samples can be given."""

    def __init__(self, *scores: float) -> None:
        self.scores, self.seeds = list(scores), []  # type: ignore[var-annotated]
        self.groundings: list[Grounding | None] = []

    def imagine(
        self, obs: Observation, subtask: Subtask, seed: int = 0, grounding: Grounding | None = None
    ) -> Subgoal:
        self.seeds.append(seed)
        self.groundings.append(grounding)
        rng = np.random.default_rng(seed)
        noise = rng.integers(20, 60, (SIZE, SIZE, 3)).astype(np.uint8)
        images = {name: np.minimum(im, 190) + noise for name, im in obs.images.items()}
        return Subgoal(subtask, images, self.scores.pop(0) if self.scores else 0.9, seed, obs.stamp_ns)


class MockDetector(DetectorBase):
    """Always sees ``names``, on a row; a tray is a container."""

    def __init__(self, *names: str) -> None:
        self.names = names or ("blue mug", "tray")

    def detect(self, obs: Observation) -> Sequence[Detection]:
        return [
            Detection(
                name, 0.9, np.array([0.1, 0.1, 0.2, 0.2]), np.array([0.5, 0.1 * i, 0.0]), 0.01,
                kind=ObjectKind.CONTAINER if name.endswith("tray") else ObjectKind.THING,
            )
            for i, name in enumerate(self.names)
        ]  # fmt: skip


@dataclass(frozen=True)
class MockItem:
    """One recalled item."""

    text: str
    kind: str
    score: float


@dataclass(frozen=True)
class MockNote:
    """One note."""

    kind: str
    text: str
    stamp_ns: int
    entities: tuple[str, ...] = ()
    position: tuple[float, float, float] | None = None
    triple: tuple[str, str, str] | None = None
    confidence: float = 1.0
    source: str = ""
    run: int = 0
    step: tuple[str, str, str, str, str] | None = None


class MockMemory:
    """Keeps notes in a list; recalls those that share most words with the queries."""

    def __init__(self) -> None:
        self.notes: list[MockNote] = []
        self.runs = 0

    def note(self, kind: str, text: str, stamp_ns: int, **fields: Any) -> MockNote:
        return MockNote(kind, text, stamp_ns, **fields)

    def begin_run(self, start_ns: int) -> int:
        self.runs += 1
        return self.runs

    def remember(self, notes: Sequence[MockNote]) -> None:
        self.notes.extend(notes)

    def recall(self, queries: Sequence[str], *, k: int = 5, timeout_s: float = 1.0) -> Sequence[MockItem]:
        wanted = set(" ".join(queries).lower().split())
        items = [
            MockItem(n.text, n.kind, len(wanted & set(n.text.lower().split())) / max(1, len(wanted)))
            for n in self.notes
        ]
        return sorted((i for i in items if i.score > 0), key=lambda i: -i.score)[:k]


class Cancel:
    """A ``should_stop`` that has a cause from the ``at``-th call on."""

    def __init__(self, at: int = 0, cause: str = "cancelled by the user") -> None:
        self.left, self.cause = at, cause

    def __call__(self) -> str | None:
        self.left -= 1
        return self.cause if self.left < 0 else None


def broken(chunk: ActionChunk) -> ActionChunk:
    """``chunk`` with a NaN that its own checks did not see: what a corrupted buffer looks like."""
    bad = replace(chunk)
    actions = chunk.actions.copy()
    actions[0, 0] = np.nan
    object.__setattr__(bad, "actions", actions)
    return bad


def wrap(method: Callable[..., object], before: Callable[[], None]) -> Callable[..., object]:
    """``method`` with something that happens first."""

    def run(*args: object, **kwargs: object) -> object:
        before()
        return method(*args, **kwargs)

    return run
