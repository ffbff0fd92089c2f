"""Between the words of the library and the messages of the graph: ``x_to_msg`` and ``x_from_msg`` in pairs.

This is the one file that knows both. Here, and nowhere else, quaternions turn from w x y z to x y z w,
nanoseconds to ``Time``, arrays to ``array.array`` and an opening of 0 to 1 to metres of a finger joint.
Every ``x_from_msg`` raises :class:`vista.errors.InvalidValueError` for a message that breaks the contract
of its type, so that a callback needs to catch one error only.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from builtin_interfaces.msg import Duration, Time
from geometry_msgs.msg import Point, PoseStamped
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import ColorRGBA
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint
from visualization_msgs.msg import Marker, MarkerArray

from robomemory.graph.markers import Marker as Shown
from robomemory.graph.markers import Shape
from robomemory.graph.scene import Scene, SceneFact, SceneObject
from vista.errors import InvalidValueError
from vista.events import Event, EventKind
from vista.messages.plain_text import escaped
from vista.protocols import MemoryItem
from vista.types import (
    F32,
    U8,
    ActionChunk,
    ActionSpace,
    Decision,
    Detection,
    EpisodeResult,
    Note,
    Observation,
    Outcome,
    Pose,
    Progress,
    RobotSpec,
    State,
    Subgoal,
    Subtask,
    SubtaskResult,
)
from vista_msgs import msg as m

NS = 1_000_000_000
MOST_JOINT = 1e6  # no joint is farther or faster than this [rad, m, rad/s, m/s]: a broken driver's numbers

_Word = TypeVar("_Word", State, Decision, Outcome)

_STATES = {
    State.RUNNING: m.Progress.RUNNING,
    State.REACHED: m.Progress.REACHED,
    State.FAILED: m.Progress.FAILED,
    State.TIMED_OUT: m.Progress.TIMED_OUT,
}
_DECISIONS = {
    Decision.ALLOW: m.GuardStatus.ALLOW,
    Decision.CLIP: m.GuardStatus.CLIP,
    Decision.HOLD: m.GuardStatus.HOLD,
    Decision.STOP: m.GuardStatus.STOP,
}
_OUTCOMES = {
    Outcome.SUCCESS: m.EpisodeResult.SUCCESS,
    Outcome.FAILURE: m.EpisodeResult.FAILURE,
    Outcome.STOPPED: m.EpisodeResult.STOPPED,
}


def seconds_of(name: str, asked_s: float, default_s: float, most_s: float = 1e6) -> float:
    """A time [s] of a goal or request: ``asked_s``, or ``default_s`` where it is 0.

    Raises:
        InvalidValueError: ``asked_s`` is negative, not finite, or more than ``most_s``.
    """
    if not 0 <= asked_s <= most_s:
        raise InvalidValueError(
            f"{name}: {asked_s:g} s, expected more than 0 and at most {most_s:g} s, or 0 for the default"
        )
    return asked_s or default_s


def _word(words: Mapping[_Word, int], number: int, where: str) -> _Word:
    for word, value in words.items():
        if value == number:
            return word
    known = ", ".join(f"{value} ({word})" for word, value in words.items())
    if number == 0:
        raise InvalidValueError(f"{where}: 0 (unknown), as in an empty message; expected one of {known}")
    raise InvalidValueError(f"{where}: {number}, expected one of {known}")


def _keyed(where: str, names: Sequence[str], images: Sequence[Image]) -> dict[str, Image]:
    if len(names) != len(images) or len(set(names)) != len(names):
        raise InvalidValueError(
            f"{where}: cameras {list(names)} do not name the {len(images)} images one to one"
        )
    return dict(zip(names, images, strict=True))


def wire(text: str) -> str:
    """``text`` as a ROS string can hold it: what UTF-8 cannot encode, and a NUL, which would end it, are
    escaped; everything else is data and stays."""
    if text.isascii() and "\0" not in text:
        return text
    return "".join(escaped(c) if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in text)


# --- time --------------------------------------------------------------------------------------------


def time_to_msg(stamp_ns: int) -> Time:
    """``stamp_ns`` [ns] as a ``Time``."""
    sec, nanosec = divmod(int(stamp_ns), NS)
    if not 0 <= sec < 2**31:
        raise InvalidValueError(f"stamp {stamp_ns} ns: a Time holds 0 to 2**31 seconds")
    return Time(sec=sec, nanosec=nanosec)


def time_from_msg(msg: Time) -> int:
    """A ``Time`` or ``Duration`` in ns."""
    return int(msg.sec) * NS + int(msg.nanosec)


# --- images ------------------------------------------------------------------------------------------


def _bytes_to_image(data: bytes, out: Image | None) -> Image:
    """An Image that holds ``data``; written in place where ``out`` already has room for exactly that."""
    msg = Image() if out is None else out
    if len(msg.data) == len(data) > 0:
        np.frombuffer(msg.data, np.uint8)[:] = np.frombuffer(data, np.uint8)
    else:
        msg.data = array("B", data)
    msg.is_bigendian = 0
    return msg


def image_to_msg(image: U8, stamp_ns: int = 0, frame: str = "", out: Image | None = None) -> Image:
    """``image`` u8 (H, W, 3) RGB as ``rgb8``. ``out``: a message of the same size to write into, which a
    publisher of a stream keeps to save the allocation."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise InvalidValueError(f"image: {image.dtype} {image.shape}, expected uint8 (H, W, 3)")
    msg = _bytes_to_image(image.tobytes(), out)
    msg.header.stamp, msg.header.frame_id = time_to_msg(stamp_ns), frame
    msg.height, msg.width, msg.step, msg.encoding = *image.shape[:2], image.shape[1] * 3, "rgb8"
    return msg


