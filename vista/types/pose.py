"""A pose in a named frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vista import values
from vista.errors import InvalidValueError
from vista.types.arrays import F64, set_field
from vista.values import Value


@dataclass(frozen=True, slots=True, eq=False)
class Pose(Value):
    """A pose in a named frame: ``position`` f64 (3,) [m], ``quat_wxyz`` f64 (4,) of unit norm."""

    position: F64
    quat_wxyz: F64
    frame: str = "base"

    def __post_init__(self) -> None:
        set_field(self, "position", values.position("Pose.position", self.position))
        quat = values.array("Pose.quat_wxyz", self.quat_wxyz, np.float64, (4,))
        with np.errstate(over="ignore"):
            norm = float(np.linalg.norm(quat))
        if abs(norm - 1.0) > 1e-3:
            told = f"{norm:.4f}" if norm < 1e4 else f"{norm:.3g}"
            raise InvalidValueError(f"Pose.quat_wxyz: norm {told}, expected 1")
        # To divide once more would change the last bit of some: what another pose holds stays as it is.
        held = isinstance(self.quat_wxyz, np.ndarray) and not self.quat_wxyz.flags.writeable
        unit = quat if held and abs(norm - 1.0) <= 1e-15 else quat / norm
        set_field(self, "quat_wxyz", values.array("Pose.quat_wxyz", unit, np.float64, (4,)))
        values.text("Pose.frame", self.frame)
