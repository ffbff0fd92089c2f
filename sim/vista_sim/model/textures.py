"""Table and object patterns, drawn with numpy and handed to MuJoCo as PNG bytes."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from vista.errors import UnknownNameError
from vista.types import F64, U8

PATTERNS = ("flat", "checker", "gradient", "stripes", "dots", "grid", "waves", "marble")


def _mask(pattern: str, n: int, rng: np.random.Generator) -> F64:
    """Blend factor (n, n) in [0, 1] between the first and the second colour; tiles seamlessly."""
    y, x = np.mgrid[0:n, 0:n] / n
    if pattern == "flat":
        return np.zeros((n, n))
    if pattern == "checker":
        return ((x * 2).astype(int) + (y * 2).astype(int)) % 2 * 1.0
    if pattern == "gradient":
        return 1.0 - np.abs(2 * x - 1)
    if pattern == "stripes":
        return ((x + y) * 3 % 1.0 < 0.5) * 1.0
    if pattern == "dots":
        return (((x * 3 % 1) - 0.5) ** 2 + ((y * 3 % 1) - 0.5) ** 2 < 0.07) * 1.0
    if pattern == "grid":
        return ((x * 4 % 1 < 0.15) | (y * 4 % 1 < 0.15)) * 1.0
    if pattern == "waves":
        return 0.5 + 0.5 * np.sin(2 * np.pi * (3 * x + 0.25 * np.sin(4 * np.pi * y)))
    if pattern == "marble":
        field = np.zeros((n, n))
        for k in (1, 2, 3, 5):
            px, py = rng.uniform(0, 2 * np.pi, 2)
            field += np.sin(2 * np.pi * k * x + px + np.sin(2 * np.pi * k * y + py) * 1.5) / k
        low, high = field.min(), field.max()
        return (field - low) / (high - low)
    raise UnknownNameError("pattern", pattern, PATTERNS)


def draw(pattern: str, first: F64, second: F64, size: int, seed: int) -> U8:
    """A tile u8 (size, size, 3) of ``pattern`` in two colours (3,) [0, 1]."""
    mask = _mask(pattern, size, np.random.default_rng(seed))[..., None]
    rgb = np.asarray(first) * (1 - mask) + np.asarray(second) * mask
    return (np.clip(rgb, 0, 1) * 255).astype(np.uint8)


def png(image: U8) -> bytes:
    """PNG bytes of an image, compressed little: MuJoCo decodes it once, at once."""
    out = io.BytesIO()
    Image.fromarray(image).save(out, "PNG", compress_level=1)
    return out.getvalue()