def image_from_msg(msg: Image) -> U8:
    """u8 (H, W, 3) RGB, read-only, of an ``rgb8`` or ``bgr8`` message. It shares the message's memory where
    the layout allows: the message must not be written afterwards."""
    if msg.encoding not in ("rgb8", "bgr8"):
        raise InvalidValueError(
            f"image {msg.header.frame_id!r}: encoding {msg.encoding!r}, expected rgb8 or bgr8"
        )
    image = _rows(msg, 3).reshape(msg.height, msg.width, 3)
    if msg.encoding == "bgr8":
        image = np.ascontiguousarray(image[..., ::-1])
    image.setflags(write=False)
    return image


def depth_to_msg(depth: F32, stamp_ns: int = 0, frame: str = "", out: Image | None = None) -> Image:
    """``depth`` f32 (H, W) [m], NaN invalid, as ``32FC1``."""
    if depth.ndim != 2:
        raise InvalidValueError(f"depth: {depth.shape}, expected (H, W)")
    msg = _bytes_to_image(np.asarray(depth, "<f4").tobytes(), out)
    msg.header.stamp, msg.header.frame_id = time_to_msg(stamp_ns), frame
    msg.height, msg.width, msg.step, msg.encoding = *depth.shape, depth.shape[1] * 4, "32FC1"
    return msg


def depth_from_msg(msg: Image) -> F32:
    """f32 (H, W) [m], NaN invalid, of a ``32FC1`` [m] or ``16UC1`` [mm, 0 invalid] message."""
    if msg.encoding == "32FC1":
        return np.ascontiguousarray(_rows(msg, 4)).view("<f4").astype(np.float32)
    if msg.encoding == "16UC1":
        millimetres = np.ascontiguousarray(_rows(msg, 2)).view("<u2")
        return np.where(millimetres == 0, np.nan, millimetres / 1000).astype(np.float32)
    raise InvalidValueError(
        f"depth {msg.header.frame_id!r}: encoding {msg.encoding!r}, expected 32FC1 or 16UC1"
    )


def _rows(msg: Image, pixel: int) -> U8:
    """The message's pixels as u8 (H, W * ``pixel``), without what pads each row."""
    used = msg.width * pixel
    if msg.is_bigendian and pixel != 3:
        raise InvalidValueError(f"image {msg.header.frame_id!r}: big-endian, expected little-endian")
    if msg.height == 0 or used == 0 or msg.step < used or len(msg.data) != msg.height * msg.step:
        raise InvalidValueError(
            f"image {msg.header.frame_id!r}: {len(msg.data)} bytes for {msg.width} x {msg.height} "
            f"{msg.encoding} with step {msg.step}"
        )
    return np.frombuffer(msg.data, np.uint8).reshape(msg.height, msg.step)[:, :used]


# --- what the robot senses ---------------------------------------------------------------------------


