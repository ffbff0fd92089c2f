"""Where things stand on the table before an arm: from its contract."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from vista.errors import ConfigError
from vista.robot.contract import load_robot
from vista.types import F64, RobotSpec

DEFAULT_ROBOT = "panda"
Range = tuple[float, float]
LOW, HIGH = np.array([0.05, -0.6]), np.array([0.95, 0.6])
"""Corners of the table in the base frame; its top is at height 0 [m]."""
MOST_OBJECTS = 32
"""More things leave the arm no room, and finding places for them takes minutes."""
FIELD: Range = (0.27, 0.47)
"""Things are drawn on a field of this size, x and y [m], where the workspace holds it: so much the front
camera sees well."""
EDGE_M = 0.02
"""Kept free inside the workspace, where the hand pushes things a little [m]."""
ABOVE_M = 0.01
"""Demonstrations begin this far above the height at which things are carried [m]."""


@dataclass(frozen=True, slots=True)
class Table:
    """Where the things of a scene may stand, for one arm. Ranges of x and y in the base frame [m].

    ``robot``: the arm's name; ``x``, ``y``: middles of things and tray are drawn here; ``limit_x``,
    ``limit_y``: a scene of one's own may put them here; ``start_x``, ``start_y``, ``start_z``: of the hand,
    where a demonstration begins above the things; ``reach_x``: of the workspace; ``most``: as many things
    are drawn at most, besides those that a task is about.
    """

    robot: str
    x: Range
    y: Range
    limit_x: Range
    limit_y: Range
    start_x: Range
    start_y: Range
    start_z: Range
    reach_x: Range
    most: int

    @classmethod
    def of(cls, robot: RobotSpec) -> Table:
        """The table before the arm of ``robot``.

        Raises:
            ConfigError: things would stand beside the table.
        """
        given, low, high = robot.tabletop, robot.workspace[0], robot.workspace[1]
        on_table = np.maximum(low[:2], LOW), np.minimum(high[:2], HIGH)
        boxes = {"things": given.things or _field(*on_table), "limits": given.limits or on_table}
        for name, (lower, upper) in boxes.items():
            if (
                (np.array(lower) < LOW).any()
                or (np.array(upper) > HIGH).any()
                or not np.less(lower, upper).all()
            ):
                raise ConfigError(
                    f"robot {robot.name}: {name} from {_told(lower)} to {_told(upper)} m, expected on the "
                    f"table, {_told(LOW)} to {_told(HIGH)}; `tabletop` in the contract says where they stand"
                )
        x, y = _ranges(boxes["things"])
        limit_x, limit_y = _ranges(boxes["limits"])
        lowest = robot.withdraw.carry_m + ABOVE_M
        start_x, start_y, start_z = (
            _ranges(given.starts) if given.starts else (x, y, (lowest, max(lowest, float(high[2]) - EDGE_M)))
        )
        reach_x = (float(low[0]), float(high[0]))
        most = MOST_OBJECTS if given.most is None else given.most
        return cls(robot.name, x, y, limit_x, limit_y, start_x, start_y, start_z, reach_x, most)


def _ranges(box: tuple[Sequence[float] | F64, Sequence[float] | F64]) -> tuple[Range, ...]:
    return tuple((float(a), float(b)) for a, b in zip(*box, strict=True))


def _told(corner: Sequence[float] | F64) -> str:
    return "[" + ", ".join(f"{v:g}" for v in corner) + "]"


def _field(low: F64, high: F64) -> tuple[F64, F64]:
    """The part of the workspace (x, y) on which things are drawn: its middle."""
    middle = (low + high) / 2
    half = np.minimum(np.array(FIELD) / 2, (high - low) / 2 - EDGE_M)
    return middle - half, middle + half


def table_of(robot: str | Path = DEFAULT_ROBOT) -> Table:
    """The table before the arm of the contract ``robot``.

    Raises:
        UnknownNameError, ConfigError: as :func:`vista.robot.contract.load_robot` and :meth:`Table.of`.
    """
    return _default() if robot == DEFAULT_ROBOT else Table.of(load_robot(robot))


@cache
def _default() -> Table:
    return Table.of(load_robot(DEFAULT_ROBOT))
