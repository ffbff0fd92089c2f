"""Scripted expert and true goal states for drawers: open or shut one, put an object in, take one out."""

from __future__ import annotations

import mujoco
import numpy as np

from vista.types import F64
from vista_sim.experts import goal_states
from vista_sim.experts.carry import Spot, put_down, step_towards, top_at
from vista_sim.experts.tabletop import FAR_STEP, NEAR_STEP, ExpertAction
from vista_sim.model import cabinet
from vista_sim.world import World, top_down, yaw_of

HANDLE_YAW = np.pi / 2
"""Hand yaw around a handle [rad]: the wrist is far from its limits on the whole cabinet."""
OPEN, WIDE = 0.145, 0.15
"""A drawer counts as open from here; the expert pulls to there [m]."""
SHUT = 0.015
"""A drawer counts as shut up to here [m]."""
RETREAT_Z = 0.24
CLEARANCE = 0.135
"""Height of a carried object's foot: above every handle [m]."""


def handle_position(world: World, drawer: int) -> F64:
    """Middle (3,) of a drawer's handle in the base frame [m]."""
    x = cabinet.CENTRE_X + cabinet.FRONT + world.drawer_opening(drawer)
    y = cabinet.DRAWER_Y[world.scene.drawers][drawer]
    return np.array([x, y, cabinet.HANDLE_HEIGHT])


def inside_position(world: World, drawer: int) -> F64:
    """Middle (2,) of a drawer's ground in the base frame [m]."""
    x, y, _ = handle_position(world, drawer)
    return np.array([x - cabinet.FRONT, y])


def is_inside(world: World, index: int, drawer: int) -> bool:
    """Truth: the object's centre is within the drawer's walls and low enough to lie in it."""
    centre = world.object_pose(index)[:3, 3]
    off = np.abs(centre[:2] - inside_position(world, drawer))
    low = centre[2] < cabinet.FLOOR + world.scene.objects[index].spec.half_height + 0.02
    return bool(off[0] < cabinet.INNER_X and off[1] < cabinet.INNER_Y and low)


def open_drawer(world: World, drawer: int) -> ExpertAction:
    """Next step of "open the drawer": down around the handle, close, pull, let go, up and turn back."""
    return _slide(world, drawer, WIDE + 0.005, world.drawer_opening(drawer) >= OPEN)


def close_drawer(world: World, drawer: int) -> ExpertAction:
    """Next step of "close the drawer": the same, pushing."""
    return _slide(world, drawer, -0.005, world.drawer_opening(drawer) <= SHUT)


def _slide(world: World, drawer: int, wanted: float, there: bool) -> ExpertAction:
    """Next step towards an opening of ``wanted`` [m]; ``there``: it is near enough to let go."""
    pose = world.ee_pose()
    here, yaw = pose[:3, 3], yaw_of(pose)
    handle = handle_position(world, drawer)
    off = handle - here
    if world.gripper_command < 0.5:
        if abs(world.gripper_velocity) > 0.15:
            return ExpertAction(top_at(here, yaw), 0.0)
        width = cabinet.HANDLE_HALF / world.finger_m
        around = abs(off[0]) < 0.015 and abs(off[1]) < 0.03 and abs(off[2]) < 0.015
        if not around or not 0.5 * width < world.gripper < 2.5 * width or there:
            return ExpertAction(top_at(here, yaw), 1.0)
        pull = float(np.clip(wanted - world.drawer_opening(drawer), -0.03, 0.03))
        goal = np.array([here[0] + pull, handle[1], handle[2]])
        return step_towards(world, goal, HANDLE_YAW, 0.04, 0.02, 0.0)
    if there:
        return _leave(world, handle)
    lateral, turn = float(np.hypot(off[0], off[1])), abs(HANDLE_YAW - yaw)
    if lateral < 0.007 and abs(off[2]) < 0.006 and turn < 0.08 and world.gripper > 0.85:
        return ExpertAction(top_at(here, yaw), 0.0)
    height = handle[2] + min(0.09, 4.0 * max(0.0, lateral - 0.004) + 0.25 * max(0.0, turn - 0.05))
    if here[2] < height - 0.02 and lateral > 0.02:
        # Too low to go sideways among handles and objects: rise first.
        return step_towards(world, np.array([*handle[:2], height]), HANDLE_YAW, 0.008, 0.03, 1.0)
    near = lateral < 0.08
    goal = np.array([*handle[:2], height])
    return step_towards(
        world, goal, HANDLE_YAW, NEAR_STEP if near else FAR_STEP, 0.025 if near else 0.05, 1.0
    )


def _leave(world: World, handle: F64) -> ExpertAction:
    pose = world.ee_pose()
    here, yaw = pose[:3, 3], yaw_of(pose)
    if world.gripper < 0.7 and here[2] < cabinet.HANDLE_TOP + 0.03:
        return ExpertAction(top_at(here, yaw), 1.0)
    clear = here[2] > cabinet.HANDLE_TOP + 0.035
    done = bool(here[2] > RETREAT_Z - 0.01 and abs(yaw) < 0.12 and world.gripper > 0.8)
    action = step_towards(
        world, np.array([here[0], here[1], RETREAT_Z]), 0.0 if clear else yaw, 0.0, 0.04, 1.0
    )
    return ExpertAction(action.target, 1.0, done)


def put_inside(world: World, index: int, drawer: int) -> ExpertAction:
    """Next step of "place the object in the drawer"."""
    spot = Spot(inside_position(world, drawer), cabinet.FLOOR, CLEARANCE, 0.012, yaw=0.0, retreat=RETREAT_Z)
    return put_down(world, index, spot)


# --- true goals ---


def show_opened(world: World, drawer: int) -> None:
    """Set the state "drawer open, the hand above its handle"; the objects in the drawer move with it."""
    slide_to(world, drawer, WIDE)


def show_closed(world: World, drawer: int) -> None:
    """Set the state "drawer shut, the hand above its handle"; the objects in the drawer move with it."""
    slide_to(world, drawer, 0.0)


def slide_to(world: World, drawer: int, opening: float) -> None:
    """Set the state "drawer ``opening`` [m] out, the hand above its handle"."""
    before = world.drawer_opening(drawer)
    inside = [i for i in range(len(world.scene.objects)) if is_inside(world, i, drawer)]
    world.set_drawer(drawer, opening)
    for i in inside:
        pose = world.object_pose(i)
        x, y, z = pose[:3, 3]
        yaw = float(np.arctan2(pose[1, 0], pose[0, 0]))
        world.set_object(i, (float(x + opening - before), float(y), float(z)), yaw)
    x, y, _ = handle_position(world, drawer)
    target = top_down(float(x), float(y), RETREAT_Z, 0.0)
    world.set_arm(world.kinematics.inverse(target, world.joints, iterations=60), 1.0)
    world.gripper_command = 1.0
    mujoco.mj_forward(world.model, world.data)


def ensure_open(world: World, drawer: int) -> None:
    """A goal after the opening shows an open drawer, whatever the world is like now."""
    if world.drawer_opening(drawer) < OPEN:
        show_opened(world, drawer)


def show_inside(world: World, index: int, drawer: int) -> None:
    """Set the state "the object lies in the open drawer", the arm retreated above."""
    ensure_open(world, drawer)
    where = inside_position(world, drawer)
    goal_states.show_placed(world, index, where, cabinet.FLOOR)
    target = top_down(float(where[0]), float(where[1]), RETREAT_Z, 0.0)
    world.set_arm(world.kinematics.inverse(target, world.joints, iterations=60), 1.0)
    mujoco.mj_forward(world.model, world.data)
