"""The one place where images are resized: data generator, training and run time all call it."""

from __future__ import annotations

import numpy as np
from PIL import Image

from vista.errors import InvalidValueError
from vista.types import U8, check_image
from vista.values import shown

MODEL_SIZE = 96
LARGEST = 8192


def resize(image: U8, size: int = MODEL_SIZE) -> U8:
    """A square image u8 (size, size, 3) from u8 (H, W, 3): centre-cropped to a square, area-averaged.

    Raises:
        InvalidValueError: not a u8 RGB image, or ``size`` is no integer from 1 to 8192.
    """
    image = check_image("image", image)
    if isinstance(size, bool) or not isinstance(size, int | np.integer) or not 1 <= size <= LARGEST:
        raise InvalidValueError(f"size {shown(size)}, expected >= 1, at most {LARGEST} px")
    h, w = image.shape[:2]
    side = min(h, w)
    if h != w:
        top, left = (h - side) // 2, (w - side) // 2
        image = image[top : top + side, left : left + side]
    if side == size:
        return np.ascontiguousarray(image)
    out = Image.fromarray(np.ascontiguousarray(image)).resize((size, size), Image.Resampling.BOX)
    return np.asarray(out)