def pose_to_msg(pose: Pose) -> PoseStamped:
    """``pose`` in its frame; the stamp is the caller's to set."""
    msg = PoseStamped()
    msg.header.frame_id = pose.frame
    p, q = msg.pose.position, msg.pose.orientation
    p.x, p.y, p.z = map(float, pose.position)
    q.w, q.x, q.y, q.z = map(float, pose.quat_wxyz)
    return msg


def pose_from_msg(msg: PoseStamped) -> Pose:
    p, q = msg.pose.position, msg.pose.orientation
    return Pose(np.array([p.x, p.y, p.z]), np.array([q.w, q.x, q.y, q.z]), msg.header.frame_id)


@dataclass(frozen=True, slots=True)
class JointReading:
    """Joints at ``stamp_ns``: ``position`` f32 (J,) [rad] and ``velocity`` f32 (J,) [rad/s] in the order of
    the contract, ``gripper`` [0 closed, 1 open] and its rate ``gripper_vel`` [1/s]."""

    stamp_ns: int
    position: F32
    velocity: F32
    gripper: float
    gripper_vel: float = 0.0


def _finger_m(spec: RobotSpec) -> float:
    """Travel of the contract's finger joint from closed to open [m]; two fingers share the opening."""
    return spec.gripper_width_m / 2


def joint_state_to_msg(reading: JointReading, spec: RobotSpec) -> JointState:
    """Arm joints in the order of the contract, then the finger joint [m, m/s]."""
    finger = _finger_m(spec)
    msg = JointState(name=[*spec.joint_names, spec.gripper_joint])
    msg.header.stamp = time_to_msg(reading.stamp_ns)
    msg.position = array("d", [*map(float, reading.position), reading.gripper * finger])
    msg.velocity = array("d", [*map(float, reading.velocity), reading.gripper_vel * finger])
    return msg


def joint_state_from_msg(msg: JointState, spec: RobotSpec) -> JointReading:
    """Joints are found by name, so that other joints and another order do no harm. A driver that leaves the
    velocities out gives zeros."""
    index = {name: i for i, name in enumerate(msg.name)}
    wanted = (*spec.joint_names, spec.gripper_joint)
    missing = [name for name in wanted if name not in index]
    if missing or len(msg.position) != len(msg.name):
        raise InvalidValueError(
            f"joint state of {spec.name}: names {list(msg.name)} with {len(msg.position)} positions; "
            f"missing {missing or 'none'}"
        )
    order = [index[name] for name in wanted]
    position = np.asarray(msg.position, np.float64)[order]
    velocity = np.zeros(len(wanted))
    if len(msg.velocity) == len(msg.name):
        velocity = np.asarray(msg.velocity, np.float64)[order]
    velocity = np.where(np.isnan(velocity), 0.0, velocity)  # how some drivers say that they measure none
    for what, values in (("positions", position), ("velocities", velocity)):
        if not (np.abs(values) <= MOST_JOINT).all():  # NaN is not <= either
            raise InvalidValueError(
                f"joint state of {spec.name}: {what} {values.tolist()}, expected finite numbers up to "
                f"{MOST_JOINT:g} rad, m, rad/s or m/s"
            )
    finger = _finger_m(spec)
    return JointReading(
        time_from_msg(msg.header.stamp),
        position[:-1].astype(np.float32),
        velocity[:-1].astype(np.float32),
        float(np.clip(position[-1] / finger, 0.0, 1.0)),
        float(velocity[-1] / finger),
    )


def observation_to_msg(obs: Observation) -> m.Observation:
    stamp = obs.stamp_ns
    return m.Observation(
        stamp=time_to_msg(stamp),
        cameras=list(obs.images),
        images=[image_to_msg(image, stamp, camera) for camera, image in obs.images.items()],
        depth_cameras=list(obs.depth),
        depth=[depth_to_msg(depth, stamp, camera) for camera, depth in obs.depth.items()],
        joint_pos=array("f", obs.joint_pos.tobytes()),
        joint_vel=array("f", obs.joint_vel.tobytes()),
        gripper=obs.gripper,
        gripper_command=obs.gripper_command,
        gripper_vel=float(obs.gripper_vel),
        ee_pose=pose_to_msg(obs.ee_pose),
    )


