"""Chooses a free point of the table for what an instruction says about it: "to the left of the mug".

Directions are the robot's: left is +y of the base frame, behind a thing is farther from the robot (+x), in
front of it is nearer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vista.types import F64
from vista.types.spatial import Direction, Spatial

BESIDE_M = 0.1
"""From middle to middle, where an instruction does not say how far [m]."""
LEAST_M, MOST_M, ASIDE_M = 0.07, 0.16, 0.05
"""Distances along and across the wanted direction that still are "to the left of" [m]."""
CLEAR_M = 0.055
"""Between the middles of two things, so that the fingers fit between them [m]."""
OFF_M, STEP_M = 0.015, 0.01
"""How far a point that is given by a distance may be moved to be free, and how fine points are tried [m]."""
TOWARDS = {
    Spatial.LEFT_OF: (0.0, 1.0), Spatial.RIGHT_OF: (0.0, -1.0), Spatial.BEHIND: (1.0, 0.0),
    Spatial.IN_FRONT_OF: (-1.0, 0.0),
}  # fmt: skip
MOVES = {
    Direction.LEFT: (0.0, 1.0), Direction.RIGHT: (0.0, -1.0), Direction.FORWARD: (1.0, 0.0),
    Direction.BACKWARD: (-1.0, 0.0),
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Surroundings:
    """The table as far as the arm puts things there: corners ``low`` and ``high`` (2,), and what stands on
    it: middles ``taken`` (N, 2) and how far each must be left alone, ``around`` (N,). All [m, base frame]."""

    low: F64
    high: F64
    taken: F64
    around: F64

    def free(self, points: F64) -> np.ndarray:
        """Whether each of ``points`` (P, 2) is on the table and clear of what stands there; bool (P,)."""
        inside = ((points >= self.low) & (points <= self.high)).all(-1)
        apart = np.linalg.norm(points[:, None] - self.taken[None], axis=-1)
        return np.asarray(inside & (apart >= self.around).all(-1))


def surroundings(
    low: Sequence[float], high: Sequence[float], things: F64, containers: F64, half_size_m: float = 0.0
) -> Surroundings:
    """The table from ``low`` to ``high`` (2,) with the middles of ``things`` (N, 2) and of ``containers``
    (M, 2) of at most ``half_size_m``."""
    things, containers = (np.asarray(each, np.float64).reshape(-1, 2) for each in (things, containers))
    around = [np.full(len(things), CLEAR_M), np.full(len(containers), CLEAR_M + half_size_m)]
    return Surroundings(
        np.asarray(low, np.float64), np.asarray(high, np.float64), np.concatenate([things, containers]),
        np.concatenate(around),
    )  # fmt: skip


def spot_at(relation: Spatial, places: F64, table: Surroundings) -> F64 | None:
    """The best free point (2,) in ``relation`` to the middles ``places`` (1 or 2, 2); None: there is none."""
    first = np.asarray(places, np.float64)[0]
    points = _grid(table)
    off = points - first
    if relation in TOWARDS:
        towards = np.array(TOWARDS[relation])
        along, across = off @ towards, np.abs(off @ np.array([-towards[1], towards[0]]))
        fits = (along >= LEAST_M) & (along <= MOST_M) & (across <= ASIDE_M)
        cost = np.abs(along - BESIDE_M) + 2 * across
    elif relation is Spatial.NEXT_TO:
        apart = np.linalg.norm(off, axis=1)
        fits = (apart >= LEAST_M) & (apart <= BESIDE_M + ASIDE_M)
        # Beside it rather than behind it: nothing hides it from a camera opposite the robot.
        cost = np.abs(apart - BESIDE_M) + 0.2 * np.abs(off[:, 0])
    elif relation is Spatial.BETWEEN:
        other = np.asarray(places, np.float64)[1]
        line = other - first
        length = max(float(np.linalg.norm(line)), 1e-9)
        share = off @ line / length**2
        across = np.abs(off @ np.array([-line[1], line[0]]) / length)
        fits = (share > 0.25) & (share < 0.75) & (across <= 0.03)
        cost = np.abs(share - 0.5) * length + 2 * across
    else:
        return None
    return _best(points, fits & table.free(points), cost)


def spot_of_table(part: str, table: Surroundings) -> F64 | None:
    """The free point (2,) nearest to a ``part`` of the table: words out of "front" (near the robot), "back",
    "left", "right" and "middle". None: no such part, or nothing is free within 6 cm."""
    words = set(part.split())
    if not words or words - {"front", "back", "left", "right", "middle"}:
        return None
    middle = (table.low + table.high) / 2
    x = table.low[0] if "front" in words else table.high[0] if "back" in words else middle[0]
    y = table.high[1] if "left" in words else table.low[1] if "right" in words else middle[1]
    return _near(np.array([x, y]), table, 0.06)


def spot_moved(here: F64, direction: Direction, distance_m: float | None, table: Surroundings) -> F64 | None:
    """The point (2,) that is ``distance_m`` (None: 10 cm) from ``here`` (2,), moved by at most 1.5 cm to be
    free; None: it is not free. What moves must not be among what stands on ``table``."""
    far = BESIDE_M if distance_m is None else distance_m
    return _near(np.asarray(here, np.float64) + far * np.array(MOVES[direction]), table, OFF_M)


def _grid(table: Surroundings) -> F64:
    x, y = (np.arange(table.low[i], table.high[i] + STEP_M / 2, STEP_M) for i in (0, 1))
    return np.stack(np.meshgrid(x, y, indexing="ij"), -1).reshape(-1, 2)


def _near(point: F64, table: Surroundings, most_m: float) -> F64 | None:
    points = np.concatenate([point[None], _grid(table)])
    apart = np.linalg.norm(points - point, axis=1)
    return _best(points, (apart <= most_m) & table.free(points), apart)


def _best(points: F64, fits: np.ndarray, cost: np.ndarray) -> F64 | None:
    if not fits.any():
        return None
    return np.asarray(points[int(np.where(fits, cost, np.inf).argmin())])
