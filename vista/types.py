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

import numpy as np
from numpy.typing import NDArray

from vista import values
from vista.errors import InvalidValueError, NonFiniteActionError
from vista.values import Value

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
I64 = NDArray[np.int64]
F64 = NDArray[np.float64]

LONGEST_S = 1e9
"""No episode and no call lasts longer than this, about 30 years [s]."""


def _set(obj: object, name: str, value: object) -> None:
    object.__setattr__(obj, name, value)


def _images(name: str, images: object) -> Mapping[str, U8]:
    return values.read_only(
        {c: check_image(f"{name}[{values.shown(c)}]", im) for c, im in values.entries(name, images)}
    )


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
    base = image.base
    # A read-only view of what its owner can still write to is no safer than that.
    writable = image.flags.writeable or (isinstance(base, np.ndarray) and base.flags.writeable)
    if writable or type(image) is not np.ndarray:
        image = np.array(image, subok=False)
        image.setflags(write=False)
    return image


@dataclass(frozen=True, slots=True, eq=False)
class Pose(Value):
    """A pose in a named frame: ``position`` f64 (3,) [m], ``quat_wxyz`` f64 (4,) of unit norm."""

    position: F64
    quat_wxyz: F64
    frame: str = "base"

    def __post_init__(self) -> None:
        _set(self, "position", values.position("Pose.position", self.position))
        quat = values.array("Pose.quat_wxyz", self.quat_wxyz, np.float64, (4,))
        with np.errstate(over="ignore"):
            norm = float(np.linalg.norm(quat))
        if abs(norm - 1.0) > 1e-3:
            told = f"{norm:.4f}" if norm < 1e4 else f"{norm:.3g}"
            raise InvalidValueError(f"Pose.quat_wxyz: norm {told}, expected 1")
        # To divide once more would change the last bit of some: what another pose holds stays as it is.
        held = isinstance(self.quat_wxyz, np.ndarray) and not self.quat_wxyz.flags.writeable
        unit = quat if held and abs(norm - 1.0) <= 1e-15 else quat / norm
        _set(self, "quat_wxyz", values.array("Pose.quat_wxyz", unit, np.float64, (4,)))
        values.text("Pose.frame", self.frame)


@dataclass(frozen=True, slots=True, eq=False)
class CameraSpec(Value):
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
        values.text("CameraSpec.name", self.name, empty=False)
        name = f"camera {values.shown(self.name)}"
        for side in ("width", "height"):
            _set(self, side, values.whole(f"{name}: {side}", getattr(self, side), 1, 65_536))
        _set(self, "K", values.array(f"{name}: K", self.K, np.float64, (3, 3)))
        if not (self.K[0, 0] > 0 and self.K[1, 1] > 0 and self.K[2, 2] > 0):
            raise InvalidValueError(f"{name}: K {self.K.tolist()}, expected focal lengths > 0")
        values.instance(f"{name}: pose", self.pose, Pose)


class ActionSpace(StrEnum):
    """How the rows of an :class:`ActionChunk` are read.

    ``EE_DELTA`` (A = 7): translation [m], rotation vector [rad], gripper [0 closed, 1 open]; row t is the
    target pose relative to the measured pose at ``start_stamp_ns``, in the hand frame (cumulative).
    ``JOINT_POSITION`` (A = J + 1): joint positions [rad], gripper last.
    """

    EE_DELTA = "ee_delta"
    JOINT_POSITION = "joint_position"


@dataclass(frozen=True, slots=True, eq=False)
class RobotSpec(Value):
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
        for name in ("name", "gripper_joint", "ee_site", "base_frame"):
            values.text(f"RobotSpec.{name}", getattr(self, name), empty=False)
        values.text("RobotSpec.kinematics", self.kinematics)
        self._check_joints()
        _set(self, "workspace", values.array("RobotSpec.workspace", self.workspace, np.float64, (2, 3)))
        if not (self.workspace[0] < self.workspace[1]).all() or np.abs(self.workspace).max() > values.FAR_M:
            raise InvalidValueError(
                f"RobotSpec.workspace: {self.workspace.tolist()}, expected a lower and a higher corner [m]"
            )
        for name, low, high in (("gripper_width_m", 1e-4, 10.0), ("control_hz", 0.01, 10_000.0)):
            _set(self, name, values.number(f"RobotSpec.{name}", getattr(self, name), low, high))
        _set(self, "action_space", values.word("RobotSpec.action_space", self.action_space, ActionSpace))
        cameras = values.entries("RobotSpec.cameras", self.cameras)
        for name, camera in cameras:
            values.instance(f"RobotSpec.cameras[{values.shown(name)}]", camera, CameraSpec)
        topics = values.entries("RobotSpec.topics", self.topics)
        for name, topic in topics:
            values.text(f"RobotSpec.topics[{values.shown(name)}]", topic)
        _set(self, "cameras", values.read_only(dict(cameras)))
        _set(self, "topics", values.read_only(dict(topics)))

    def _check_joints(self) -> None:
        given = values.sequence("RobotSpec.joint_names", self.joint_names)
        names = tuple(values.text("RobotSpec.joint_names", name, empty=False) for name in given)
        if not names or len(set(names)) < len(names):
            raise InvalidValueError(
                f"RobotSpec.joint_names: {values.shown(names)}, expected at least one, each once"
            )
        _set(self, "joint_names", names)
        for name in ("joint_lower", "joint_upper", "joint_velocity", "home"):
            limits = values.array(f"RobotSpec.{name}", getattr(self, name), np.float64, (len(names),))
            _set(self, name, limits)
        if not (self.joint_lower < self.joint_upper).all():
            raise InvalidValueError("RobotSpec: joint_lower must be below joint_upper for every joint")
        if max(np.abs(self.joint_lower).max(), np.abs(self.joint_upper).max()) > 1e3:
            raise InvalidValueError("RobotSpec: joint limits, expected at most 1000 rad")
        if not ((self.joint_velocity >= 1e-4) & (self.joint_velocity <= 1e3)).all():
            raise InvalidValueError(
                f"RobotSpec.joint_velocity: {self.joint_velocity.tolist()}, expected 0.0001 to 1000 rad/s"
            )
        if not ((self.home >= self.joint_lower - 1e-6) & (self.home <= self.joint_upper + 1e-6)).all():
            raise InvalidValueError(f"RobotSpec.home: {self.home.tolist()}, expected within the joint limits")