def observation_from_msg(msg: m.Observation) -> Observation:
    images = _keyed("Observation", msg.cameras, msg.images)
    depth = _keyed("Observation.depth", msg.depth_cameras, msg.depth)
    return Observation(
        stamp_ns=time_from_msg(msg.stamp),
        images={camera: image_from_msg(image) for camera, image in images.items()},
        joint_pos=np.asarray(msg.joint_pos, np.float32),
        joint_vel=np.asarray(msg.joint_vel, np.float32),
        gripper=msg.gripper,
        ee_pose=pose_from_msg(msg.ee_pose),
        gripper_command=msg.gripper_command,
        gripper_vel=msg.gripper_vel,
        depth={camera: depth_from_msg(image) for camera, image in depth.items()},
    )


def detection_to_msg(detection: Detection) -> m.Detection:
    x, y, z = map(float, detection.position)
    return m.Detection(
        label=wire(detection.label),
        score=float(detection.score),
        box=np.asarray(detection.box, np.float32),
        position=Point(x=x, y=y, z=z),
        sigma_m=float(detection.sigma_m),
        camera=detection.camera,
    )


def detection_from_msg(msg: m.Detection) -> Detection:
    p = msg.position
    box, position = np.asarray(msg.box, np.float32), np.array([p.x, p.y, p.z])
    return Detection(msg.label, msg.score, box, position, msg.sigma_m, msg.camera)


def detections_to_msg(
    detections: Sequence[Detection], stamp_ns: int = 0, frame: str = "base"
) -> m.DetectionArray:
    """All of one observation, with its stamp."""
    msg = m.DetectionArray(detections=[detection_to_msg(d) for d in detections])
    msg.header.stamp, msg.header.frame_id = time_to_msg(stamp_ns), frame
    return msg


def detections_from_msg(msg: m.DetectionArray) -> tuple[Detection, ...]:
    """The detections; when and in which frame stands in the header."""
    return tuple(detection_from_msg(d) for d in msg.detections)


def sought_to_msg(detection: Detection | None, label: str = "") -> m.Detection:
    """What was found of ``label``; where it is None, that label and a score of 0."""
    return m.Detection(label=wire(label)) if detection is None else detection_to_msg(detection)


def sought_from_msg(msg: m.Detection) -> Detection | None:
    """What was found of a label; None where nothing fits it."""
    return detection_from_msg(msg) if msg.score > 0 else None


# --- what is planned ---------------------------------------------------------------------------------


def subtask_to_msg(subtask: Subtask) -> m.Subtask:
    return m.Subtask(text=wire(subtask.text), index=subtask.index, until=wire(subtask.until))


def subtask_from_msg(msg: m.Subtask) -> Subtask:
    return Subtask(msg.text, msg.index, msg.until)


def subgoal_to_msg(subgoal: Subgoal) -> m.Subgoal:
    stamp = subgoal.source_stamp_ns
    return m.Subgoal(
        subtask=subtask_to_msg(subgoal.subtask),
        cameras=list(subgoal.images),
        images=[image_to_msg(image, stamp, camera) for camera, image in subgoal.images.items()],
        score=float(subgoal.score),
        seed=int(subgoal.seed),
        source_stamp=time_to_msg(stamp),
    )


def subgoal_from_msg(msg: m.Subgoal) -> Subgoal:
    images = _keyed("Subgoal", msg.cameras, msg.images)
    return Subgoal(
        subtask_from_msg(msg.subtask),
        {camera: image_from_msg(image) for camera, image in images.items()},
        msg.score,
        msg.seed,
        time_from_msg(msg.source_stamp),
    )


def chunk_to_msg(chunk: ActionChunk, spec: RobotSpec) -> JointTrajectory:
    """A JOINT_POSITION chunk as one trajectory over the arm's joints [rad] and the finger joint [m].

    The stamp is the chunk's ``start_stamp_ns``; point t is due at (t + 1) * dt after it. The policy's own
    estimate of its progress is not part of a command and stays behind.
    """
    names = [*spec.joint_names, spec.gripper_joint]
    if chunk.space is not ActionSpace.JOINT_POSITION or chunk.actions.shape[1] != len(names):
        raise InvalidValueError(
            f"chunk of {chunk.space} {chunk.actions.shape}: a trajectory of {spec.name} takes "
            f"{ActionSpace.JOINT_POSITION} with {len(names)} columns"
        )
    rows = chunk.actions.astype(np.float64)
    rows[:, -1] *= _finger_m(spec)
    msg = JointTrajectory(joint_names=names)
    msg.header.stamp = time_to_msg(chunk.start_stamp_ns)
    for t, row in enumerate(rows, start=1):
        sec, nanosec = divmod(round(t * chunk.dt_s * NS), NS)
        due = Duration(sec=sec, nanosec=nanosec)
        msg.points.append(JointTrajectoryPoint(positions=array("d", row.tobytes()), time_from_start=due))
    return msg


