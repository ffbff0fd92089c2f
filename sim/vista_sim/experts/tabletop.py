"""Scripted experts with privileged poses: every action is a function of what can be seen.

A demonstrator with a memory of phases teaches a policy its schedule instead of the scene; so each action here
follows from poses, finger width and the last gripper command alone ("funnel": the lower, the better aligned).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vista.types import F64
from vista_sim.world import World, top_down, yaw_of

NEAR_STEP, FAR_STEP, DESCENT, YAW_STEP = 0.03, 0.06, 0.022, 0.2
TRAY_FLOOR = 0.004
LIFT = 0.02
JAW_GAP = 0.008
"""Between a thing and a jaw that does not move, when the hand comes down [m]."""


@dataclass(frozen=True, slots=True)
class ExpertAction:
    """Target pose (4, 4) in the base frame, gripper [0, 1], and whether the subtask is complete."""

    target: F64
    gripper: float
    done: bool = False


def grasp_height(world: World, index: int) -> float:
    """Height of the pads' centre for a grasp where the object is now [m]."""
    spec = world.scene.objects[index].spec
    return max(0.015, float(world.object_pose(index)[2, 3]) + spec.grasp_above)


def grasp_yaw(world: World, index: int, current: float) -> float:
    """The grasp's yaw nearest to the middle between the current one and that of the hand at first: inside
    +-90 degrees of the latter, and seldom a long turn."""
    spec = world.scene.objects[index].spec
    if spec.symmetry == 0.0:
        return float(np.clip(current, world.yaw - 1.2, world.yaw + 1.2))
    pose = world.object_pose(index)
    base = float(np.arctan2(pose[1, 0], pose[0, 0]))
    options = base + spec.symmetry * np.arange(-8, 9)
    return float(options[np.argmin(np.abs(options - (world.yaw + current) / 2))])


def _limited(
    world: World, goal: F64, yaw: float, lateral_cap: float, down_cap: float, gripper: float
) -> ExpertAction:
    """One step from the measured pose towards position ``goal`` (3,) and ``yaw``."""
    pose = world.ee_pose()
    here, delta = pose[:3, 3], goal - pose[:3, 3]
    lateral = float(np.hypot(delta[0], delta[1]))
    if lateral > lateral_cap:
        delta[:2] *= lateral_cap / lateral
    delta[2] = float(np.clip(delta[2], -down_cap, 0.05))
    now = yaw_of(pose)
    turn = float(np.clip(yaw - now, -YAW_STEP, YAW_STEP))
    x, y, z = here + delta
    return ExpertAction(top_down(x, y, z, now + turn), gripper)


def is_held(world: World, index: int) -> bool:
    """FingerServos closed on something and the object between them."""
    spec = world.scene.objects[index].spec
    apart = np.linalg.norm(world.object_pose(index)[:3, 3] - world.ee_pose()[:3, 3])
    return bool(
        world.gripper_command < 0.5
        and apart < 0.035
        and world.gripper > 0.5 * spec.half_width / world.finger_m
    )


def grasp(world: World, index: int) -> ExpertAction:
    """Next step of "grasp the object": funnel down, close, lift 2 cm."""
    pose = world.ee_pose()
    centre = world.object_pose(index)[:3, 3]
    spec = world.scene.objects[index].spec
    if world.gripper_command < 0.5:
        stalled = abs(world.gripper_velocity) < 0.15
        if not stalled:
            return ExpertAction(_hold(world), 0.0)
        if is_held(world, index):
            # By how much the object still has to rise: where between the fingers it hangs does not matter.
            rise = world.scene.objects[index].z + spec.half_height + LIFT + 0.004 - centre[2]
            target = np.array([pose[0, 3], pose[1, 3], pose[2, 3] + max(rise, -0.02)])
            done = bool(centre[2] > world.scene.objects[index].z + spec.half_height + LIFT - 0.006)
            step = _limited(world, target, yaw_of(pose), NEAR_STEP, DESCENT, 0.0)
            return ExpertAction(step.target, 0.0, done)
        # Closed on nothing: open and rise, then the funnel starts again.
        return ExpertAction(top_down(pose[0, 3], pose[1, 3], pose[2, 3] + 0.02, yaw_of(pose)), 1.0)
    height = grasp_height(world, index)
    yaw = grasp_yaw(world, index, yaw_of(pose))
    aim = centre[:2] - world.beside_jaw(spec.half_width, yaw, JAW_GAP)
    lateral = float(np.hypot(*(aim - pose[:2, 3])))
    turn = abs(yaw - yaw_of(pose))
    above = height + 2.2 * max(0.0, lateral - 0.003) + 0.25 * max(0.0, turn - 0.04)
    above = min(above, max(world.hover_m, height))
    ready = lateral < 0.007 and abs(pose[2, 3] - height) < 0.006 and turn < 0.08
    if ready and world.gripper > 0.85:
        return ExpertAction(_hold(world), 0.0)
    near = pose[2, 3] < 0.14 and lateral < 0.1
    if pose[2, 3] < above - 0.02 and lateral > 0.03:
        # Too low to go sideways among other objects: rise first.
        return _limited(world, np.array([*aim, above]), yaw, 0.008, DESCENT, 1.0)
    target = np.array([*aim, above])
    down = DESCENT if pose[2, 3] < height + 0.09 else 0.05
    return _limited(world, target, yaw, NEAR_STEP if near else FAR_STEP, down, 1.0)


def _hold(world: World) -> F64:
    pose = world.ee_pose()
    return top_down(pose[0, 3], pose[1, 3], pose[2, 3], yaw_of(pose))


def place(world: World, index: int, where: F64, ground: float, clearance: float) -> ExpertAction:
    """Next step of "place the held object": over ``where`` (2,), down to ``ground``, open, retreat.

    ``clearance``: height the object's foot must have while it travels [m].
    """
    pose = world.ee_pose()
    spec = world.scene.objects[index].spec
    centre = world.object_pose(index)[:3, 3]
    yaw = yaw_of(pose)
    over = float(np.hypot(*(where - centre[:2])))
    if not is_held(world, index):
        if over < 0.06 or world.gripper_command > 0.5:
            # Released: straight up until nothing touches.
            done = bool(pose[2, 3] > world.retreat_m - 0.01 and world.gripper > 0.8)
            target = np.array([pose[0, 3], pose[1, 3], world.retreat_m])
            return ExpertAction(_limited(world, target, yaw, NEAR_STEP, DESCENT, 1.0).target, 1.0, done)
        return ExpertAction(_hold(world), 1.0)
    offset = float(pose[2, 3] - centre[2])
    low = ground + spec.half_height + offset
    high = clearance + spec.half_height + offset
    aligned = over < 0.01
    height = low + 0.006 if aligned else min(high, low + 0.006 + 3.0 * over)
    goal = np.array([*(pose[:2, 3] + where - centre[:2]), height])
    if aligned and pose[2, 3] < low + 0.014:
        return ExpertAction(_hold(world), 1.0)
    # Sideways only as fast as the height allows.
    cap = FAR_STEP if pose[2, 3] > height - 0.03 else 0.0
    if over < 0.08:
        cap = min(cap, NEAR_STEP)
    return _limited(world, goal, yaw, cap, 0.035, 0.0)
