"""The encoder of the crops by which taught things are known: their shape, and the colours in the middle."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from robomemory.embed.efficientnet import EfficientNetPictures
from robomemory.embed.pictures import HistogramPictures
from vista.types import F32, U8

MIDDLE = 24 / 52
"""Side of the middle of a crop, as a share of the crop's: what stands around the thing is mostly outside."""
SHAPE = 0.7
"""Share of the features in the cosine of two vectors; the rest is that of the colours. Fitted on 492
scenes of the range "tuning" (docs/bench.md)."""


class CropEncoder:
    """The features of EfficientNet-Lite0 of a crop, beside the histogram of its middle: unit vectors (276),
    whose cosine is :data:`SHAPE` times that of the features and the rest times that of the histograms. A
    ``robomemory.PictureEmbedder``.

    Raises:
        MissingDependencyError: torch or the weights are not installed.
    """

    def __init__(self) -> None:
        self._shape, self._colours = EfficientNetPictures(colour=False), HistogramPictures()

    @property
    def name(self) -> str:
        return f"{self._shape.name}+{self._colours.name}-middle"

    @property
    def dim(self) -> int:
        return self._shape.dim + self._colours.dim

    def embed(self, images: Sequence[U8]) -> F32:
        """Unit rows f32 (len(images), 276) of ``images``, u8 (H, W, 3) each."""
        shape = np.sqrt(SHAPE) * self._shape.embed(images)
        colours = np.sqrt(1 - SHAPE) * self._colours.embed([_middle(image) for image in images])
        return np.concatenate([shape, colours], axis=1).astype(np.float32)


def _middle(image: U8) -> U8:
    height, width = image.shape[:2]
    side = max(1, round(MIDDLE * min(height, width)))
    top, left = (height - side) // 2, (width - side) // 2
    return image[top : top + side, left : left + side]


@cache
def crop_encoder() -> CropEncoder | None:
    """The process's one encoder; None where its packages are not installed."""
    return None if EfficientNetPictures.missing() else CropEncoder()