def chunk_from_msg(msg: JointTrajectory, spec: RobotSpec) -> ActionChunk:
    """The chunk of a trajectory over exactly this robot's joints (in any order), its points evenly spaced."""
    names = [*spec.joint_names, spec.gripper_joint]
    if sorted(msg.joint_names) != sorted(names):
        raise InvalidValueError(f"trajectory for {list(msg.joint_names)}; {spec.name} has {names}")
    if not msg.points:
        raise InvalidValueError("trajectory: no points, expected at least one")
    if any(len(point.positions) != len(names) for point in msg.points):
        raise InvalidValueError(f"trajectory: a point without {len(names)} positions")
    due = np.array([time_from_msg(point.time_from_start) for point in msg.points])
    dt_ns = due[-1] / len(due)
    if dt_ns <= 0 or np.abs(due - dt_ns * np.arange(1, len(due) + 1)).max() > 1e6:
        raise InvalidValueError(
            f"trajectory: points due at {due.tolist()} ns, expected even steps from the first"
        )
    rows = np.array([point.positions for point in msg.points], np.float64)
    rows = rows[:, [msg.joint_names.index(name) for name in names]]
    rows[:, -1] /= _finger_m(spec)
    return ActionChunk(rows, dt_ns / NS, ActionSpace.JOINT_POSITION, time_from_msg(msg.header.stamp))


def gripper_points(msg: JointTrajectory, spec: RobotSpec) -> list[tuple[int, float]]:
    """What a trajectory of the gripper's joint commands: (due [ns] after it arrives, opening [0, 1]).

    Raises:
        InvalidValueError: another joint, a point without a position, or a value that is not finite.
    """
    if list(msg.joint_names) != [spec.gripper_joint] or any(len(p.positions) != 1 for p in msg.points):
        raise InvalidValueError(
            f"gripper trajectory for {list(msg.joint_names)} with {[len(p.positions) for p in msg.points]} "
            f"positions a point; expected one of {spec.gripper_joint!r} a point"
        )
    rows = np.array([p.positions[0] for p in msg.points], np.float64)
    if not np.isfinite(rows).all():
        raise InvalidValueError("gripper trajectory: holds NaN or infinity")
    openings = np.clip(rows / _finger_m(spec), 0.0, 1.0)
    return [(time_from_msg(p.time_from_start), float(v)) for p, v in zip(msg.points, openings, strict=True)]


def controller_commands(msg: JointTrajectory, spec: RobotSpec) -> tuple[JointTrajectory, JointTrajectory]:
    """A trajectory of :func:`chunk_to_msg` as the two that the arm's and the gripper's controllers take. They
    start when they arrive (stamp 0), as a controller drops points that are due in its past."""
    arm = JointTrajectory(joint_names=list(spec.joint_names))
    gripper = JointTrajectory(joint_names=[spec.gripper_joint])
    for point in msg.points:
        due = point.time_from_start
        arm.points.append(JointTrajectoryPoint(positions=point.positions[:-1], time_from_start=due))
        gripper.points.append(JointTrajectoryPoint(positions=point.positions[-1:], time_from_start=due))
    return arm, gripper


# --- how it goes -------------------------------------------------------------------------------------


def progress_to_msg(progress: Progress) -> m.Progress:
    return m.Progress(
        state=_STATES[progress.state], fraction=float(progress.fraction), reason=wire(progress.reason)
    )


def progress_from_msg(msg: m.Progress) -> Progress:
    return Progress(_word(_STATES, msg.state, "Progress.state"), msg.fraction, msg.reason)


@dataclass(frozen=True, slots=True)
class GuardReport:
    """The guard's last decision at ``stamp_ns``; ``cause``: why the arm is stopped, empty when it is not."""

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
    decision = _word(_DECISIONS, msg.decision, "GuardStatus.decision")
    return GuardReport(time_from_msg(msg.stamp), decision, msg.rule, msg.reason, msg.cause)


