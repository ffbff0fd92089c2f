"""Whether what a camera shows can be true: a covered lens and a driver that repeats one image are not."""

from __future__ import annotations

import zlib

import numpy as np

from vista.types import F32, U8

ONE_COLOUR = 8
"""An image whose values differ by less shows nothing."""
FROZEN_S = 1.0
MOVED_RAD = 0.05
"""An arm that has moved by so much [rad] in :data:`FROZEN_S` [s] is seen to move, if only by noise."""


class PictureHealth:
    """Looks at the images of one camera, in the order of their stamps."""

    def __init__(self) -> None:
        self._sum, self._since_ns = -1, 0
        self._joints: F32 = np.zeros(0, np.float32)

    def wrong(self, image: U8, joints: F32, stamp_ns: int) -> str | None:
        """What is wrong with ``image`` u8 (H, W, 3), in words; None: nothing. ``joints`` f32 (J,) [rad] at
        ``stamp_ns`` [ns]."""
        if int(image.max()) - int(image.min()) < ONE_COLOUR:
            return "shows one colour only: is its lens covered?"
        seen = zlib.crc32(np.ascontiguousarray(image))
        if seen != self._sum or len(joints) != len(self._joints) or stamp_ns < self._since_ns:
            self._sum, self._since_ns, self._joints = seen, stamp_ns, joints
            return None
        still_s = (stamp_ns - self._since_ns) * 1e-9
        if still_s >= FROZEN_S and float(np.abs(joints - self._joints).max()) > MOVED_RAD:
            return f"repeats one image for {still_s:.1f} s while the arm moves"
        return None
