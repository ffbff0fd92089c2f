"""Whether the image of a place has changed since a thing was put there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vista.types import F32

# Tuning: 31 episodes ended with "placed, and seen nowhere else". In 22 the thing lay in the tray, and 11 to
# 77 % of the tray's image had changed; in 7 of the other 9 less than 5 % had.
LEAST_CHANGED = 0.08
LEVELS = 40  # a pixel has changed when any of its colours differs by more, of 255
RIM = 0.15  # share of the box at each side that does not count: walls, and what is seen past them


class PlaceSnapshot:
    """Keeps the image of a place, to compare a later one with it. The camera must stand still: if the place
    has moved in the image, the two are not compared."""

    def __init__(self) -> None:
        self._image: NDArray[np.uint8] | None = None
        self._box = np.zeros(4)

    def keep(self, image: NDArray[np.uint8], box: F32) -> None:
        """Keep ``image`` uint8 (H, W, 3), which shows the place in ``box`` (4,): left, top, right, bottom as
        fractions of its width and height."""
        self._image, self._box = image.copy(), np.asarray(box, np.float64)

    def unchanged(self, image: NDArray[np.uint8], box: F32 | None) -> bool:
        """Whether the place looks in ``image`` as in the one that was kept; False if nothing was kept, or the
        two cannot be compared. ``box``: where it is seen now; None: hidden."""
        if self._image is None or image.shape != self._image.shape:
            return False
        size = self._box[2:] - self._box[:2]
        if box is not None and (np.abs(np.asarray(box) - self._box) > 0.3 * np.tile(size, 2)).any():
            return False
        height, width = image.shape[:2]
        inner = np.clip([*(self._box[:2] + RIM * size), *(self._box[2:] - RIM * size)], 0.0, 1.0)
        left, top, right, bottom = np.round(inner * [width, height, width, height]).astype(int)
        now, then = (i[top:bottom, left:right].astype(np.int16) for i in (image, self._image))
        if now.size == 0:
            return False
        return float((np.abs(now - then).max(axis=2) > LEVELS).mean()) < LEAST_CHANGED
