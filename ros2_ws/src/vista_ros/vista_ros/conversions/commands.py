"""Commands: chunks between our nodes, and what the controllers of the arm and of the gripper take."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

import numpy as np
from action_msgs.msg import GoalStatus
from builtin_interfaces.msg import Duration
from control_msgs.action import GripperCommand, ParallelGripperCommand
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from vista.errors import InvalidValueError
from vista.types import F64, ActionChunk, ActionSpace, CommandChannel, CommandKind, RobotSpec
from vista_ros.conversions.primitives import NS, time_from_msg, time_to_msg

ControllerCommand = JointTrajectory | Float64MultiArray
GripperGoal = GripperCommand.Goal | ParallelGripperCommand.Goal


def command_type(channel: CommandChannel) -> type[ControllerCommand]:
    """The ROS type of what a controller takes on ``channel``."""
    return Float64MultiArray if channel.kind is CommandKind.FORWARD_POSITION else JointTrajectory


def chunk_to_msg(chunk: ActionChunk, spec: RobotSpec) -> JointTrajectory:
    """A JOINT_POSITION chunk as one trajectory over the arm's joints [rad] and the gripper's [opening, 0 to
    1], by their names in the contract.

    The stamp is the chunk's ``start_stamp_ns``; point t is due at (t + 1) * dt after it. The policy's own
    estimate of its progress is not part of a command and stays behind.
    """
    names = [*spec.joint_names, spec.gripper.joint]
    if chunk.space is not ActionSpace.JOINT_POSITION or chunk.actions.shape[1] != len(names):
        raise InvalidValueError(
            f"chunk of {chunk.space} {chunk.actions.shape}: a trajectory of {spec.name} takes "
            f"{ActionSpace.JOINT_POSITION} with {len(names)} columns"
        )
    msg = JointTrajectory(joint_names=names)
    msg.header.stamp = time_to_msg(chunk.start_stamp_ns)
    for t, row in enumerate(chunk.actions.astype(np.float64), start=1):
        due = _duration(t * chunk.dt_s)
        msg.points.append(JointTrajectoryPoint(positions=array("d", row.tobytes()), time_from_start=due))
    return msg


def chunk_from_msg(msg: JointTrajectory, spec: RobotSpec) -> ActionChunk:
    """The chunk of a trajectory over exactly this robot's joints (in any order), its points evenly spaced."""
    names = [*spec.joint_names, spec.gripper.joint]
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
    return ActionChunk(rows, dt_ns / NS, ActionSpace.JOINT_POSITION, time_from_msg(msg.header.stamp))


def controller_commands(
    chunk: ActionChunk, spec: RobotSpec
) -> tuple[ControllerCommand, ControllerCommand | None]:
    """A JOINT_POSITION chunk as what the arm's and the gripper's controllers take, in their own names and
    units; None: the gripper goes with the arm, or is told by an action. Trajectories start when they arrive
    (stamp 0), as a controller drops points that are due in its past. A forward controller has no time: it
    is told the first row."""
    rows = chunk.actions.astype(np.float64)
    arm = np.column_stack(
        [[joint.to_wire(float(v)) for v in rows[:, i]] for i, joint in enumerate(spec.joints)]
    )
    gripper = np.array([[spec.gripper.value(float(v))] for v in rows[:, -1]])
    names = list(spec.wire_names)
    if spec.gripper.command.kind is CommandKind.WITH_ARM:
        both = np.concatenate([arm, gripper], axis=1)
        return _command(spec.arm_command, [*names, spec.gripper_wire], both, chunk.dt_s), None
    if spec.gripper.command.is_action:
        return _command(spec.arm_command, names, arm, chunk.dt_s), None
    return (
        _command(spec.arm_command, names, arm, chunk.dt_s),
        _command(spec.gripper.command, [spec.gripper_wire], gripper, chunk.dt_s),
    )


def gripper_action_type(channel: CommandChannel) -> type[GripperCommand] | type[ParallelGripperCommand]:
    """The action that a gripper's controller serves."""
    return GripperCommand if channel.kind is CommandKind.GRIPPER_COMMAND else ParallelGripperCommand


def gripper_goal(spec: RobotSpec, opening: float) -> GripperGoal:
    """The goal of the gripper's action for ``opening`` [0, 1]."""
    channel, value = spec.gripper.command, spec.gripper.value(opening)
    if channel.kind is CommandKind.GRIPPER_COMMAND:
        goal = GripperCommand.Goal()
        goal.command.position, goal.command.max_effort = value, channel.max_effort
        return goal
    efforts = [channel.max_effort] if channel.max_effort else []
    return ParallelGripperCommand.Goal(
        command=JointState(name=[spec.gripper_wire], position=[value], effort=efforts)
    )


def gripper_goal_opening(goal: GripperGoal, spec: RobotSpec) -> float:
    """The opening [0, 1] of a goal of the gripper's action.

    Raises:
        InvalidValueError: not one finite position, or one of another joint.
    """
    if isinstance(goal, GripperCommand.Goal):
        told = [goal.command.position]
    else:
        told = list(goal.command.position)
        if list(goal.command.name) not in ([], [spec.gripper_wire]):
            raise InvalidValueError(
                f"gripper goal for {list(goal.command.name)}; expected {spec.gripper_wire}"
            )
    if len(told) != 1 or not np.isfinite(told[0]):
        raise InvalidValueError(f"gripper goal: {told[:5]}, expected one finite position")
    return float(np.clip(spec.gripper.opening(told[0]), 0.0, 1.0))


def gripper_goal_ended_well(status: int, result: object) -> bool:
    """Whether a goal of the gripper's action was reached, or ended at a thing between the fingers."""
    return status == GoalStatus.STATUS_SUCCEEDED or bool(getattr(result, "stalled", False))


