"""Texts, times and numbered words, which all other conversions use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from builtin_interfaces.msg import Time
from sensor_msgs.msg import Image

from vista.errors import InvalidValueError
from vista.messages.plain_text import escaped

NS = 1_000_000_000

W = TypeVar("W")


def seconds_of(name: str, asked_s: float, default_s: float, most_s: float = 1e6) -> float:
    """A time [s] of a goal or request: ``asked_s``, or ``default_s`` where it is 0.

    Raises:
        InvalidValueError: ``asked_s`` is negative, not finite, or more than ``most_s``.
    """
    if not 0 <= asked_s <= most_s:
        raise InvalidValueError(
            f"{name}: {asked_s:g} s, expected more than 0 and at most {most_s:g} s, or 0 for the default"
        )
    return asked_s or default_s


def numbered(words: Mapping[W, int], number: int, where: str) -> W:
    """The word that ``number`` stands for.

    Raises:
        InvalidValueError: it stands for none; the message lists the allowed numbers.
    """
    for word, value in words.items():
        if value == number:
            return word
    known = ", ".join(f"{value} ({word})" for word, value in words.items())
    if number == 0:
        raise InvalidValueError(f"{where}: 0 (unknown), as in an empty message; expected one of {known}")
    raise InvalidValueError(f"{where}: {number}, expected one of {known}")


def named_images(where: str, names: Sequence[str], images: Sequence[Image]) -> dict[str, Image]:
    """{camera: image}.

    Raises:
        InvalidValueError: the names are not as many as the images, or one comes twice.
    """
    if len(names) != len(images) or len(set(names)) != len(names):
        raise InvalidValueError(
            f"{where}: cameras {list(names)} do not name the {len(images)} images one to one"
        )
    return dict(zip(names, images, strict=True))


def wire(text: str) -> str:
    """``text`` as a ROS string can hold it: what UTF-8 cannot encode, and a NUL, which would end it, are
    escaped; everything else is data and stays."""
    if text.isascii() and "\0" not in text:
        return text
    return "".join(escaped(c) if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in text)


def time_to_msg(stamp_ns: int) -> Time:
    """``stamp_ns`` [ns] as a ``Time``."""
    sec, nanosec = divmod(int(stamp_ns), NS)
    if not 0 <= sec < 2**31:
        raise InvalidValueError(f"stamp {stamp_ns} ns: a Time holds 0 to 2**31 seconds")
    return Time(sec=sec, nanosec=nanosec)


def time_from_msg(msg: Time) -> int:
    """A ``Time`` or ``Duration`` in ns."""
    return int(msg.sec) * NS + int(msg.nanosec)
