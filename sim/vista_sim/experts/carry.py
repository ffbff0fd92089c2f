"""The scripted expert's careful way to put a held object down: on another object, or into a drawer.

Like :mod:`vista_sim.experts.tabletop`, every action follows from what can be seen. The object travels
above everything that stands on the table and comes down inside a steep funnel over its place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vista.types import F64
from vista_sim.experts.tabletop import FAR_STEP, NEAR_STEP, YAW_STEP, ExpertAction, is_held
from vista_sim.world import World, top_down, yaw_of


@dataclass(frozen=True, slots=True)
class Spot:
    """Where an object is put down: ``where`` (2,) on ``ground`` [m].

    ``clearance``: height of the object's foot while it travels [m]; ``tolerance``: how close its centre must
    be to ``where`` before it is let go [m]; ``slope``: of the funnel over the spot, height per distance;
    ``yaw``: of the hand when it comes down [rad], None: as it is; ``retreat``: height of the hand afterwards
    [m], None: that of the arm.
    """

    where: F64
    ground: float
    clearance: float
    tolerance: float = 0.006
    slope: float = 10.0
    yaw: float | None = None
    retreat: float | None = None


def on_top(where: F64, ground: float, clearance: float) -> Spot:
    """The spot on top of something, ``where`` (2,) at height ``ground`` [m].

    The funnel is wide and shallow: a policy that learns from this expert sees no 4 mm in an image of 96
    pixels, and learned from a steep funnel to wait high above.
    """
    return Spot(where, ground, clearance, tolerance=0.01, slope=3.0)


def top_at(position: F64, yaw: float) -> F64:
    """Hand pose (4, 4), fingers down, at ``position`` (3,)."""
    return top_down(float(position[0]), float(position[1]), float(position[2]), yaw)


def step_towards(
    world: World, goal: F64, yaw: float, lateral: float, vertical: float, gripper: float
) -> ExpertAction:
    """A step from the measured pose towards position ``goal`` (3,) and ``yaw``, no further each way [m]."""
    pose = world.ee_pose()
    delta = goal - pose[:3, 3]
    apart = float(np.hypot(delta[0], delta[1]))
    if apart > lateral:
        delta[:2] *= lateral / apart
    delta[2] = np.clip(delta[2], -vertical, max(vertical, 0.05))
    now = yaw_of(pose)
    turn = float(np.clip(yaw - now, -YAW_STEP, YAW_STEP))
    return ExpertAction(top_at(pose[:3, 3] + delta, now + turn), gripper)


def put_down(world: World, index: int, spot: Spot) -> ExpertAction:
    """Next step of "place the held object": up, over the spot, down, open, straight up."""
    pose = world.ee_pose()
    here, yaw = pose[:3, 3], yaw_of(pose)
    centre = world.object_pose(index)[:3, 3]
    half = world.scene.objects[index].spec.half_height
    retreat = world.retreat_m if spot.retreat is None else spot.retreat
    if not is_held(world, index):
        if world.gripper_command < 0.5:
            return ExpertAction(top_at(here, yaw), 1.0)
        done = bool(here[2] > retreat - 0.01 and world.gripper > 0.8)
        # Straight up, and not before the fingers have left the object.
        rise = 0.035 if world.gripper > 0.75 else 0.0
        action = step_towards(world, np.array([here[0], here[1], retreat]), yaw, 0.0, 0.03, 1.0)
        target = action.target.copy()
        target[2, 3] = here[2] + np.clip(retreat - here[2], -rise, rise)
        return ExpertAction(target, 1.0, done)
    error = spot.where - centre[:2]
    over = float(np.hypot(*error))
    wanted = yaw if spot.yaw is None else spot.yaw
    turned = abs(wanted - yaw) < 0.08
    grip = here[2] - centre[2] + half
    low, high = spot.ground + grip, spot.clearance + grip
    aligned = over < spot.tolerance and turned
    if aligned and centre[2] - half < spot.ground + 0.004:
        return ExpertAction(top_at(here, yaw), 1.0)
    funnel = 0.002 + spot.slope * max(0.0, over - 0.7 * spot.tolerance)
    height = min(high, low + funnel + (0.0 if turned else 1.0))
    travel = FAR_STEP if over > 0.08 else NEAR_STEP
    # Sideways only once the foot is high enough, or when the spot is right below.
    if over > 0.03 and here[2] < high - 0.02:
        travel = 0.0
    near_ground = here[2] < low + 0.03
    return step_towards(
        world, np.array([*(here[:2] + error), height]), wanted, travel, 0.012 if near_ground else 0.035, 0.0
    )
