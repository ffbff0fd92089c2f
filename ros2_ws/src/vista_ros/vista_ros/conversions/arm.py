"""Poses, joints and observations of the arm."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

import numpy as np
from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import JointState

from vista.errors import InvalidValueError
from vista.types import F32, Observation, Pose, RobotSpec
from vista_msgs import msg as m
from vista_ros.conversions.images import depth_from_msg, depth_to_msg, image_from_msg, image_to_msg
from vista_ros.conversions.primitives import named_images, time_from_msg, time_to_msg

MOST_JOINT = 1e6  # no joint is farther or faster than this in any unit: a broken driver's numbers


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


def joint_state_to_msg(reading: JointReading, spec: RobotSpec) -> JointState:
    """Arm joints in the order of the contract, then the gripper's joint, all as the driver says them."""
    msg = JointState(name=[*spec.wire_names, spec.gripper_wire])
    msg.header.stamp = time_to_msg(reading.stamp_ns)
    travel = spec.gripper.open - spec.gripper.closed
    at = [joint.to_wire(float(v)) for joint, v in zip(spec.joints, reading.position, strict=True)]
    rate = [joint.rate_to_wire(float(v)) for joint, v in zip(spec.joints, reading.velocity, strict=True)]
    msg.position = array("d", [*at, spec.gripper.value(reading.gripper)])
    msg.velocity = array("d", [*rate, reading.gripper_vel * travel])
    return msg


def joint_state_from_msg(msg: JointState, spec: RobotSpec) -> JointReading:
    """Joints are found by their names on the wire, so that other joints and another order do no harm. A
    driver that leaves the velocities out gives zeros."""
    index = {name: i for i, name in enumerate(msg.name)}
    wanted = (*spec.wire_names, spec.gripper_wire)
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
                f"{MOST_JOINT:g}"
            )
    at = [joint.from_wire(float(v)) for joint, v in zip(spec.joints, position, strict=False)]
    rate = [joint.rate_from_wire(float(v)) for joint, v in zip(spec.joints, velocity, strict=False)]
    return JointReading(
        time_from_msg(msg.header.stamp),
        np.array(at, np.float32),
        np.array(rate, np.float32),
        float(np.clip(spec.gripper.opening(float(position[-1])), 0.0, 1.0)),
        float(velocity[-1] / (spec.gripper.open - spec.gripper.closed)),
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
