"""Checks of single values; each names the field, the value and what is allowed."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from robomemory.errors import RoboMemoryError

MAX_TEXT = 10_000
_UNKEPT = re.compile("[\0\ud800-\udfff]")
_MAX_NS = 2**63 - 1  # what an integer column of SQLite holds


def text(where: str, value: object, error: type[RoboMemoryError]) -> str:
    if not isinstance(value, str):
        raise error(f"{where}: {type(value).__name__}, expected text")
    if not value.strip():
        raise error(f"{where}: {value!r} is empty, expected at least one word")
    if len(value) > MAX_TEXT:
        raise error(f"{where}: {len(value)} characters, at most {MAX_TEXT} are allowed")
    if _UNKEPT.search(value):
        raise error(f"{where}: {value[:40]!r} holds a NUL or a lone surrogate, which no store can keep")
    return value


def numbers(where: str, value: object, n: int, error: type[RoboMemoryError]) -> tuple[float, ...]:
    try:
        out = tuple(float(v) for v in value)  # type: ignore[attr-defined]
    except (TypeError, ValueError) as cause:
        raise error(f"{where}: {value!r}, expected {n} numbers") from cause
    if len(out) != n or not all(math.isfinite(v) for v in out):
        raise error(f"{where}: {out}, expected {n} finite numbers")
    return out


def stamp(where: str, value: object, error: type[RoboMemoryError]) -> int:
    try:
        ns = value.__index__()  # type: ignore[attr-defined]
    except AttributeError as cause:
        raise error(f"{where}: {value!r}, expected whole nanoseconds") from cause
    if isinstance(value, bool) or not 0 <= ns <= _MAX_NS:
        raise error(f"{where}: {value!r}, expected 0 to 2**63 - 1 nanoseconds")
    return int(ns)


def names(where: str, value: object, error: type[RoboMemoryError]) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise error(f"{where}: {value!r}, expected a sequence of names")
    return tuple(text(f"{where}[{i}]", v, error) for i, v in enumerate(value))
