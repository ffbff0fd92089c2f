"""Arrays that values hold, and their checks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from vista import values
from vista.errors import InvalidValueError

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
I64 = NDArray[np.int64]
F64 = NDArray[np.float64]

LONGEST_S = 1e9
"""No episode and no call lasts longer than this, about 30 years [s]."""


def set_field(obj: object, name: str, value: object) -> None:
    """Set a field of a frozen value while it is built."""
    object.__setattr__(obj, name, value)


def checked_images(name: str, images: object) -> Mapping[str, U8]:
    """``images`` {camera: u8 (H, W, 3) RGB} as a read-only mapping of read-only arrays."""
    return values.read_only(
        {c: check_image(f"{name}[{values.shown(c)}]", im) for c, im in values.entries(name, images)}
    )


def check_image(name: str, image: object) -> U8:
    """Return ``image`` as a read-only u8 (H, W, 3) RGB array.

    Raises:
        InvalidValueError: another dtype or shape; both are named.
    """
    if not isinstance(image, np.ndarray):
        raise InvalidValueError(f"{name}: {type(image).__name__}, expected a uint8 array (H, W, 3) RGB")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise InvalidValueError(
            f"{name}: dtype {image.dtype}, shape {image.shape}; expected uint8 (H, W, 3) RGB"
        )
    base = image.base
    # A read-only view of what its owner can still write to is no safer than that.
    writable = image.flags.writeable or (isinstance(base, np.ndarray) and base.flags.writeable)
    if writable or type(image) is not np.ndarray:
        image = np.array(image, subok=False)
        image.setflags(write=False)
    return image
