"""Poses, joints, trajectories and observations of the arm."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

import numpy as np
from builtin_interfaces.msg import Duration
from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from vista.errors import InvalidValueError
from vista.types import F32, ActionChunk, ActionSpace, Observation, Pose, RobotSpec
from vista_msgs import msg as m
from vista_ros.conversions.images import depth_from_msg, depth_to_msg, image_from_msg, image_to_msg
from vista_ros.conversions.primitives import NS, named_images, time_from_msg, time_to_msg

MOST_JOINT = 1e6  # no joint is farther or faster than this [rad, m, rad/s, m/s]: a broken driver's numbers


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
    images = named_images("Observation", msg.cameras, msg.images)
    depth = named_images("Observation.depth", msg.depth_cameras, msg.depth)
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
    """The commands in a trajectory of the gripper's joint: (due [ns] after it arrives, opening [0, 1]).

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