def subtask_result_to_msg(result: SubtaskResult) -> m.SubtaskResult:
    return m.SubtaskResult(
        text=wire(result.text),
        start_s=float(result.start_s),
        end_s=float(result.end_s),
        state=_STATES[result.state],
        reason=wire(result.reason),
        score=float(result.score),
    )


def subtask_result_from_msg(msg: m.SubtaskResult) -> SubtaskResult:
    state = _word(_STATES, msg.state, "SubtaskResult.state")
    return SubtaskResult(msg.text, msg.start_s, msg.end_s, state, msg.reason, msg.score)


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
    )


def episode_result_from_msg(msg: m.EpisodeResult) -> EpisodeResult:
    return EpisodeResult(
        instruction=msg.instruction,
        outcome=_word(_OUTCOMES, msg.outcome, "EpisodeResult.outcome"),
        cause=msg.cause,
        steps=msg.steps,
        seconds=msg.seconds,
        subtasks=tuple(subtask_result_from_msg(subtask) for subtask in msg.subtasks),
        timings=timings_from_json(msg.timings_json),
    )


def timings_to_json(timings: Mapping[str, Sequence[float]]) -> str:
    """{stage: wall seconds, one per call} as text."""
    return json.dumps({wire(stage): [float(s) for s in seconds] for stage, seconds in timings.items()})


