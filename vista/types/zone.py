"""A zone that an arm keeps out of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vista import values
from vista.errors import InvalidValueError
from vista.types.arrays import F64, set_field
from vista.values import Value


@dataclass(frozen=True, slots=True, eq=False)
class KeepOut(Value):
    """A box that no link of the arm enters. ``box`` f64 (2, 3): lower and upper corner in the base frame [m];
    ``links``: names of bodies in the file of kinematics that keep out; empty: all that move."""

    name: str
    box: F64
    links: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        values.text("KeepOut.name", self.name, empty=False)
        told = f"keep-out zone {values.shown(self.name)}"
        set_field(self, "box", values.array(f"{told}: box", self.box, np.float64, (2, 3)))
        if not (self.box[0] < self.box[1]).all() or np.abs(self.box).max() > values.FAR_M:
            raise InvalidValueError(
                f"{told}: box {self.box.tolist()}, expected a lower and a higher corner [m]"
            )
        links = values.sequence(f"{told}: links", self.links)
        set_field(self, "links", tuple(values.text(f"{told}: links", link, empty=False) for link in links))
