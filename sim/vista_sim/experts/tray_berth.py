"""Where in the tray there is room for one more thing, and how the hand is turned that puts it there.

The hand needs room, too: its fingers go down beside the thing and open, and its palm is above the neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vista.types import F64
from vista_sim.experts.tabletop import TRAY_FLOOR, grasp_yaw, is_held
from vista_sim.experts.tray import beside, top
from vista_sim.objects.outline import DIRECTIONS, apart, points_of, reach, turned
from vista_sim.scenes.scene import TRAY_HALF
from vista_sim.world import World, yaw_of

GAP_M = 0.004
"""Kept free around a thing [m], as far as there is room."""
TIGHT_M = -0.002
"""Things that would overlap by no more push each other aside [m]."""
WALL_M, OVER_M = 0.024, 0.002
"""Height of the tray's walls, and how far above them the ends of the fingers stay [m]."""
YAWS: F64 = np.arange(-2, 3) * np.pi / 4
"""Of the hand, from that at first [rad]; turned further, the arm does not reach everything."""
STEPS = 7
"""So many places from wall to wall are tried, either way."""


@dataclass(frozen=True, slots=True)
class Berth:
    """``where`` (2,) the centre of a thing goes, the height of the ``ground`` there [m], the ``yaw`` of the
    hand and its ``turn`` until then [rad], and the lowest height of the ``hand`` [m], from which a low thing
    falls the rest of the way."""

    where: F64
    ground: float
    yaw: float
    turn: float
    hand: float


def find_berth(world: World, index: int) -> Berth:
    """Where object ``index`` goes in the tray: where neither it nor the hand touches another object, and so
    close to the walls that the free ground stays in one piece. Without such a place: on top of the lowest
    object that does not roll.

    Places near the hand that take little turning are preferred by a little, so that the answer does not jump
    while the hand moves.
    """
    assert world.scene.tray is not None
    middle, hand, spec = np.array(world.scene.tray), world.ee_pose(), world.scene.objects[index].spec
    others = beside(world, index)
    taken = np.array([_taken(world, i, middle) for i in others]).reshape(-1, len(DIRECTIONS))
    tops = np.array([top(world, i) for i in others])
    held, slant = _held(world, index)
    shape, yaws = world.hand_shape, world.yaw + YAWS
    lowest = round(WALL_M + shape.tip_m + OVER_M, 4)
    thing = points_of(world, index)
    mine = np.stack([reach(*thing, turned(yaw + slant)) for yaw in yaws])  # (Y, D)
    closed, opened, palm = (
        np.stack([_box(*size, yaw) for yaw in yaws])
        for size in (
            (shape.finger_half_m, spec.half_width + shape.finger_m),
            (shape.finger_half_m, shape.open_m), shape.palm,
        )
    )  # fmt: skip
    places = _places(mine)  # (Y, P, 2)
    along = (places @ DIRECTIONS[:, :2].T)[:, :, None]  # (Y, P, 1, D)

    def room(reaches: F64, others: F64) -> F64:
        """(Y, P) [m] from what reaches (Y, D) to the nearest of ``others`` (B, D)."""
        return apart(along + reaches[:, None, None], others).min(axis=-1, initial=1.0)

    tall = taken[tops > max(lowest, TRAY_FLOOR + spec.half_height + spec.grasp_above) + shape.palm_m]
    free = np.minimum(room(mine, taken), room(closed, taken))
    worth = (
        3.0 * np.minimum(free, room(palm, tall)).clip(max=GAP_M)
        + room(opened, taken).clip(max=0.0)
        + 0.3 * _left_over(mine, places)
        - 0.02 * np.hypot(*np.moveaxis(places + middle - hand[:2, 3], -1, 0))
        - 0.005 * np.abs(yaws - held)[:, None]
    )
    best = np.unravel_index(int(np.argmax(worth)), worth.shape)
    where, ground, yaw = middle + places[best], TRAY_FLOOR, float(yaws[best[0]])
    if free[best] < TIGHT_M:
        where, ground = _on_top(world, others, where)
    under = apart(DIRECTIONS[:, :2] @ (where - middle) + palm[best[0]], taken) < 0.0
    return Berth(where, ground, yaw, yaw - held, max([lowest, *(tops[under] - shape.palm_m)]))


def _held(world: World, index: int) -> tuple[float, float]:
    """Yaw of the hand that holds the object, or will, and of the object in the hand [rad]. The latter as a
    perfect grasp has it: what slips and turns a little between the fingers must not change the answer."""
    own, yaw = yaw_of(world.object_pose(index)), yaw_of(world.ee_pose())
    held = yaw if is_held(world, index) else grasp_yaw(world, index, yaw)
    symmetry = world.scene.objects[index].spec.symmetry
    return held, symmetry * round((own - held) / symmetry) if symmetry > 0.0 else 0.0


def _taken(world: World, index: int, middle: F64) -> F64:
    """(D,) how far an object of the tray reaches from the tray's ``middle`` (2,)."""
    pose = world.object_pose(index)
    return reach(*points_of(world, index), pose[:3, :3]) + DIRECTIONS[:, :2] @ (pose[:2, 3] - middle)


def _box(half_x: float, half_y: float, yaw: float) -> F64:
    """(D,) how far a box reaches from its middle, turned by ``yaw`` [rad]."""
    corners = np.array([[a * half_x, b * half_y, 0.0] for a in (-1, 1) for b in (-1, 1)])
    return reach(corners, np.zeros(4), turned(yaw))


def _axes(reaches: F64) -> tuple[F64, F64]:
    """(Y, 2) to x and y, and to the other side, of (Y, D)."""
    four = reaches.reshape(len(reaches), 4, -1)[:, :, 0]
    return four[:, :2], four[:, 2:]


def _places(reaches: F64) -> F64:
    """(Y, P, 2) centres, from the tray's middle, where what reaches (Y, D) is within the walls; the middle
    between the walls for a thing that is too long."""
    ahead, behind = _axes(reaches)
    low, high = behind - TRAY_HALF + GAP_M, TRAY_HALF - GAP_M - ahead
    low, high = np.minimum(low, (low + high) / 2), np.maximum(high, (low + high) / 2)
    shares = np.linspace(0.0, 1.0, STEPS)
    grid = np.stack(np.meshgrid(shares, shares), axis=-1).reshape(-1, 2)
    return np.asarray(low[:, None] + grid * (high - low)[:, None], np.float64)


def _left_over(reaches: F64, places: F64) -> F64:
    """(Y, P) how wide a strip [m] stays free beside a thing at ``places``, and half of one across."""
    ahead, behind = _axes(reaches)
    strips = TRAY_HALF + np.maximum(-places - ahead[:, None], places - behind[:, None])
    return np.asarray(strips.max(axis=-1) + 0.5 * strips.min(axis=-1), np.float64)


def _on_top(world: World, others: Sequence[int], where: F64) -> tuple[F64, float]:
    """The middle (2,) and height [m] of the lowest flat top; the highest top at ``where`` if all roll."""
    flat = [i for i in others if not world.scene.objects[i].spec.rolls]
    if not flat:
        return where, max(top(world, i) for i in others)
    lowest = min(flat, key=lambda i: top(world, i))
    return world.object_pose(lowest)[:2, 3], top(world, lowest)
