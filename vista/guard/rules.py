"""The rules of the guard, each a pure function, so that each can be read and tested by itself.

There are two kinds. A *hold* rule says in words why nothing may be sent in a case, or returns None. A *clip*
rule takes rows f64 (T, A) and returns rows that keep the rule, and in words what it changed, or None.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from vista.guard.limits import GuardLimits
from vista.robot.rotations import from_quat, from_rotvec, to_rotvec
from vista.types import F64, ActionChunk, ActionSpace, Observation, RobotSpec
from vista.types.body import UNLIMITED

ForwardKinematics = Callable[[F64], F64]
"""Joint positions (J,) [rad] to the end effector's position (3,) in the base frame [m]."""
NearLinks = Callable[[F64], Mapping[tuple[str, str], float]]
"""Joint positions (J,) [rad] to {(link, what it comes near to): how far apart they are [m]}."""
STILL_M = 1e-3
"""Links that are near, but no nearer than half the clearance, may come nearer by so much a chunk: a servo is
never quite where it was told."""
NOISE_M = 1e-5
FINE_RAD = 0.05
"""Postures between two rows are looked at so far apart, at the joint that turns most."""


@dataclass(frozen=True, slots=True)
class Case:
    """The arguments of a rule. ``now_ns``: the robot's clock [ns], None if the guard has none."""

    chunk: ActionChunk
    obs: Observation
    spec: RobotSpec
    limits: GuardLimits
    now_ns: int | None = None
    forward: ForwardKinematics | None = None
    near: NearLinks | None = None


HoldRule = Callable[[Case], str | None]
ClipRule = Callable[[Case, F64], tuple[F64, str | None]]


def finite(case: Case) -> str | None:
    """A chunk is checked when it is built; this finds one that was changed since."""
    if np.isfinite(case.chunk.actions).all():
        return None
    return "the chunk holds NaN or infinity"


def action_space(case: Case) -> str | None:
    """The action space is that of the contract, or absolute joint positions, which any arm takes."""
    chunk, spec = case.chunk, case.spec
    allowed = {spec.action_space, ActionSpace.JOINT_POSITION}
    if chunk.space not in allowed:
        return f"{chunk.space}, {spec.name} takes {' or '.join(sorted(allowed))}"
    if chunk.space is ActionSpace.JOINT_POSITION:
        joints = len(spec.joint_names)
        if chunk.actions.shape[1] != joints + 1:
            return f"{chunk.actions.shape[1]} columns, {spec.name} has {joints} joints and a gripper"
        if len(case.obs.joint_pos) != joints:
            return f"{len(case.obs.joint_pos)} joints observed, {spec.name} has {joints}"
    return None


def dt(case: Case) -> str | None:
    """The time step is that of the contract: with another one every speed would be wrong."""
    want = 1 / case.spec.control_hz
    if abs(case.chunk.dt_s - want) <= case.limits.dt_tolerance * want:
        return None
    return f"dt {case.chunk.dt_s:g} s, {case.spec.name} takes {want:g} s"


def stale(case: Case) -> str | None:
    """The chunk was planned from the observation at hand, and that is not old."""
    age_s = (case.obs.stamp_ns - case.chunk.start_stamp_ns) * 1e-9
    if -age_s > case.limits.max_age_s:
        return f"the observation at hand is {-age_s:.2f} s older than the one it was planned from"
    if case.now_ns is not None:
        age_s = max(age_s, (case.now_ns - case.chunk.start_stamp_ns) * 1e-9)
    if age_s > case.limits.max_age_s:
        return f"planned from an observation {age_s:.2f} s old, at most {case.limits.max_age_s:g} s"
    return None


def jump(case: Case) -> str | None:
    """The first row is near the measured state: else the chunk was planned for another one."""
    first, limits = case.chunk.actions[0].astype(np.float64), case.limits
    if case.chunk.space is ActionSpace.JOINT_POSITION:
        gaps = np.abs(first[:-1] - case.obs.joint_pos)
        worst = int(np.argmax(gaps))
        if gaps[worst] > limits.max_joint_jump_rad:
            name = case.spec.joint_names[worst]
            return (
                f"first row {gaps[worst]:.2f} rad away at {name}, at most {limits.max_joint_jump_rad:g} rad"
            )
        return None
    gap, turn = float(np.linalg.norm(first[:3])), float(np.linalg.norm(first[3:6]))
    if gap > limits.max_jump_m:
        return f"first row {gap:.3f} m away, at most {limits.max_jump_m:g} m"
    if turn > limits.max_jump_rad:
        return f"first row turned by {turn:.2f} rad, at most {limits.max_jump_rad:g} rad"
    return None