def timings_from_json(text: str) -> dict[str, tuple[float, ...]]:
    try:
        loaded = json.loads(text or "{}")
        return {str(stage): tuple(float(s) for s in seconds) for stage, seconds in loaded.items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise InvalidValueError(f"timings {text[:80]!r}: expected an object of lists of seconds") from error


# --- memory ------------------------------------------------------------------------------------------


def note_to_msg(note: Note) -> m.Note:
    x, y, z = map(float, note.position or (0.0, 0.0, 0.0))
    return m.Note(
        kind=wire(note.kind),
        text=wire(note.text),
        stamp=time_to_msg(note.stamp_ns),
        entities=[wire(name) for name in note.entities],
        has_position=note.position is not None,
        position=Point(x=x, y=y, z=z),
        triple=[wire(word) for word in note.triple or ()],
        confidence=float(note.confidence),
        source=wire(note.source),
        run=note.run,
    )


def note_from_msg(msg: m.Note) -> Note:
    if len(msg.triple) not in (0, 3):
        raise InvalidValueError(
            f"Note.triple: {list(msg.triple)}, expected subject, relation, object or nothing"
        )
    p = msg.position
    return Note(
        kind=msg.kind,
        text=msg.text,
        stamp_ns=time_from_msg(msg.stamp),
        entities=tuple(msg.entities),
        position=(p.x, p.y, p.z) if msg.has_position else None,
        triple=(msg.triple[0], msg.triple[1], msg.triple[2]) if msg.triple else None,
        confidence=msg.confidence,
        source=msg.source,
        run=int(msg.run),
    )


@dataclass(frozen=True, slots=True)
class Recalled:
    """A recalled item as it comes over the graph; satisfies ``vista.protocols.MemoryItem``."""

    kind: str
    text: str
    score: float


def memory_item_to_msg(item: MemoryItem) -> m.MemoryItem:
    return m.MemoryItem(kind=str(item.kind), text=wire(item.text), score=float(item.score))


def memory_item_from_msg(msg: m.MemoryItem) -> Recalled:
    return Recalled(msg.kind, msg.text, msg.score)


ENDED = "ended at "


def scene_from_notes(notes: Sequence[Note]) -> Scene:
    """The scene that :func:`scene_to_notes` made ``notes`` of."""
    objects, facts, past = [], [], []
    for note in notes:
        if note.triple is None:
            at_ns = note.stamp_ns
            objects.append(SceneObject(note.text, note.position, at_ns, at_ns, note.confidence))
        elif note.source.startswith(ENDED):
            until = int(note.source.removeprefix(ENDED))
            past.append(SceneFact(*note.triple, note.stamp_ns, until, note.confidence))
        else:
            facts.append(SceneFact(*note.triple, note.stamp_ns, None, note.confidence))
    return Scene(tuple(objects), tuple(facts), tuple(past))


def scene_to_notes(scene: Scene, names: Sequence[str] = ()) -> list[Note]:
    """What the spatial memory knows as notes: a position for each thing, a triple for each fact that holds or
    held; the source of one that has ended is ``ENDED`` with the stamp [ns]. ``names``: only what is about
    these; empty: everything."""
    notes = [
        Note("spatial", each.name, each.last_seen_ns, (each.name,), each.position, confidence=each.confidence)
        for each in scene.objects
    ]
    for fact in (*scene.facts, *scene.past):
        triple = (fact.subject, fact.relation, fact.object)
        about = (fact.subject, fact.object)
        until = "" if fact.valid_until_ns is None else f"{ENDED}{fact.valid_until_ns}"
        notes.append(
            Note("spatial", " ".join(triple), fact.valid_from_ns, about, None, triple, fact.confidence, until)
        )
    return [note for note in notes if not names or set(note.entities) & set(names)]


# --- a running task ----------------------------------------------------------------------------------


_MARKERS = {Shape.SPHERE: Marker.SPHERE, Shape.LABEL: Marker.TEXT_VIEW_FACING, Shape.LINE: Marker.LINE_LIST}


def marker_array(markers: Sequence[Shown], stamp_ns: int = 0, frame: str = "base") -> MarkerArray:
    """The whole picture in one message: its first marker takes away what was shown before, so that whoever
    hears only this one, or missed the one before, shows neither too little nor too much."""
    out = MarkerArray()
    wipe = Marker(action=Marker.DELETEALL)
    wipe.header.frame_id, wipe.header.stamp = frame, time_to_msg(stamp_ns)
    out.markers.append(wipe)
    for each in markers:
        msg = Marker(id=each.number, type=_MARKERS[each.shape], action=Marker.ADD)
        msg.ns, msg.text = wire(each.group), wire(each.text)
        msg.header = wipe.header
        msg.pose.orientation.w = 1.0
        red, green, blue, opacity = each.colour
        msg.color = ColorRGBA(r=red, g=green, b=blue, a=opacity)
        points = [Point(x=float(x), y=float(y), z=float(z)) for x, y, z in each.points]
        if each.shape is Shape.LINE:
            msg.points, msg.scale.x = points, each.size_m
        else:
            msg.pose.position = points[0]
            msg.scale.x = msg.scale.y = msg.scale.z = each.size_m
        out.markers.append(msg)
    return out


def event_to_msg(event: Event) -> m.TaskProgress:
    """What happened, without the result of the task: that comes with the action's own."""
    goal = event.subgoal
    return m.TaskProgress(
        kind=str(event.kind),
        stage=wire(event.stage),
        subtask=subtask_to_msg(event.subtask) if event.subtask else m.Subtask(),
        fraction=event.progress.fraction if event.progress else 0.0,
        seconds=float(event.seconds),
        message=wire(event.text),
        progress=[progress_to_msg(event.progress)] if event.progress else [],
        detections=[detection_to_msg(d) for d in event.detections],
        recalled=[memory_item_to_msg(item) for item in event.recall],
        subgoal=[subgoal_to_msg(goal)] if goal else [],
        cameras=list(event.images),
        images=[image_to_msg(image, 0, camera) for camera, image in event.images.items()],
    )


def event_from_msg(msg: m.TaskProgress) -> Event:
    """The event, at the time of its arrival."""
    try:
        kind = EventKind(msg.kind)
    except ValueError as error:
        known = ", ".join(EventKind)
        raise InvalidValueError(f"TaskProgress.kind: {msg.kind!r}, expected one of {known}") from error
    images = _keyed("TaskProgress", msg.cameras, msg.images)
    return Event(
        kind,
        stage=msg.stage,
        seconds=msg.seconds,
        text=msg.message,
        subtask=subtask_from_msg(msg.subtask) if msg.subtask.text else None,
        subgoal=subgoal_from_msg(msg.subgoal[0]) if msg.subgoal else None,
        progress=progress_from_msg(msg.progress[0]) if msg.progress else None,
        images={camera: image_from_msg(image) for camera, image in images.items()},
        recall=tuple(memory_item_from_msg(item) for item in msg.recalled),
        detections=tuple(detection_from_msg(d) for d in msg.detections),
    )
