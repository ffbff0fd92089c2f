"""How the expert puts a thing into the tray: three ways, each with its goal state and its predicate.

Like every expert here, they read the simulator's truth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vista.types import F64
from vista_sim.experts import drawer_expert, goal_states, tabletop, tray, tray_berth
from vista_sim.experts.carry import Spot, put_down
from vista_sim.experts.tabletop import TRAY_FLOOR, ExpertAction
from vista_sim.world import World

LOW_CLEARANCE = 0.05
"""Height of a carried object's foot where nothing tall is in the way [m]."""
LYING_M = 0.035
"""A thing whose centre is less than this above its own half height lies on the tray's ground [m]."""


@dataclass(frozen=True, slots=True)
class TrayWay:
    """One way to put object ``index`` of a world into the tray.

    ``act(world, index)``: the expert's next action; ``show(world, index)``: set the goal state, without
    physics; ``holds(world, index)``: whether the object lies there now.
    """

    act: Callable[[World, int], ExpertAction]
    show: Callable[[World, int], None]
    holds: Callable[[World, int], bool]


def _middle(world: World) -> F64:
    assert world.scene.tray is not None
    return np.array(world.scene.tray)


def _place_low(world: World, index: int) -> ExpertAction:
    return tabletop.place(world, index, _middle(world), TRAY_FLOOR, LOW_CLEARANCE)


def _place_high(world: World, index: int) -> ExpertAction:
    return put_down(world, index, Spot(_middle(world), TRAY_FLOOR, drawer_expert.CLEARANCE, 0.012))


def _place_beside(world: World, index: int) -> ExpertAction:
    found = tray_berth.find_berth(world, index)
    foot = float(world.object_pose(index)[2, 3]) - world.scene.objects[index].spec.half_height
    ground = max(found.ground, found.hand - (float(world.ee_pose()[2, 3]) - foot))
    clearance = max(world.clearance_m, tray.tallest(world, index) + 0.015)
    return put_down(world, index, Spot(found.where, ground, clearance, yaw=found.yaw))


def _show_in_the_middle(world: World, index: int) -> None:
    goal_states.show_placed(world, index, _middle(world), TRAY_FLOOR)


def _show_beside(world: World, index: int) -> None:
    found = tray_berth.find_berth(world, index)
    goal_states.show_placed(world, index, found.where, found.ground, yaw=found.yaw, turn=found.turn)


def _lies_on_the_ground(world: World, index: int) -> bool:
    centre = world.object_pose(index)[:3, 3]
    inside = np.abs(centre[:2] - _middle(world)).max() < tray.REACH_M
    return bool(inside and centre[2] < world.scene.objects[index].spec.half_height + LYING_M)


LOW = TrayWay(_place_low, _show_in_the_middle, _lies_on_the_ground)
"""Into the middle of an empty tray, low over the table."""
OVER_HANDLES = TrayWay(_place_high, _show_in_the_middle, _lies_on_the_ground)
"""Into the middle of an empty tray, above every handle of a cabinet."""
BESIDE_OTHERS = TrayWay(_place_beside, _show_beside, tray.in_tray)
"""Beside what lies in the tray already, or on top of it; above everything that stands on the table."""
