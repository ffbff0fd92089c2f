"""Images and depth."""

from __future__ import annotations

from array import array

import numpy as np
from sensor_msgs.msg import CompressedImage, Image

from vista.errors import InvalidValueError
from vista.types import F32, U8, CameraChannel, Transport
from vista_ros.conversions.encodings import compressed_from_msg, encoded, rgb_of
from vista_ros.conversions.primitives import time_to_msg


def _bytes_to_image(data: bytes, out: Image | None) -> Image:
    """An Image that holds ``data``; written in place where ``out`` already has room for exactly that."""
    msg = Image() if out is None else out
    if len(msg.data) == len(data) > 0:
        np.frombuffer(msg.data, np.uint8)[:] = np.frombuffer(data, np.uint8)
    else:
        msg.data = array("B", data)
    msg.is_bigendian = 0
    return msg


def image_to_msg(
    image: U8, stamp_ns: int = 0, frame: str = "", out: Image | None = None, encoding: str = "rgb8"
) -> Image:
    """``image`` u8 (H, W, 3) RGB in ``encoding``, one of :data:`WRITTEN`. ``out``: a message of the same size
    to write into, which a publisher of a stream keeps to save the allocation."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise InvalidValueError(f"image: {image.dtype} {image.shape}, expected uint8 (H, W, 3)")
    pixels = encoded(image, encoding)
    msg = _bytes_to_image(pixels.tobytes(), out)
    msg.header.stamp, msg.header.frame_id = time_to_msg(stamp_ns), frame
    height, width, channels = pixels.shape
    msg.height, msg.width, msg.step, msg.encoding = height, width, width * channels, encoding
    return msg


def image_from_msg(msg: Image) -> U8:
    """u8 (H, W, 3) RGB, read-only, of a message in any encoding of :data:`ENCODINGS`. It shares the message's
    memory where the layout allows: the message must not be written afterwards.

    Raises:
        InvalidValueError: another encoding, or data that do not fit the size.
    """
    image = rgb_of(msg, _rows)
    image.setflags(write=False)
    return image


def image_topic(channel: CameraChannel) -> tuple[type[Image] | type[CompressedImage], str]:
    """The ROS type and the topic of a camera's images."""
    if channel.transport is Transport.COMPRESSED:
        return CompressedImage, f"{channel.image}/compressed"
    return Image, channel.image


def image_of(msg: Image | CompressedImage) -> U8:
    """u8 (H, W, 3) RGB of what comes on :func:`image_topic`. Raises as :func:`image_from_msg`."""
    return image_from_msg(msg) if isinstance(msg, Image) else compressed_from_msg(msg)


def depth_to_msg(depth: F32, stamp_ns: int = 0, frame: str = "", out: Image | None = None) -> Image:
    """``depth`` f32 (H, W) [m], NaN invalid, as ``32FC1``."""
    if depth.ndim != 2:
        raise InvalidValueError(f"depth: {depth.shape}, expected (H, W)")
    msg = _bytes_to_image(np.asarray(depth, "<f4").tobytes(), out)
    msg.header.stamp, msg.header.frame_id = time_to_msg(stamp_ns), frame
    msg.height, msg.width, msg.step, msg.encoding = *depth.shape, depth.shape[1] * 4, "32FC1"
    return msg


def depth_from_msg(msg: Image) -> F32:
    """f32 (H, W) [m], NaN invalid, of a ``32FC1`` [m] or ``16UC1`` [mm, 0 invalid] message."""
    if msg.is_bigendian:
        raise InvalidValueError(f"depth {msg.header.frame_id!r}: big-endian, expected little-endian")
    if msg.encoding == "32FC1":
        return np.ascontiguousarray(_rows(msg, 4)).view("<f4").astype(np.float32)
    if msg.encoding == "16UC1":
        millimetres = np.ascontiguousarray(_rows(msg, 2)).view("<u2")
        return np.where(millimetres == 0, np.nan, millimetres / 1000).astype(np.float32)
    raise InvalidValueError(
        f"depth {msg.header.frame_id!r}: encoding {msg.encoding!r}, expected 32FC1 or 16UC1"
    )


def _rows(msg: Image, pixel: int) -> U8:
    """The message's pixels as u8 (H, W * ``pixel``), without what pads each row."""
    used = msg.width * pixel
    if msg.height == 0 or used == 0 or msg.step < used or len(msg.data) != msg.height * msg.step:
        raise InvalidValueError(
            f"image {msg.header.frame_id!r}: {len(msg.data)} bytes for {msg.width} x {msg.height} "
            f"{msg.encoding} with step {msg.step}"
        )
    return np.frombuffer(msg.data, np.uint8).reshape(msg.height, msg.step)[:, :used]