@dataclass(frozen=True, slots=True, eq=False)
class Observation(Value):
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
        _set(self, "stamp_ns", values.whole("Observation.stamp_ns", self.stamp_ns))
        _set(self, "images", _images("Observation.images", self.images))
        for name in ("joint_pos", "joint_vel"):
            _set(self, name, values.array(f"Observation.{name}", getattr(self, name), np.float32, (None,)))
        if self.joint_pos.shape != self.joint_vel.shape:
            raise InvalidValueError(
                f"Observation: joint_pos {self.joint_pos.shape} and joint_vel {self.joint_vel.shape} differ"
            )
        for name in ("gripper", "gripper_command"):
            value = values.number(
                f"Observation.{name}", getattr(self, name), -0.05, 1.05, "0 (closed) to 1 (open)"
            )
            _set(self, name, min(1.0, max(0.0, value)))
        rate = values.number("Observation.gripper_vel", self.gripper_vel, -1e6, 1e6)
        _set(self, "gripper_vel", rate)
        values.instance("Observation.ee_pose", self.ee_pose, Pose)
        depth = values.entries("Observation.depth", self.depth)
        _set(
            self,
            "depth",
            values.read_only({c: _depth(f"Observation.depth[{values.shown(c)}]", d) for c, d in depth}),
        )


def _depth(name: str, image: object) -> F32:
    """``image`` as a read-only f32 (H, W); NaN and infinity stand for what the camera does not know."""
    if not isinstance(image, np.ndarray) or image.dtype.kind != "f" or image.ndim != 2:
        told = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else values.shown(image)
        raise InvalidValueError(f"{name}: {told}, expected a float array (H, W) [m]")
    with np.errstate(over="ignore"):
        out = np.array(image, np.float32, subok=False)
    out.setflags(write=False)
    return out


@dataclass(frozen=True, slots=True, eq=False)
class Detection(Value):
    """One object seen: ``box`` f32 (4,) x0 y0 x1 y1 as fractions of the image width and height;
    ``position`` f64 (3,) in the base frame [m] with ``sigma_m``, its standard deviation per axis."""

    label: str
    score: float
    box: F32
    position: F64
    sigma_m: float
    camera: str = "front"

    def __post_init__(self) -> None:
        values.text("Detection.label", self.label)
        _set(self, "score", values.number("Detection.score", self.score, 0.0, 1.0))
        _set(self, "box", values.array("Detection.box", self.box, np.float32, (4,)))
        _set(self, "position", values.position("Detection.position", self.position))
        sigma = values.number("Detection.sigma_m", self.sigma_m, 0.0, values.FAR_M, "at least 0 m")
        _set(self, "sigma_m", sigma)
        values.text("Detection.camera", self.camera)


@dataclass(frozen=True, slots=True)
class Subtask:
    """One short sentence ("grasp the blue mug"), its index in the task, and what ends it, in words."""

    text: str
    index: int = 0
    until: str = ""

    def __post_init__(self) -> None:
        if not values.text("Subtask.text", self.text).strip():
            raise InvalidValueError("Subtask.text: empty, expected one short sentence")
        _set(self, "index", values.whole("Subtask.index", self.index, 0))
        values.text("Subtask.until", self.until)


@dataclass(frozen=True, slots=True)
class Done:
    """The planner's answer when nothing is left to do."""

    reason: str = ""

    def __post_init__(self) -> None:
        values.text("Done.reason", self.reason)


@dataclass(frozen=True, slots=True)
class Impossible:
    """The planner's answer when the instruction can't be carried out; ``reason`` says what is seen."""

    reason: str

    def __post_init__(self) -> None:
        values.text("Impossible.reason", self.reason)


