"""Where the thing and the place of a skill are: found once for each skill, and handed on with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vista import values
from vista.errors import InvalidValueError
from vista.types.arrays import F32, F64, set_field
from vista.types.observation import GroundedBy
from vista.types.robot import ObjectKind
from vista.values import Value


@dataclass(frozen=True, slots=True, eq=False)
class Ground(Value):
    """One thing or place called ``name``, said by ``by`` with ``score`` [0, 1].

    ``position`` f64 (3,) in the base frame [m] with its standard deviation ``sigma_m`` per axis, None where
    nobody knows it; ``box`` f32 (4,) in the image of ``camera``: x0 y0 x1 y1 as fractions of its width and
    height, None where it is not seen; ``evidence`` f32 (N, N) in [0, 1]: how well each cell of a square grid
    over that image fits, None for a detector without such a map.
    """

    name: str
    by: GroundedBy
    score: float = 1.0
    kind: ObjectKind = ObjectKind.THING
    position: F64 | None = None
    sigma_m: float = 0.0
    camera: str = ""
    box: F32 | None = None
    evidence: F32 | None = None

    def __post_init__(self) -> None:
        if not values.text("Ground.name", self.name).strip():
            raise InvalidValueError("Ground.name: empty, expected the name of a thing or a place")
        set_field(self, "by", values.word("Ground.by", self.by, GroundedBy))
        set_field(self, "score", values.number("Ground.score", self.score, 0.0, 1.0))
        set_field(self, "kind", values.word("Ground.kind", self.kind, ObjectKind))
        if self.position is not None:
            set_field(self, "position", values.position("Ground.position", self.position))
        sigma = values.number("Ground.sigma_m", self.sigma_m, 0.0, values.FAR_M, "at least 0 m")
        set_field(self, "sigma_m", sigma)
        values.text("Ground.camera", self.camera)
        if self.box is not None:
            set_field(self, "box", values.array("Ground.box", self.box, np.float32, (4,)))
        _set_map(self, "Ground", "evidence")


@dataclass(frozen=True, slots=True, eq=False)
class Grounding(Value):
    """Where the ``thing`` of a skill and its ``place`` are, None where the skill names none or nobody knows.

    ``thing_end`` and ``hand_end`` f32 (N, N) in [0, 1]: how likely the middle of the thing, and the hand, are
    seen in each cell of a square grid over the first camera's image when the skill is done; None where the
    world model is left to say it.
    """

    thing: Ground | None = None
    place: Ground | None = None
    thing_end: F32 | None = None
    hand_end: F32 | None = None

    def __post_init__(self) -> None:
        for name in ("thing", "place"):
            if getattr(self, name) is not None:
                values.instance(f"Grounding.{name}", getattr(self, name), Ground)
        for name in ("thing_end", "hand_end"):
            _set_map(self, "Grounding", name)


def _set_map(owner: object, kind: str, name: str) -> None:
    """Check that the field ``name`` of ``owner`` is a square map in [0, 1], and keep it read-only."""
    given = getattr(owner, name)
    if given is None:
        return
    grid = values.array(f"{kind}.{name}", given, np.float32, (None, None))
    if grid.shape[0] != grid.shape[1] or not ((grid >= 0.0) & (grid <= 1.0)).all():
        raise InvalidValueError(f"{kind}.{name}: {grid.shape}, expected a square map of values from 0 to 1")
    set_field(owner, name, grid)
