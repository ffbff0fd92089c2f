"""Predicates about the tray, by the simulator's truth: which objects lie in it, and how high."""

from __future__ import annotations

import numpy as np

from vista_sim.experts.tabletop import is_held
from vista_sim.world import World

REACH_M = 0.06
"""A thing whose centre is nearer than this to the tray's, in x and in y, is over its ground [m]."""
TALLEST_M = 0.11


def over_tray(world: World, index: int) -> bool:
    """The object's centre is within the tray's walls, seen from above, and no higher than things that
    lie in it can be."""
    if world.scene.tray is None:
        return False
    centre = world.object_pose(index)[:3, 3]
    off = float(np.abs(centre[:2] - np.array(world.scene.tray)).max())
    return off < REACH_M and centre[2] < TALLEST_M


def in_tray(world: World, index: int) -> bool:
    """The object rests in the tray, on its ground or on other objects, and is not held."""
    return over_tray(world, index) and world.object_speed(index) < 0.1 and not is_held(world, index)


def top(world: World, index: int) -> float:
    """Height [m] of the top of an object that stands upright."""
    return float(world.object_pose(index)[2, 3]) + world.scene.objects[index].spec.half_height


def beside(world: World, index: int) -> list[int]:
    """The objects over the tray's ground, without ``index``."""
    return [i for i in range(len(world.scene.objects)) if i != index and over_tray(world, i)]


def tallest(world: World, index: int) -> float:
    """Height of the highest object in the tray without ``index`` [m]; 0 if it is empty."""
    return max((top(world, i) for i in beside(world, index)), default=0.0)
