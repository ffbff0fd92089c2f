"""Pictures to unit vectors: a protocol, decoding, and an encoder that needs no weights; the learned one is in
:mod:`robomemory.embed.efficientnet`."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from robomemory.checks import shown
from robomemory.embed.embedder import F32, MAX_DIM, check_vectors
from robomemory.errors import EmbeddingError, MissingDependencyError, RoboMemoryError

Image = NDArray[np.uint8]
"""A picture, u8 (H, W, 3), RGB."""

MAX_PIXELS = 2**24
"""Most pixels of a picture: a small file may hold a picture that fills the memory of the computer."""


class PictureEmbedder(Protocol):
    """Turns pictures into vectors whose inner product says how alike the pictures look.

    ``name`` is kept with every vector: those of different encoders are never compared. ``dim``: length of a
    vector, at most 65,536.
    """

    @property
    def name(self) -> str: ...

    @property
    def dim(self) -> int: ...

    def embed(self, images: Sequence[Image]) -> F32:
        """Unit rows f32 (len(images), dim) of ``images``, each u8 (H, W, 3), RGB."""
        ...


def decode(where: str, data: bytes, error: type[RoboMemoryError]) -> Image:
    """The picture u8 (H, W, 3), RGB, in ``data``, the bytes of a PNG or JPEG file; what is transparent is
    drawn over black.

    Raises:
        ``error``: it is none, torn, or has more than ``MAX_PIXELS`` pixels. MissingDependencyError: Pillow is
            not installed.
    """
    pil = _pillow()
    try:
        with pil.open(io.BytesIO(data), formats=("PNG", "JPEG")) as picture:
            width, height = picture.size
            if width * height <= MAX_PIXELS:
                mode = "RGBA" if "transparency" in picture.info or "A" in picture.getbands() else "RGB"
                pixels = np.asarray(picture.convert(mode))
                if mode == "RGBA":
                    cover = pixels[..., 3:].astype(np.uint16)
                    pixels = ((pixels[..., :3] * cover + 127) // 255).astype(np.uint8)
                return np.ascontiguousarray(pixels)
    except pil.DecompressionBombError as cause:
        raise error(f"{where}: a picture of far more than the {MAX_PIXELS} pixels allowed") from cause
    except Exception as cause:  # Pillow raises what it likes on a torn file
        raise error(
            f"{where}: {len(data)} bytes that are no picture: expected a whole PNG or JPEG file"
        ) from cause
    raise error(f"{where}: a picture of {width} x {height} pixels, at most {MAX_PIXELS} pixels are allowed")


def encode(where: str, image: object, error: type[RoboMemoryError]) -> bytes:
    """``image`` u8 (H, W, 3), RGB, as the bytes of a PNG file.

    Raises:
        ``error``: it is no such array, or has more than ``MAX_PIXELS`` pixels. MissingDependencyError: Pillow
            is not installed.
    """
    check_image(where, image, error)
    out = io.BytesIO()
    _pillow().fromarray(np.ascontiguousarray(image)).save(out, "PNG")
    return out.getvalue()


def check_image(where: str, image: object, error: type[RoboMemoryError]) -> Image:
    """``image`` if it is an array u8 (H, W, 3) of 1 to ``MAX_PIXELS`` pixels; else ``error`` is raised."""
    fits = isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.ndim == 3
    if not fits or image.shape[2] != 3 or not 0 < image.size <= 3 * MAX_PIXELS:  # type: ignore[attr-defined]
        told = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else shown(image)
        raise error(
            f"{where}: {told}, expected the bytes of a PNG or JPEG file, a Picture, or an array u8 (H, W, 3)"
            f" of 1 to {MAX_PIXELS} pixels"
        )
    return image  # type: ignore[return-value]


def embedded(encoder: PictureEmbedder, images: Sequence[Image]) -> F32:
    """The unit rows f32 (len(images), dim) that ``encoder`` makes of ``images``.

    Raises:
        EmbeddingError: the encoder failed, or gave another shape, NaN, infinity or zeros.
    """
    where = f"picture encoder {shown(encoder.name)}"
    if not images:
        return np.zeros((0, encoder.dim), dtype=np.float32)
    try:
        rows = encoder.embed(images)
    except EmbeddingError:
        raise
    except Exception as error:
        raise EmbeddingError(f"{where} failed: {type(error).__name__}: {error}") from error
    return check_vectors(where, rows, len(images), encoder.dim)


def check_encoder(where: str, encoder: PictureEmbedder) -> None:
    """Raises EmbeddingError where ``encoder`` has no name, or no length of a vector."""
    name, dim = getattr(encoder, "name", None), getattr(encoder, "dim", None)
    if not isinstance(name, str) or not name or not isinstance(dim, int) or not 0 < dim <= MAX_DIM:
        raise EmbeddingError(
            f"{where}: {type(encoder).__name__} of name {shown(name)}, {shown(dim)} numbers a vector;"
            f" expected an encoder with a name and 1 to {MAX_DIM} numbers"
        )


def resized(image: Image, size: int) -> NDArray[np.float32]:
    """``image`` u8 (H, W, 3) as f32 (size, size, 3) in [0, 1]: each pixel is the mean of what it covers, or
    lies between its neighbours where the picture is smaller."""
    out = image.astype(np.float32) / 255.0
    for axis in (0, 1):
        weights = _weights(out.shape[axis], size)
        out = np.moveaxis(np.tensordot(weights, out, axes=(1, axis)), 0, axis)
    return np.ascontiguousarray(out, dtype=np.float32)


def _weights(n: int, size: int) -> NDArray[np.float32]:
    """f32 (size, n): what each of ``size`` new pixels takes of ``n`` old ones (a triangle filter)."""
    scale = n / size
    reach = max(scale, 1.0)
    centers = (np.arange(size) + 0.5) * scale - 0.5
    weights = np.maximum(0.0, 1.0 - np.abs(np.arange(n)[None] - centers[:, None]) / reach)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


class HistogramPictures:
    """How much of a picture has which hue, and how its edges run: needs numpy alone.

    A vector (164) holds the square roots of two histograms of equal weight: of hue in 12 sectors by
    saturation and brightness in 3 levels each, with grey in 8 levels, the middle counting more than the rim;
    and of the directions of edges, 8 in each of 2 x 2 quarters, weighed by their strength, with how strong
    they are. It tells colours apart, not shapes of one colour.
    """

    name = "histogram-1"
    dim = 12 * 3 * 3 + 8 + 4 * 12
    _SIDE = 64

    def embed(self, images: Sequence[Image]) -> F32:
        """See :class:`PictureEmbedder`."""
        rows = [self._row(resized(image, self._SIDE)) for image in images]
        return np.stack(rows) if rows else np.zeros((0, self.dim), dtype=np.float32)

    def _row(self, image: NDArray[np.float32]) -> F32:
        parts = [np.sqrt(self._colours(image)), np.sqrt(self._edges(image))]
        parts = [part / max(float(np.linalg.norm(part)), 1e-6) for part in parts]
        row = np.concatenate(parts).astype(np.float32)
        return np.asarray(row / np.linalg.norm(row), dtype=np.float32)

    def _colours(self, image: NDArray[np.float32]) -> NDArray[np.float64]:
        value, low = image.max(axis=2), image.min(axis=2)
        span = value - low
        saturation = np.where(value > 0, span / np.maximum(value, 1e-6), 0.0)
        r, g, b = np.moveaxis(image, 2, 0)
        safe = np.maximum(span, 1e-6)
        hue = np.where(
            value == r, (g - b) / safe % 6, np.where(value == g, (b - r) / safe + 2, (r - g) / safe + 4)
        )
        sector = np.minimum((hue * 2).astype(int), 11)
        level = np.minimum((saturation * 3).astype(int), 2) * 3 + np.minimum((value * 3).astype(int), 2)
        cell = np.where(saturation > 0.12, sector * 9 + level, 108 + np.minimum((value * 8).astype(int), 7))
        middle = np.hanning(self._SIDE + 2)[1:-1]
        weight = np.outer(middle, middle).ravel()
        return np.bincount(cell.ravel(), weight, minlength=116).astype(np.float64)

    def _edges(self, image: NDArray[np.float32]) -> NDArray[np.float64]:
        down, right = np.gradient(image.mean(axis=2))
        strength = np.hypot(down, right)
        turn = np.minimum((np.arctan2(down, right) % np.pi / np.pi * 8).astype(int), 7)
        strong = np.minimum((strength * 16).astype(int), 3)
        half = self._SIDE // 2
        found: list[NDArray[np.float64]] = []
        for y in (slice(0, half), slice(half, None)):
            for x in (slice(0, half), slice(half, None)):
                ways = np.bincount(turn[y, x].ravel(), strength[y, x].ravel(), minlength=8)
                levels = np.bincount(strong[y, x].ravel(), minlength=4) / half**2
                found += [ways.astype(np.float64), levels]
        return np.concatenate(found)


def _pillow():  # type: ignore[no-untyped-def]
    try:
        from PIL import Image as pil
    except ImportError as error:
        raise MissingDependencyError("pictures need Pillow: pip install pillow") from error
    return pil