def reach(case: Case) -> str | None:
    """Joint targets stay in the workspace. They are not clipped to it, as that needs inverse kinematics. A
    target outside that comes closer is let through: otherwise the arm could never get back."""
    if case.chunk.space is not ActionSpace.JOINT_POSITION or case.forward is None:
        return None
    now = _outside(case, case.obs.ee_pose.position)
    for row, joints in enumerate(case.chunk.actions[:, :-1].astype(np.float64)):
        gap = _outside(case, case.forward(joints))
        if not np.isfinite(gap):
            return f"row {row} ends at an unknown place"
        if gap > 1e-3 and gap > now:
            return f"row {row} ends {gap:.3f} m outside the workspace"
    return None


def links(case: Case) -> str | None:
    """No link comes near to a keep-out zone or to another link, neither at a row nor on the way to it. What
    is near already may move away, and along."""
    if case.chunk.space is not ActionSpace.JOINT_POSITION or case.near is None:
        return None
    before = case.obs.joint_pos.astype(np.float64)
    now = case.near(before)
    zones = {zone.name for zone in case.spec.keep_out}
    for row, joints in enumerate(case.chunk.actions[:, :-1].astype(np.float64)):
        count = max(2, int(np.ceil(min(float(np.abs(joints - before).max()), np.pi) / FINE_RAD)))
        for share in np.linspace(0.0, 1.0, count + 1)[1:]:
            for (link, other), gap in case.near(before + (joints - before) * share).items():
                clearance = case.limits.link_clearance_m if other in zones else case.limits.self_clearance_m
                slack = STILL_M if gap >= clearance / 2 else NOISE_M
                if gap < now.get((link, other), np.inf) - slack:
                    return f"row {row}: {link} comes within {max(gap, 0.0):.3f} m of {other}"
        before = joints
    return None


def duration(case: Case, rows: F64) -> tuple[F64, str | None]:
    """A chunk is short: it ends by itself soon after its sender is gone."""
    most = max(1, int(case.limits.max_chunk_s / case.chunk.dt_s + 1e-6))
    if len(rows) <= most:
        return rows, None
    return rows[:most], f"{len(rows)} rows last {len(rows) * case.chunk.dt_s:g} s, {most} are kept"


def gripper(case: Case, rows: F64) -> tuple[F64, str | None]:
    """The opening is between closed and open."""
    worst = float(rows[np.argmax(np.abs(rows[:, -1] - 0.5)), -1])
    if 0.0 <= worst <= 1.0:
        return rows, None
    return np.column_stack(
        [rows[:, :-1], rows[:, -1].clip(0.0, 1.0)]
    ), f"opening {worst:.2f}, expected 0 to 1"


def workspace(case: Case, rows: F64) -> tuple[F64, str | None]:
    """Hand targets stay inside the box of the workspace; the measured pose takes them to the base frame."""
    rotation, origin = from_quat(case.obs.ee_pose.quat_wxyz), case.obs.ee_pose.position
    targets = origin + rows[:, :3] @ rotation.T
    inside = targets.clip(*_box(case))
    gap = float(np.linalg.norm(targets - inside, axis=1).max())
    if gap <= 1e-6:
        return rows, None
    return np.column_stack([(inside - origin) @ rotation, rows[:, 3:]]), f"target {gap:.3f} m outside the box"


def hand_speed(case: Case, rows: F64) -> tuple[F64, str | None]:
    """No row is further from the one before it than the limits allow; the first is compared with the measured
    pose."""
    step_m = case.limits.max_speed_m_s * case.chunk.dt_s
    step_rad = case.limits.max_turn_rad_s * case.chunk.dt_s
    out, place, facing = rows.copy(), np.zeros(3), np.eye(3)
    fastest_m, fastest_rad = 0.0, 0.0
    for row, wanted in zip(out, from_rotvec(rows[:, 3:6]), strict=True):
        move, turn = row[:3] - place, to_rotvec(facing.T @ wanted)
        length, angle = float(np.linalg.norm(move)), float(np.linalg.norm(turn))
        fastest_m, fastest_rad = max(fastest_m, length), max(fastest_rad, angle)
        if length > step_m * (1 + 1e-6):
            row[:3] = place + move * (step_m / length)
        if angle > step_rad * (1 + 1e-6):
            wanted = facing @ from_rotvec(turn * (step_rad / angle))
            row[3:6] = to_rotvec(wanted)
        place, facing = row[:3].copy(), wanted
    if np.array_equal(out, rows):
        return rows, None
    return out, (
        f"up to {fastest_m / case.chunk.dt_s:.2f} m/s and {fastest_rad / case.chunk.dt_s:.2f} rad/s, "
        f"at most {case.limits.max_speed_m_s:g} and {case.limits.max_turn_rad_s:g}"
    )


def joint_limits(case: Case, rows: F64) -> tuple[F64, str | None]:
    """Joint targets are inside the contract's limits."""
    margin = case.limits.joint_margin_rad
    joints = rows[:, :-1].clip(case.spec.joint_lower + margin, case.spec.joint_upper - margin)
    over = np.abs(joints - rows[:, :-1]).max(axis=0)
    worst = int(np.argmax(over))
    # Targets are f32: less than their last digit over the limit is not over it.
    if over[worst] <= 1e-6:
        return rows, None
    name = case.spec.joint_names[worst]
    return np.column_stack([joints, rows[:, -1]]), f"{name} {over[worst]:.3f} rad over its limit"


