"""Regions of space: balls and boxes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from robomemory import checks
from robomemory.errors import InvalidNoteError, InvalidQueryError, RoboMemoryError
from robomemory.places.poses import Pose, Position

Ball = tuple[Position, float]
Corners = tuple[Position, Position]

_HERE = Pose()
_LITTLE = 1e-6  # [m]


@dataclass(frozen=True, slots=True)
class Box:
    """All from the corner ``low`` to the corner ``high`` (3,) [m], inclusive, along the axes of a frame that
    has the ``pose`` (by default the memory's own frame).

    Raises:
        InvalidQueryError: a corner is no position, or a low coordinate is above the high one.
    """

    low: Position
    high: Position
    pose: Pose = _HERE

    def __post_init__(self) -> None:
        err = InvalidQueryError
        for name in ("low", "high"):
            corner = checks.position(f"Box.{name} [m]", getattr(self, name), err)
            object.__setattr__(self, name, corner)
        if any(a > b for a, b in zip(self.low, self.high, strict=True)):
            raise err(f"box {(self.low, self.high)}: a low coordinate is above the high one")

    def holds(self, spot: Position) -> bool:
        """Whether ``spot`` [m, the memory's frame] lies in it."""
        here = spot if self.pose == _HERE else self.pose.into(spot)
        return all(a <= v <= b for a, v, b in zip(self.low, here, self.high, strict=True))

    @property
    def bounds(self) -> Corners:
        """The corners of the box along the memory's axes around it [m]."""
        if self.pose == _HERE:
            return self.low, self.high
        ends = zip(self.low, self.high, strict=True)
        corners = [self.pose.out_of((x, y, z)) for x, y, z in itertools.product(*ends)]
        (x, y, z), (u, v, w) = (tuple(map(pick, zip(*corners, strict=True))) for pick in (min, max))
        # Rounding shall leave no corner outside.
        return (x - _LITTLE, y - _LITTLE, z - _LITTLE), (u + _LITTLE, v + _LITTLE, w + _LITTLE)

    @property
    def ball(self) -> Ball:
        """The ball around it [m, the memory's frame]."""
        x, y, z = ((a + b) / 2 for a, b in zip(self.low, self.high, strict=True))
        return self.pose.out_of((x, y, z)), math.dist(self.low, self.high) / 2 + _LITTLE

    @property
    def numbers(self) -> tuple[float, ...]:
        """(low (3,), high (3,); where its axes are not the memory's, the pose's translation (3,) and rotation
        (4,))."""
        turned = () if self.pose == _HERE else (*self.pose.translation, *self.pose.rotation)
        return (*self.low, *self.high, *turned)


def box_from_numbers(numbers: Sequence[float]) -> Box | None:
    """The box that :attr:`Box.numbers` gave ``numbers``; None if they are of no box."""
    if len(numbers) not in (6, 13):
        return None
    n = list(map(float, numbers))
    try:
        pose = Pose((n[6], n[7], n[8]), (n[9], n[10], n[11], n[12])) if len(n) == 13 else _HERE
        return Box((n[0], n[1], n[2]), (n[3], n[4], n[5]), pose)
    except (InvalidNoteError, InvalidQueryError):
        return None


def ball(where: str, value: object, error: type[RoboMemoryError] = InvalidQueryError) -> Ball:
    """``value`` as a ball ((x, y, z), radius) [m].

    Raises:
        InvalidQueryError: it is none; ``where`` names it.
    """
    center, radius = pair(where, value, "((x, y, z), radius_m)", error)
    center = checks.position(f"{where} center [m]", center, error)
    (radius,) = checks.numbers(f"{where} radius [m]", (radius,), 1, error)
    if not 0 < radius <= checks.MAX_M:
        raise error(f"{where} radius: {radius} m, expected > 0 and at most {checks.MAX_M:g} m")
    return center, radius


def box(where: str, value: object, pose: Pose = _HERE) -> Box:
    """``value``, a :class:`Box` or its corners (low, high) [m] in a frame that has the ``pose``, as a box.

    Raises:
        InvalidQueryError: it is none; ``where`` names it.
    """
    if isinstance(value, Box):
        return value
    err = InvalidQueryError
    low, high = pair(where, value, "((x, y, z) of the low corner, (x, y, z) of the high corner)", err)
    low, high = (checks.position(f"{where} corner [m]", corner, err) for corner in (low, high))
    if any(a > b for a, b in zip(low, high, strict=True)):
        raise err(f"{where}: {checks.shown(value)}: a low coordinate is above the high one")
    return Box(low, high, pose)


def region(where: str, value: object, pose: Pose = _HERE) -> Ball | Box:
    """``value``, a ball ((x, y, z), radius) or a box ((x, y, z), (x, y, z)) [m] in a frame that has the
    ``pose``, in the memory's frame.

    Raises:
        InvalidQueryError: it is neither; ``where`` names it.
    """
    if isinstance(value, Box):
        return value
    _, second = pair(
        where, value, "a ball ((x, y, z), radius_m) or a box (low corner, high corner)", InvalidQueryError
    )
    if isinstance(second, str | bytes) or not hasattr(second, "__len__"):
        center, radius = ball(where, value)
        return pose.out_of(center), radius
    return box(where, value, pose)


def pair(where: str, value: object, expected: str, error: type[RoboMemoryError]) -> tuple[Any, Any]:
    """The two parts of ``value``.

    Raises:
        RoboMemoryError: it has not two; of the type ``error``.
    """
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise error(f"{where}: {checks.shown(value)}, expected {expected}")
    return value[0], value[1]
