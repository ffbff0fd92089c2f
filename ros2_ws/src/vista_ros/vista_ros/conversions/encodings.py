"""The encodings of ``sensor_msgs`` images, as RGB."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable

import numpy as np
from sensor_msgs.msg import CompressedImage, Image

from vista.errors import InvalidValueError
from vista.types import U8

MOST_PIXELS = 8192 * 8192
"""A compressed image that unfolds to more is refused before it is unfolded."""


def _channels(order: tuple[int, ...]) -> Callable[[U8], U8]:
    """Takes pixels u8 (H, W, C) and returns their channels in ``order``."""
    return lambda pixels: np.ascontiguousarray(pixels[..., list(order)])


def _grey(pixels: U8) -> U8:
    return np.repeat(pixels, 3, axis=2)


def _yuv(luma: int, first: int, second: int) -> Callable[[U8], U8]:
    """Two bytes a pixel: its brightness at ``luma``, and the colour of a pair of pixels in the other bytes of
    the pair, at ``first`` (blue) and ``second`` (red) of four. ITU-R BT.601, as cameras send it."""

    def convert(pixels: U8) -> U8:
        pairs = pixels.reshape(pixels.shape[0], -1, 4).astype(np.float32)
        y = np.stack([pairs[..., luma], pairs[..., luma + 2]], -1)
        blue, red = (pairs[..., i, None] - 128.0 for i in (first, second))
        rgb = np.stack([y + 1.402 * red, y - 0.344136 * blue - 0.714136 * red, y + 1.772 * blue], -1)
        return (rgb.clip(0, 255) + 0.5).clip(0, 255).astype(np.uint8).reshape(*pixels.shape[:2], 3)

    return convert


def _bayer(red: tuple[int, int]) -> Callable[[U8], U8]:
    """A mosaic whose red pixel stands at ``red`` (row, column) of each 2 x 2. Each colour is the mean of its
    pixels among the 3 x 3 around."""

    def convert(pixels: U8) -> U8:
        mosaic = pixels[..., 0].astype(np.float32)
        row, column = np.indices(mosaic.shape)
        is_red = (row % 2 == red[0]) & (column % 2 == red[1])
        is_blue = (row % 2 != red[0]) & (column % 2 != red[1])
        masks = (is_red, ~(is_red | is_blue), is_blue)
        means = [_around(mosaic * mask) / np.maximum(_around(mask.astype(np.float32)), 1.0) for mask in masks]
        return (np.stack(means, -1) + 0.5).clip(0, 255).astype(np.uint8)

    return convert


def _around(values: np.ndarray) -> np.ndarray:
    """The sum of the 3 x 3 values around each."""
    wide = np.pad(values, 1)
    height, width = values.shape
    return np.sum([wide[i : i + height, j : j + width] for i in range(3) for j in range(3)], axis=0)


# Encoding -> (bytes a pixel, how its pixels u8 (H, W, bytes) become RGB).
_RGB, _BGR = _channels((0, 1, 2)), _channels((2, 1, 0))
ENCODINGS: dict[str, tuple[int, Callable[[U8], U8]]] = {
    "rgb8": (3, lambda pixels: pixels),
    "bgr8": (3, _BGR),
    "rgba8": (4, _RGB),
    "bgra8": (4, _BGR),
    "mono8": (1, _grey),
    "8UC1": (1, _grey),
    "8UC3": (3, _BGR),  # OpenCV's, whose order is blue, green, red
    "8UC4": (4, _BGR),
    "yuv422": (2, _yuv(1, 0, 2)),
    "uyvy": (2, _yuv(1, 0, 2)),
    "yuv422_yuy2": (2, _yuv(0, 1, 3)),
    "yuyv": (2, _yuv(0, 1, 3)),
    "bayer_rggb8": (1, _bayer((0, 0))),
    "bayer_grbg8": (1, _bayer((0, 1))),
    "bayer_gbrg8": (1, _bayer((1, 0))),
    "bayer_bggr8": (1, _bayer((1, 1))),
}
WIDE = ("mono16", "16UC1", "rgb16", "bgr16")
"""Encodings of two bytes a channel, of which the higher one is kept."""


_WRITERS: dict[str, Callable[[U8], U8]] = {
    "rgb8": lambda rgb: rgb,
    "bgr8": _BGR,
    "rgba8": lambda rgb: np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)]),
    "bgra8": lambda rgb: np.dstack([_BGR(rgb), np.full(rgb.shape[:2], 255, np.uint8)]),
    "mono8": lambda rgb: (rgb @ np.array([0.299, 0.587, 0.114]) + 0.5).astype(np.uint8)[..., None],
}
WRITTEN = tuple(_WRITERS)
"""The encodings that images can be written in."""


def encoded(rgb: U8, encoding: str) -> U8:
    """Pixels u8 (H, W, C) of ``rgb`` u8 (H, W, 3) in ``encoding``, one of :data:`WRITTEN`."""
    return _WRITERS[encoding](rgb)


def rgb_of(msg: Image, rows: Callable[[Image, int], U8]) -> U8:
    """u8 (H, W, 3) RGB of an image; ``rows`` gives its pixels u8 (H, W * bytes), without what pads a row.
    What is ``rgb8`` shares the message's memory.

    Raises:
        InvalidValueError: an encoding that is not known; those that are stand in the message.
    """
    if msg.encoding in WIDE:
        channels = 3 if msg.encoding.endswith("b16") or "r16" in msg.encoding else 1
        wide = rows(msg, 2 * channels).reshape(msg.height, msg.width, channels, 2)
        pixels = np.ascontiguousarray(wide[..., 0 if msg.is_bigendian else 1])
        return _grey(pixels) if channels == 1 else (_BGR if msg.encoding == "bgr16" else _RGB)(pixels)
    if msg.encoding not in ENCODINGS:
        known = ", ".join((*ENCODINGS, *WIDE))
        raise InvalidValueError(
            f"image {msg.header.frame_id!r}: encoding {msg.encoding!r}, expected one of {known}"
        )
    size, convert = ENCODINGS[msg.encoding]
    if size == 2 and msg.width % 2:
        raise InvalidValueError(
            f"image {msg.header.frame_id!r}: {msg.width} columns of {msg.encoding}, expected an even number"
        )
    return convert(rows(msg, size).reshape(msg.height, msg.width, size))


def compressed_to_msg(image: U8) -> CompressedImage:
    """``image`` u8 (H, W, 3) RGB as a JPEG; the header is the caller's to set."""
    from PIL import Image as Picture

    out = io.BytesIO()
    Picture.fromarray(image).save(out, "JPEG", quality=90)
    return CompressedImage(format="jpeg", data=out.getvalue())


def compressed_from_msg(msg: CompressedImage) -> U8:
    """u8 (H, W, 3) RGB, read-only, of a JPEG or PNG.

    Raises:
        InvalidValueError: another format, a torn image, or one that unfolds to too many pixels.
    """
    from PIL import Image as Picture

    told = f"compressed image {msg.header.frame_id!r}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Picture.DecompressionBombWarning)
            with Picture.open(io.BytesIO(bytes(msg.data)), formats=("JPEG", "PNG")) as picture:
                if picture.width * picture.height > MOST_PIXELS:
                    raise InvalidValueError(f"{told}: {picture.width} x {picture.height} px")
                out = np.array(picture.convert("RGB"))
    except InvalidValueError:
        raise
    except Exception as error:  # decoders raise anything for a torn image
        raise InvalidValueError(f"{told} of format {msg.format!r}: no JPEG or PNG: {error}") from error
    out.setflags(write=False)
    return out