@dataclass(frozen=True, slots=True, eq=False)
class Subgoal(Value):
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
        values.instance("Subgoal.subtask", self.subtask, Subtask)
        _set(self, "images", _images("Subgoal.images", self.images))
        _set(self, "score", values.number("Subgoal.score", self.score, 0.0, 1.0))
        for name in ("seed", "source_stamp_ns"):
            _set(self, name, values.whole(f"Subgoal.{name}", getattr(self, name)))


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
        try:
            rows = values.array("ActionChunk.actions", self.actions, np.float32, (None, None))
        except InvalidValueError as error:
            if "NaN" in str(error):
                raise NonFiniteActionError(str(error)) from error
            raise
        _set(self, "actions", rows)
        if len(rows) == 0:
            raise InvalidValueError("ActionChunk.actions: no rows, expected at least one")
        _set(self, "space", values.word("ActionChunk.space", self.space, ActionSpace))
        if self.space is ActionSpace.EE_DELTA and self.actions.shape[1] != 7:
            raise InvalidValueError(f"ActionChunk: {self.actions.shape[1]} columns, EE_DELTA has 7")
        if self.actions.shape[1] < 2:
            raise InvalidValueError("ActionChunk: 1 column, expected at least a joint and the gripper")
        _set(self, "dt_s", values.number("ActionChunk.dt_s", self.dt_s, 1e-6, 3600.0, "> 0, at most an hour"))
        _set(self, "start_stamp_ns", values.whole("ActionChunk.start_stamp_ns", self.start_stamp_ns))
        for name in ("progress", "reached"):
            if (told := getattr(self, name)) is not None:
                _set(self, name, values.number(f"ActionChunk.{name}", told, 0.0, 1.0))

    def head(self, rows: int) -> ActionChunk:
        """The first ``rows`` rows as a chunk of their own (all of them if there are fewer).

        Raises:
            InvalidValueError: ``rows`` is below 1.
        """
        rows = values.whole("ActionChunk.head: rows", rows, 1)
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
        _set(self, "state", values.word("Progress.state", self.state, State))
        _set(self, "fraction", values.number("Progress.fraction", self.fraction, 0.0, 1.0))
        values.text("Progress.reason", self.reason)


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
        _set(self, "decision", values.word("Verdict.decision", self.decision, Decision))
        values.text("Verdict.rule", self.rule)
        values.text("Verdict.reason", self.reason)
        if self.chunk is not None:
            values.instance("Verdict.chunk", self.chunk, ActionChunk)
        if (self.chunk is None) != (self.decision in (Decision.HOLD, Decision.STOP)):
            held = "no chunk" if self.chunk is None else "a chunk"
            raise InvalidValueError(f"Verdict: {self.decision} with {held}")


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

    def __post_init__(self) -> None:
        for name in ("text", "reason"):
            values.text(f"SubtaskResult.{name}", getattr(self, name))
        for name in ("start_s", "end_s"):
            value = values.number(f"SubtaskResult.{name}", getattr(self, name), 0.0, LONGEST_S)
            _set(self, name, value)
        _set(self, "state", values.word("SubtaskResult.state", self.state, State))
        _set(self, "score", values.number("SubtaskResult.score", self.score, 0.0, 1.0))


@dataclass(frozen=True, slots=True, eq=False)
class EpisodeResult(Value):
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

    def __post_init__(self) -> None:
        for name in ("instruction", "cause"):
            values.text(f"EpisodeResult.{name}", getattr(self, name))
        _set(self, "outcome", values.word("EpisodeResult.outcome", self.outcome, Outcome))
        _set(self, "steps", values.whole("EpisodeResult.steps", self.steps, 0))
        _set(self, "seconds", values.number("EpisodeResult.seconds", self.seconds, 0.0, LONGEST_S))
        subtasks = values.sequence("EpisodeResult.subtasks", self.subtasks)
        _set(self, "subtasks", tuple(values.instance("EpisodeResult.subtasks", each, SubtaskResult)
                                     for each in subtasks))  # fmt: skip
        timings = {}
        for stage, calls in values.entries("EpisodeResult.timings", self.timings):
            name = f"EpisodeResult.timings[{values.shown(stage)}]"
            timings[stage] = tuple(
                values.number(name, each, 0.0, LONGEST_S) for each in values.sequence(name, calls)
            )
        _set(self, "timings", values.read_only(timings))
        if self.truth is not None:
            _set(self, "truth", values.flag("EpisodeResult.truth", self.truth))


@dataclass(frozen=True, slots=True)
class Note:
    """One thing to remember, in the shape that a memory takes.

    ``kind``: "spatial", "temporal", "episodic" or "semantic"; ``entities``: names of what it is about;
    ``position`` (3,) in the base frame [m] or None; ``triple``: (subject, relation, object) of a spatial
    fact or None; ``confidence`` [0, 1]; ``source``: who says so ("detector", "agent"); ``run``: the run of
    the clock that ``stamp_ns`` is of, from ``Memory.begin_run`` (0: the run that the memory is in).
    """

    kind: str
    text: str
    stamp_ns: int
    entities: tuple[str, ...] = ()
    position: tuple[float, float, float] | None = None
    triple: tuple[str, str, str] | None = None
    confidence: float = 1.0
    source: str = ""
    run: int = 0
