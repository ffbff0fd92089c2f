"""Brings the images of a camera's driver to the size and intrinsics of the contract.

Everything above knows the contract's camera only. A driver with other pixels, another field of view or a lens
that bends lines would put each thing beside its place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sensor_msgs.msg import CameraInfo

from vista.errors import InvalidValueError
from vista.types import F64, U8, CameraSpec

SAME_PX = 0.5
MODELS = {"": (0,), "plumb_bob": (0, 4, 5), "rational_polynomial": (8,)}
"""Models of distortion, and how many coefficients each may have."""


@dataclass(frozen=True, slots=True, eq=False)
class Intrinsics:
    """A driver's camera: ``width``, ``height`` [px], ``K`` f64 (3, 3) [px], ``distortion`` f64 (n,) with n 0,
    4, 5 (plumb_bob: k1, k2, p1, p2, k3) or 8 (rational_polynomial: and k4, k5, k6)."""

    width: int
    height: int
    K: F64
    distortion: F64

    def same(self, other: Intrinsics) -> bool:
        return (
            (self.width, self.height) == (other.width, other.height)
            and np.array_equal(self.K, other.K)
            and np.array_equal(self.distortion, other.distortion)
        )


def given_intrinsics(camera: CameraSpec) -> Intrinsics | None:
    """What the contract says of the driver's camera; None: the driver tells it."""
    channel = camera.channel
    if channel.K is None:
        return None
    return Intrinsics(channel.width, channel.height, channel.K, channel.distortion)


def intrinsics_from_msg(msg: CameraInfo, camera: str) -> Intrinsics:
    """The intrinsics of a ``CameraInfo``.

    Raises:
        InvalidValueError: no focal length (a camera that was never calibrated), an unknown model of
            distortion, or a message about a part of the image or about binned pixels.
    """
    told = f"camera_info of {camera!r}"
    K = np.array(msg.k, np.float64).reshape(3, 3)
    if not (np.isfinite(K).all() and K[0, 0] > 0 and K[1, 1] > 0 and msg.width > 0 and msg.height > 0):
        raise InvalidValueError(
            f"{told}: {msg.width} x {msg.height} px with K {K.ravel().tolist()}, expected focal lengths "
            "above 0; is the camera calibrated?"
        )
    bent = np.array(msg.d, np.float64)
    if msg.distortion_model not in MODELS or len(bent) not in MODELS[msg.distortion_model]:
        raise InvalidValueError(
            f"{told}: {len(bent)} coefficients of {msg.distortion_model!r}, expected plumb_bob with 4 or 5, "
            "or rational_polynomial with 8"
        )
    if not np.isfinite(bent).all():
        raise InvalidValueError(f"{told}: distortion holds NaN or infinity")
    part = msg.roi.width and (msg.roi.width, msg.roi.height) != (msg.width, msg.height)
    if part or msg.binning_x > 1 or msg.binning_y > 1:
        raise InvalidValueError(
            f"{told}: a region of {msg.roi.width} x {msg.roi.height} px, binning {msg.binning_x} x "
            f"{msg.binning_y}; expected whole images"
        )
    return Intrinsics(int(msg.width), int(msg.height), K, bent if bent.any() else np.zeros(0))


class Rectifier:
    """Resamples images of ``source`` to the size and ``K`` of ``target``, with bilinear interpolation. What
    the driver's camera does not see is black. Images of a camera that is that of the contract stay as they
    are, to the last bit."""

    def __init__(self, source: Intrinsics, target: CameraSpec) -> None:
        self.source = source
        self._shape = (target.height, target.width)
        same = (source.height, source.width) == self._shape and not len(source.distortion)
        self._untouched = bool(same and np.abs(source.K - target.K).max() <= SAME_PX)
        if not self._untouched:
            self._prepare(source, target)

    def _prepare(self, source: Intrinsics, target: CameraSpec) -> None:
        # The middle of the first pixel is at 0.5: the edges of both images are at 0 and at their size.
        v, u = np.mgrid[0 : target.height, 0 : target.width] + 0.5
        x, y = _bent(
            (u - target.K[0, 2]) / target.K[0, 0], (v - target.K[1, 2]) / target.K[1, 1], source.distortion
        )
        column = (source.K[0, 0] * x + source.K[0, 1] * y + source.K[0, 2] - 0.5).ravel()
        row = (source.K[1, 1] * y + source.K[1, 2] - 0.5).ravel()
        inside = (column > -0.5) & (column < source.width - 0.5) & (row > -0.5) & (row < source.height - 0.5)
        column = np.where(inside, column, 0.0).clip(0, source.width - 1)
        row = np.where(inside, row, 0.0).clip(0, source.height - 1)
        left = np.minimum(column.astype(np.intp), max(source.width - 2, 0))
        top = np.minimum(row.astype(np.intp), max(source.height - 2, 0))
        right, down = min(1, source.width - 1), min(1, source.height - 1) * source.width
        first = top * source.width + left
        self._index = np.stack([first, first + right, first + down, first + down + right])
        a, b = (column - left).astype(np.float32), (row - top).astype(np.float32)
        weight = np.stack([(1 - a) * (1 - b), a * (1 - b), (1 - a) * b, a * b]) * inside
        self._weight = weight.astype(np.float32)[..., None]

    def __call__(self, image: U8) -> U8:
        """An image u8 (H, W, 3) of the driver as the contract's camera would see it, read-only.

        Raises:
            InvalidValueError: it has not the size of the driver's camera.
        """
        if image.shape[:2] != (self.source.height, self.source.width):
            raise InvalidValueError(
                f"image of {image.shape[1]} x {image.shape[0]} px; the camera's intrinsics are for "
                f"{self.source.width} x {self.source.height}"
            )
        if self._untouched:
            return image
        pixels = image.reshape(-1, 3)
        out = np.full((len(self._weight[0]), 3), 0.5, np.float32)
        for index, weight in zip(self._index, self._weight, strict=True):
            out += pixels[index] * weight
        made = out.astype(np.uint8).reshape(*self._shape, 3)
        made.setflags(write=False)
        return made


def _bent(x: F64, y: F64, distortion: F64) -> tuple[F64, F64]:
    """Where a lens with ``distortion`` shows the ray through (x, y, 1)."""
    if not len(distortion):
        return x, y
    k1, k2, p1, p2, k3, k4, k5, k6 = np.concatenate([distortion, np.zeros(8 - len(distortion))])
    r = x * x + y * y
    scale = (1 + r * (k1 + r * (k2 + r * k3))) / (1 + r * (k4 + r * (k5 + r * k6)))
    return (
        x * scale + 2 * p1 * x * y + p2 * (r + 2 * x * x),
        y * scale + p1 * (r + 2 * y * y) + 2 * p2 * x * y,
    )