def _command(channel: CommandChannel, names: list[str], rows: F64, dt_s: float) -> ControllerCommand:
    if channel.kind is CommandKind.FORWARD_POSITION:
        return Float64MultiArray(data=array("d", rows[0].tolist()))
    msg = JointTrajectory(joint_names=names)
    speeds = _speeds(rows, dt_s) if channel.velocities else None
    for t, row in enumerate(rows):
        point = JointTrajectoryPoint(
            positions=array("d", row.tolist()), time_from_start=_duration((t + 1) * dt_s)
        )
        if speeds is not None:
            point.velocities = array("d", speeds[t].tolist())
        msg.points.append(point)
    return msg


def _speeds(rows: F64, dt_s: float) -> F64:
    """Velocities at the points, by differences. The last one is 0: a controller refuses a trajectory that
    ends in motion, and the next one replaces it before its end."""
    speeds = np.zeros_like(rows)
    if len(rows) > 1:
        speeds[:-1] = (rows[1:] - rows[:-1]) / dt_s
        speeds[1:-1] = (rows[2:] - rows[:-2]) / (2 * dt_s)
    return speeds


def _duration(seconds: float) -> Duration:
    sec, nanosec = divmod(round(seconds * NS), NS)
    return Duration(sec=sec, nanosec=nanosec)


@dataclass(frozen=True, slots=True)
class ArmPoints:
    """A command of a controller in the units of the contract: ``rows`` f64 (T, n), due ``due_s`` f64 (T,) [s]
    after its start; ``speeds`` f64 (T, n) at the rows, None where it tells none; ``start_ns``: when it
    starts, 0: when it comes."""

    rows: F64
    due_s: F64
    speeds: F64 | None = None
    start_ns: int = 0


def arm_points(msg: ControllerCommand, spec: RobotSpec) -> ArmPoints:
    """A command for the arm's controller: ``rows`` (T, J) [rad] in the order of the contract.

    Raises:
        InvalidValueError: other joints than the arm's, a point that leaves some out, values that are not
            finite, or times that run back.
    """
    points = _points(msg, list(spec.wire_names), _arm_columns(spec), f"trajectory of {spec.name}")
    count = len(spec.joints)
    rows = [j.from_wire(float(v)) for row in points.rows for j, v in zip(spec.joints, row, strict=True)]
    speeds = None
    if points.speeds is not None:
        rates = [
            j.rate_from_wire(float(v)) for row in points.speeds for j, v in zip(spec.joints, row, strict=True)
        ]
        speeds = np.array(rates, np.float64).reshape(-1, count)
    rows_rad = np.array(rows, np.float64).reshape(-1, count)
    return ArmPoints(rows_rad, points.due_s, speeds, points.start_ns)


def gripper_points(msg: ControllerCommand, spec: RobotSpec) -> ArmPoints:
    """A command for the gripper's controller: ``rows`` (T, 1) openings [0, 1].

    Raises:
        InvalidValueError: another joint, a point without a position, or a value that is not finite.
    """
    with_arm = spec.gripper.command.kind is CommandKind.WITH_ARM
    columns = _arm_columns(spec) if with_arm else [spec.gripper_wire]
    points = _points(msg, [spec.gripper_wire], columns, "gripper trajectory")
    openings = [spec.gripper.opening(float(v)) for v in points.rows[:, 0]]
    return ArmPoints(np.clip(np.array(openings, np.float64), 0.0, 1.0).reshape(-1, 1), points.due_s)


def _arm_columns(spec: RobotSpec) -> list[str]:
    with_arm = spec.gripper.command.kind is CommandKind.WITH_ARM
    return [*spec.wire_names, spec.gripper_wire] if with_arm else list(spec.wire_names)


def _points(msg: ControllerCommand, wanted: list[str], columns: list[str], told: str) -> ArmPoints:
    """The columns ``wanted`` of a command that has exactly ``columns``, in any order."""
    speeds, start_ns = None, 0
    if isinstance(msg, Float64MultiArray):
        names, positions, due = columns, [list(msg.data)], [0.0]
    else:
        start_ns = time_from_msg(msg.header.stamp)
        names, positions = list(msg.joint_names), [list(point.positions) for point in msg.points]
        due = [time_from_msg(point.time_from_start) / NS for point in msg.points]
    if sorted(names) != sorted(columns) or any(len(row) != len(columns) for row in positions):
        raise InvalidValueError(
            f"{told}: {[len(row) for row in positions][:5]} positions a point for {names}; expected {columns}"
        )
    rows = np.array(positions, np.float64).reshape(-1, len(columns))
    if not np.isfinite(rows).all():
        raise InvalidValueError(f"{told}: holds NaN or infinity")
    due_s = np.array(due, np.float64)
    if (due_s < 0.0).any() or (np.diff(due_s) < 0.0).any():
        raise InvalidValueError(f"{told}: times from start {due_s[:5].tolist()} s, expected 0 and rising")
    order = [names.index(name) for name in wanted]
    if isinstance(msg, JointTrajectory) and any(len(point.velocities) for point in msg.points):
        speeds = _velocities(msg, len(columns), told)[:, order]
    return ArmPoints(rows[:, order], due_s, speeds, start_ns)


def _velocities(msg: JointTrajectory, count: int, told: str) -> F64:
    """Velocities (T, ``count``) of a trajectory of which some point has them."""
    found = [list(point.velocities) for point in msg.points]
    if any(len(row) != count for row in found) or not np.isfinite(np.array(found)).all():
        raise InvalidValueError(f"{told}: velocities {found[:3]}, expected {count} finite ones a point")
    return np.array(found, np.float64)
