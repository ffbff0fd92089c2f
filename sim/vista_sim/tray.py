"""What lies in the tray, and where in it there is room for one more thing."""

from __future__ import annotations

import numpy as np

from vista.types import F64
from vista_sim.expert import TRAY_FLOOR, is_held
from vista_sim.objects import ObjectSpec
from vista_sim.scene import TRAY_HALF
from vista_sim.world import World

REACH_M = 0.06
"""A thing whose centre is nearer than this to the tray's, in x and in y, is over its ground [m]."""
TALLEST_M = 0.11
GAP_M = 0.004


def footprint(spec: ObjectSpec) -> float:
    """Radius [m] of the circle that a thing needs, whichever way it is turned."""
    reach = spec.half_width
    for geom in spec.geoms:
        if geom.fromto:
            reach = max(reach, float(np.abs(np.array(geom.fromto).reshape(2, 3)[:, :2]).max()) + geom.size[0])
        elif geom.type == "box":
            corner = np.abs(geom.pos[:2]) + np.array(geom.size[:2])
            reach = max(reach, float(np.hypot(*corner)))
    return reach


def over_tray(world: World, index: int) -> bool:
    """Truth: the object's centre is within the tray's walls, seen from above, and no higher than things that
    lie in it can be."""
    if world.scene.tray is None:
        return False
    centre = world.object_pose(index)[:3, 3]
    off = float(np.abs(centre[:2] - np.array(world.scene.tray)).max())
    return off < REACH_M and centre[2] < TALLEST_M


def in_tray(world: World, index: int) -> bool:
    """Truth: the object rests in the tray, on its ground or on what lies there, and is not held."""
    return over_tray(world, index) and world.object_speed(index) < 0.1 and not is_held(world, index)


def free_spot(world: World, index: int) -> tuple[F64, float]:
    """Where (2,) to put object ``index`` into the tray, and the height of the ground there [m].

    The corner with the most room, so that more fits in; where none has enough, the ground is the top of what
    is in the way: it comes to lie on that or slides off it, still in the tray.
    """
    assert world.scene.tray is not None
    middle = np.array(world.scene.tray)
    size = footprint(world.scene.objects[index].spec)
    others = [
        (world.object_pose(i)[:3, 3], footprint(placed.spec), placed.spec.half_height)
        for i, placed in enumerate(world.scene.objects)
        if i != index and over_tray(world, i)
    ]

    def room(spot: F64) -> float:
        return min((float(np.hypot(*(spot - at[:2]))) - size - r for at, r, _ in others), default=1.0)

    off = max(0.0, TRAY_HALF - size - GAP_M)
    # The corner that the hand is over already wins a tie, so that the answer does not jump on the way.
    hand = world.ee_pose()[:2, 3]
    corners = [middle + off * np.array([a, b]) for a in (-1, 1) for b in (-1, 1)]
    where = max(corners, key=lambda spot: (round(room(spot), 2), -float(np.hypot(*(spot - hand)))))
    tops = [at[2] + h for at, r, h in others if np.hypot(*(where - at[:2])) < size + r + GAP_M]
    return where, float(max(tops, default=TRAY_FLOOR))


def tallest(world: World, index: int) -> float:
    """Height of the highest thing in the tray but ``index`` [m]; 0 if it is empty."""
    return max(
        (
            float(world.object_pose(i)[2, 3]) + placed.spec.half_height
            for i, placed in enumerate(world.scene.objects)
            if i != index and over_tray(world, i)
        ),
        default=0.0,
    )
