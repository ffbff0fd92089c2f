"""A low cabinet with drawers at the robot's side of the table; drawers slide towards +x and the camera.

Each handle is a bar along y that stands above the front panel: an open gripper, yawed by 90 degrees, goes
down around it without touching the cabinet, and an open drawer is free from above.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET

from vista_sim.model.elements import add

CENTRE_X = 0.25
"""Middle of a closed drawer [m]."""
TRAVEL = 0.16
FLOOR = 0.008
"""Height of the ground inside a drawer [m]."""
INNER_X, INNER_Y = 0.066, 0.078
"""Half lengths of the free ground inside a drawer [m]."""
HIDDEN_HEIGHT = 0.064
"""Tallest object over which a drawer shuts [m]."""
HANDLE_HEIGHT, HANDLE_HALF, HANDLE_TOP = 0.111, 0.006, 0.119
FRONT = 0.072
"""How far a handle is from the middle of its drawer [m]."""
DRAWER_Y = {1: (0.0,), 3: (-0.19, 0.0, 0.19)}
DRAWER_NAMES: dict[int, tuple[str, ...]] = {
    0: (),
    1: ("drawer",),
    3: ("left drawer", "middle drawer", "right drawer"),
}

_WOOD, _INSIDE, _STEEL = "0.55 0.42 0.3 1", "0.8 0.74 0.66 1", "0.3 0.3 0.33 1"
_HALF, _DEPTH = 0.092, FRONT


def add_cabinet(world: ET.Element, drawers: int) -> None:
    """Add the cabinet to ``world``: bodies and joints ``drawer0``…, sites ``handle0``… and ``inside0``…"""
    body = add(world, "body", name="cabinet", pos=(CENTRE_X, 0, 0))
    width = _HALF * drawers + 0.01 + 0.01 * (drawers - 1)
    # The top ends where the panels begin: an open drawer is free over its whole depth.
    add(body, "geom", type="box", size=(0.0805, width, 0.004), pos=(-0.0145, 0, 0.078), rgba=_WOOD)
    add(body, "geom", type="box", size=(0.004, width, 0.037), pos=(-0.091, 0, 0.037), rgba=_WOOD)
    for sign in (-1, 1):
        add(
            body,
            "geom",
            type="box",
            size=(0.0805, 0.004, 0.037),
            pos=(-0.0145, sign * width, 0.037),
            rgba=_WOOD,
        )
    for i, y in enumerate(DRAWER_Y[drawers]):
        _add_drawer(body, i, y)


def _add_drawer(cabinet: ET.Element, index: int, y: float) -> None:
    box = add(cabinet, "body", name=f"drawer{index}", pos=(0, y, 0))
    add(box, "joint", name=f"drawer{index}", type="slide", axis="1 0 0", range=(0, TRAVEL),
        damping="4", frictionloss="0.5", armature="0.1")  # fmt: skip
    add(box, "inertial", mass="0.3", pos="0 0 0.03", diaginertia="1e-3 1e-3 1e-3")
    width = _HALF - 0.008
    add(box, "geom", type="box", size=(_DEPTH, width, 0.002), pos=(0, 0, FLOOR - 0.002), rgba=_INSIDE,
        friction="1 .01 .0005", condim="4")  # fmt: skip
    for sign in (-1, 1):
        add(
            box,
            "geom",
            type="box",
            size=(_DEPTH, 0.003, 0.016),
            pos=(0, sign * (width - 0.003), 0.024),
            rgba=_INSIDE,
        )
    add(box, "geom", type="box", size=(0.003, width, 0.016), pos=(-_DEPTH + 0.003, 0, 0.024), rgba=_INSIDE)
    add(box, "geom", type="box", size=(0.004, width + 0.004, 0.037), pos=(_DEPTH, 0, 0.042), rgba=_WOOD)
    for sign in (-1, 1):
        add(
            box,
            "geom",
            type="box",
            size=(0.004, 0.004, 0.028),
            pos=(_DEPTH, sign * 0.034, 0.085),
            rgba=_STEEL,
        )
    bar = (HANDLE_HALF, 0.038, HANDLE_TOP - HANDLE_HEIGHT)
    add(box, "geom", name=f"handle{index}", type="box", size=bar, pos=(_DEPTH, 0, HANDLE_HEIGHT), rgba=_STEEL,
        friction="1.2 .02 .0005", condim="4")  # fmt: skip
    add(box, "site", name=f"handle{index}", pos=(_DEPTH, 0, HANDLE_HEIGHT), group="4", size="0.004")
    add(box, "site", name=f"inside{index}", pos=(0, 0, FLOOR), group="4", size="0.004")