def joint_speed(case: Case, rows: F64) -> tuple[F64, str | None]:
    """Joint steps are within the contract's velocities."""
    allowed = case.spec.joint_velocity * case.limits.joint_speed_scale * case.chunk.dt_s
    out, fastest = within_speed(rows, case.obs.joint_pos.astype(np.float64), allowed)
    if np.array_equal(out, rows):
        return rows, None
    return out, f"up to {fastest:.1f} times the allowed joint velocity"


def joint_acceleration(case: Case, rows: F64) -> tuple[F64, str | None]:
    """Speeds change within the contract's accelerations and jerks, from the measured velocity on."""
    spec, dt_s = case.spec, case.chunk.dt_s
    if (spec.joint_acceleration >= UNLIMITED).all() and (spec.joint_jerk >= UNLIMITED).all():
        return rows, None
    start, speed = case.obs.joint_pos.astype(np.float64), case.obs.joint_vel.astype(np.float64)
    fastest = spec.joint_velocity * case.limits.joint_speed_scale
    out, hardest = within_acceleration(
        rows, start, speed, spec.joint_acceleration, spec.joint_jerk, fastest, dt_s
    )
    margin = case.limits.joint_margin_rad
    kept = out[:, :-1].clip(spec.joint_lower + margin, spec.joint_upper - margin)
    stopped = (kept != out[:, :-1]).any(axis=1)
    if stopped.any():  # an arm that cannot slow down before its limit is stopped by it, and goes no further
        out = np.column_stack([kept, out[:, -1]])[: int(np.argmax(stopped)) + 1]
    if np.array_equal(out, rows):
        return rows, None
    return out, f"up to {hardest:.1f} times the allowed change of joint velocity"


def within_acceleration(
    rows: F64, start: F64, speed: F64, acceleration: F64, jerk: F64, fastest: F64, dt_s: float
) -> tuple[F64, float]:
    """Joint targets and opening (T, J + 1), ``dt_s`` [s] apart, from ``start`` (J,) [rad] at ``speed`` (J,)
    [rad/s], that change their speed by no more than ``acceleration`` (J,) [rad/s2], and that by no more than
    ``jerk`` (J,) [rad/s3]; and the largest change of ``rows`` in multiples of what is allowed. All joints of
    a step are changed alike. What lags behind catches up with at most ``fastest`` (J,) [rad/s]."""
    out, before, hardest, push = rows.copy(), start, 0.0, None
    for row in out:
        wanted = (row[:-1] - before) / dt_s
        reached = wanted / max(1.0, float((np.abs(wanted) / fastest).max()) / (1 + 1e-5))
        change = (reached - speed) / dt_s
        excess = float((np.abs(change) / acceleration).max())
        if excess > 1 + 1e-5:
            change = change / excess
        hardest = max(hardest, excess)
        if push is not None:
            excess = float((np.abs(change - push) / (jerk * dt_s)).max())
            hardest = max(hardest, excess)
            if excess > 1 + 1e-5:
                change = push + (change - push) / excess
        after = speed + change * dt_s
        if not np.array_equal(after, wanted):
            row[:-1] = before + after * dt_s
        before, speed, push = row[:-1].copy(), after, change
    return out, hardest


def within_speed(rows: F64, start: F64, allowed: F64) -> tuple[F64, float]:
    """Joint targets and opening (T, J + 1) without a step longer than ``allowed`` (J,) [rad], the first one
    from ``start`` (J,) [rad]; and the largest step of ``rows`` in multiples of that. All joints of a step are
    shortened alike: the arm slows down on its path and does not leave it."""
    out, before, fastest = rows.copy(), start, 0.0
    for row in out:
        step = row[:-1] - before
        excess = float((np.abs(step) / allowed).max())
        fastest = max(fastest, excess)
        if excess > 1 + 1e-5:
            row[:-1] = before + step / excess
        before = row[:-1].copy()
    return out, fastest


def _box(case: Case) -> tuple[F64, F64]:
    lower, upper = case.spec.workspace
    return lower + case.limits.workspace_margin_m, upper - case.limits.workspace_margin_m


def _outside(case: Case, position: F64) -> float:
    lower, upper = _box(case)
    return float(np.linalg.norm(position - position.clip(lower, upper)))


HOLD_RULES: tuple[HoldRule, ...] = (finite, action_space, dt, stale, jump, reach, links)
# Rows that were clipped lie elsewhere: these are asked again.
PLACE_RULES: tuple[HoldRule, ...] = (reach, links)
# The speed rules come last: a target moved into the box must not become a leap.
CLIP_RULES: dict[ActionSpace, tuple[ClipRule, ...]] = {
    ActionSpace.EE_DELTA: (duration, gripper, workspace, hand_speed),
    ActionSpace.JOINT_POSITION: (duration, gripper, joint_limits, joint_speed, joint_acceleration),
}
