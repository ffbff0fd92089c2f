"""The words everybody shares: frozen, validated values that cross the seams of the stack.

Only numpy and the standard library are used here. Arrays are copied into read-only form when a value
is built, so a value that was valid stays valid. Frames: ``base`` is the robot's base frame, ``hand``
the end-effector frame between the finger pads (z along the fingers, y along the closing direction).
Units: m, rad, s unless the name says otherwise. Quaternions are w x y z.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vista.errors import InvalidValueError, NonFiniteActionError

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
I64 = NDArray[np.int64]
F64 = NDArray[np.float64]


def _array(name: str, value: object, dtype: type, shape: tuple[int | None, ...]) -> NDArray[Any]:
    """Return ``value`` as a read-only copy of ``dtype``, checked against ``shape`` (None: any size)."""
    try:
        out: NDArray[Any] = np.array(value, dtype=dtype)
    except (TypeError, ValueError) as error:
        raise InvalidValueError(f"{name}: not an array of {np.dtype(dtype).name}: {error}") from error
    if out.ndim != len(shape) or any(w not in (None, g) for w, g in zip(shape, out.shape, strict=True)):
        want = "(" + ", ".join("any" if s is None else str(s) for s in shape) + ")"
        raise InvalidValueError(f"{name}: shape {out.shape}, expected {want}")
    if out.dtype.kind == "f" and not np.isfinite(out).all():
        raise InvalidValueError(f"{name}: holds NaN or infinity")
    out.setflags(write=False)
    return out


def _set(obj: object, name: str, value: object) -> None:
    object.__setattr__(obj, name, value)


def check_image(name: str, image: object) -> U8:
    """Return ``image`` as a read-only u8 (H, W, 3) RGB array.

    Raises:
        InvalidValueError: another dtype or shape; both are named.
    """
    if not isinstance(image, np.ndarray):
        raise InvalidValueError(f"{name}: {type(image).__name__}, expected a uint8 array (H, W, 3) RGB")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise InvalidValueError(
            f"{name}: dtype {image.dtype}, shape {image.shape}; expected uint8 (H, W, 3) RGB"
        )
    if image.flags.writeable:
        image = image.copy()
        image.setflags(write=False)
    return image


@dataclass(frozen=True, slots=True)
class Pose:
    """A pose in a named frame: ``position`` f64 (3,) [m], ``quat_wxyz`` f64 (4,) of unit norm."""

    position: F64
    quat_wxyz: F64
    frame: str = "base"

    def __post_init__(self) -> None:
        _set(self, "position", _array("Pose.position", self.position, np.float64, (3,)))
        quat = _array("Pose.quat_wxyz", self.quat_wxyz, np.float64, (4,))
        norm = float(np.linalg.norm(quat))
        if abs(norm - 1.0) > 1e-3:
            raise InvalidValueError(f"Pose.quat_wxyz: norm {norm:.4f}, expected 1")
        _set(self, "quat_wxyz", _array("Pose.quat_wxyz", quat / norm, np.float64, (4,)))


@dataclass(frozen=True, slots=True)
class CameraSpec:
    """One camera of a robot.

    ``K`` f64 (3, 3) pinhole intrinsics [px] at ``width`` x ``height``; ``pose`` of the camera in frame
    ``base`` (fixed) or ``hand`` (mounted); optical convention: z forward, x right, y down.
    """

    name: str
    width: int
    height: int
    K: F64
    pose: Pose

    def __post_init__(self) -> None:
        if self.width <= 0 or self.height <= 0:
            raise InvalidValueError(f"camera {self.name}: size {self.width} x {self.height}, expected > 0")
        _set(self, "K", _array(f"camera {self.name}: K", self.K, np.float64, (3, 3)))


class ActionSpace(StrEnum):
    """How the rows of an :class:`ActionChunk` are read.

    ``EE_DELTA`` (A = 7): translation [m], rotation vector [rad], gripper [0 closed, 1 open]; row t is the
    target pose relative to the measured pose at ``start_stamp_ns``, in the hand frame (cumulative).
    ``JOINT_POSITION`` (A = J + 1): joint positions [rad], gripper last.
    """

    EE_DELTA = "ee_delta"
    JOINT_POSITION = "joint_position"


@dataclass(frozen=True, slots=True)
class RobotSpec:
    """What a robot is, from its contract (``config/robots/*.yaml``); known while disconnected.

    ``joint_lower``, ``joint_upper`` f64 (J,) [rad]; ``joint_velocity`` f64 (J,) [rad/s];
    ``home`` f64 (J,) [rad]; ``workspace`` f64 (2, 3): lower and upper corner of the end effector in
    the base frame [m]; ``gripper_width_m``: opening of the fully open gripper; ``control_hz``: rate
    of the rows of a chunk; ``kinematics``: path of the MJCF file with the arm's kinematics;
    ``topics``: ROS names of this arm, read by the ROS side only.
    """

    name: str
    joint_names: tuple[str, ...]
    gripper_joint: str
    gripper_width_m: float
    joint_lower: F64
    joint_upper: F64
    joint_velocity: F64
    home: F64
    workspace: F64
    cameras: Mapping[str, CameraSpec]
    action_space: ActionSpace
    control_hz: float
    kinematics: str
    ee_site: str
    base_frame: str = "base"
    topics: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n = len(self.joint_names)
        for name in ("joint_lower", "joint_upper", "joint_velocity", "home"):
            _set(self, name, _array(f"RobotSpec.{name}", getattr(self, name), np.float64, (n,)))
        _set(self, "workspace", _array("RobotSpec.workspace", self.workspace, np.float64, (2, 3)))
        if not (self.joint_lower < self.joint_upper).all():
            raise InvalidValueError("RobotSpec: joint_lower must be below joint_upper for every joint")
        if self.control_hz <= 0:
            raise InvalidValueError(f"RobotSpec.control_hz: {self.control_hz}, expected > 0")
        _set(self, "cameras", MappingProxyType(dict(self.cameras)))
        _set(self, "topics", MappingProxyType(dict(self.topics)))


@dataclass(frozen=True, slots=True)
class Observation:
    """What the robot senses at ``stamp_ns`` [ns, robot clock].

    ``images`` {camera: u8 (H, W, 3) RGB}; ``depth`` {camera: f32 (H, W) [m], NaN invalid};
    ``joint_pos`` f32 (J,) [rad]; ``joint_vel`` f32 (J,) [rad/s]; ``gripper`` [0 closed, 1 open];
    ``gripper_command`` the last opening that was commanded, same scale; ``gripper_vel`` rate of the opening
    [1/s]; ``ee_pose`` in the base frame.
    """

    stamp_ns: int
    images: Mapping[str, U8]
    joint_pos: F32
    joint_vel: F32
    gripper: float
    ee_pose: Pose
    gripper_command: float = 1.0
    gripper_vel: float = 0.0
    depth: Mapping[str, F32] = field(default_factory=dict)

    def __post_init__(self) -> None:
        checked = {cam: check_image(f"Observation.images[{cam!r}]", im) for cam, im in self.images.items()}
        _set(self, "images", MappingProxyType(checked))
        _set(self, "joint_pos", _array("Observation.joint_pos", self.joint_pos, np.float32, (None,)))
        _set(self, "joint_vel", _array("Observation.joint_vel", self.joint_vel, np.float32, (None,)))
        if self.joint_pos.shape != self.joint_vel.shape:
            raise InvalidValueError(
                f"Observation: joint_pos {self.joint_pos.shape} and joint_vel {self.joint_vel.shape} differ"
            )
        for name in ("gripper", "gripper_command"):
            value = float(getattr(self, name))
            if not np.isfinite(value) or not -0.05 <= value <= 1.05:
                raise InvalidValueError(f"Observation.{name}: {value}, expected 0 (closed) to 1 (open)")
            _set(self, name, min(1.0, max(0.0, value)))
        _set(self, "depth", MappingProxyType(dict(self.depth)))


@dataclass(frozen=True, slots=True)
class Detection:
    """One object seen: ``box`` f32 (4,) x0 y0 x1 y1 as fractions of the image width and height;
    ``position`` f64 (3,) in the base frame [m] with ``sigma_m``, its standard deviation per axis."""

    label: str
    score: float
    box: F32
    position: F64
    sigma_m: float
    camera: str = "front"

    def __post_init__(self) -> None:
        if not 0.0 <= self.score <= 1.0:
            raise InvalidValueError(f"Detection.score: {self.score}, expected 0 to 1")
        _set(self, "box", _array("Detection.box", self.box, np.float32, (4,)))
        _set(self, "position", _array("Detection.position", self.position, np.float64, (3,)))


@dataclass(frozen=True, slots=True)
class Subtask:
    """One short sentence ("grasp the blue mug"), its index in the task, and what ends it, in words."""

    text: str
    index: int = 0
    until: str = ""

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise InvalidValueError("Subtask.text: empty, expected one short sentence")


@dataclass(frozen=True, slots=True)
class Done:
    """The planner's answer when nothing is left to do."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Impossible:
    """The planner's answer when the instruction can't be carried out; ``reason`` says what is seen."""

    reason: str


@dataclass(frozen=True, slots=True)
class Subgoal:
    """What the world should look like when ``subtask`` is done.

    ``images`` {camera: u8 (H, W, 3) RGB}, empty for a text-only goal; ``score`` [0, 1] from the verifier;
    ``seed`` of the sample that was kept; ``source_stamp_ns`` of the observation it was imagined from.
    """

    subtask: Subtask
    images: Mapping[str, U8]
    score: float
    seed: int
    source_stamp_ns: int

    def __post_init__(self) -> None:
        checked = {cam: check_image(f"Subgoal.images[{cam!r}]", im) for cam, im in self.images.items()}
        _set(self, "images", MappingProxyType(checked))
        if not 0.0 <= self.score <= 1.0:
            raise InvalidValueError(f"Subgoal.score: {self.score}, expected 0 to 1")


@dataclass(frozen=True, slots=True)
class ActionChunk:
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
        try:
            _set(self, "actions", _array("ActionChunk.actions", self.actions, np.float32, (None, None)))
        except InvalidValueError as error:
            if "NaN" in str(error):
                raise NonFiniteActionError(str(error)) from error
            raise
        if len(self.actions) == 0:
            raise InvalidValueError("ActionChunk.actions: no rows, expected at least one")
        if self.space is ActionSpace.EE_DELTA and self.actions.shape[1] != 7:
            raise InvalidValueError(f"ActionChunk: {self.actions.shape[1]} columns, EE_DELTA has 7")
        if not np.isfinite(self.dt_s) or self.dt_s <= 0:
            raise InvalidValueError(f"ActionChunk.dt_s: {self.dt_s}, expected > 0")

    def head(self, rows: int) -> ActionChunk:
        """The first ``rows`` rows as a chunk of their own (all of them if there are fewer)."""
        return ActionChunk(
            self.actions[:rows], self.dt_s, self.space, self.start_stamp_ns, self.progress, self.reached
        )


class State(StrEnum):
    """How a subtask stands."""

    RUNNING = "running"
    REACHED = "reached"
    FAILED = "failed"
    TIMED_OUT = "timed_out"


@dataclass(frozen=True, slots=True)
class Progress:
    """The switcher's judgement: ``state``, ``fraction`` done [0, 1] and, in words, why."""

    state: State
    fraction: float
    reason: str = ""

    def __post_init__(self) -> None:
        if not 0.0 <= self.fraction <= 1.0:
            raise InvalidValueError(f"Progress.fraction: {self.fraction}, expected 0 to 1")


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
        if (self.chunk is None) != (self.decision in (Decision.HOLD, Decision.STOP)):
            raise InvalidValueError(f"Verdict: {self.decision} with chunk {self.chunk!r}")


class Outcome(StrEnum):
    """What the stack believes of an episode."""

    SUCCESS = "success"
    FAILURE = "failure"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class SubtaskResult:
    """One subtask as it went: sentence, start and end [s since the task began], final state, reason."""

    text: str
    start_s: float
    end_s: float
    state: State
    reason: str = ""
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class EpisodeResult:
    """One task as it went.

    ``outcome``: what the stack believes; ``truth``: the task's own predicate (simulation only, else
    None); ``cause``: the one latched reason of the end; ``steps`` of control; ``seconds`` of robot time;
    ``timings`` {stage: wall seconds, one entry per call}.
    """

    instruction: str
    outcome: Outcome
    cause: str
    steps: int
    seconds: float
    subtasks: tuple[SubtaskResult, ...] = ()
    timings: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    truth: bool | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """One thing to remember, in the shape that a memory takes.

    ``kind``: "spatial", "temporal", "episodic" or "semantic"; ``entities``: names of what it is about;
    ``position`` (3,) in the base frame [m] or None; ``triple``: (subject, relation, object) of a spatial
    fact or None; ``confidence`` [0, 1]; ``source``: who says so ("detector", "agent").
    """

    kind: str
    text: str
    stamp_ns: int
    entities: tuple[str, ...] = ()
    position: tuple[float, float, float] | None = None
    triple: tuple[str, str, str] | None = None
    confidence: float = 1.0
    source: str = ""
