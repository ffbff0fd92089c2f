"""Checks of single values; each names the field, the value and what is allowed."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Mapping

from robomemory.errors import RoboMemoryError
from robomemory.timestamps import MAX_RUN

MAX_TEXT = 10_000
MAX_M = 1e9
"""Farthest coordinate [m]: beyond, squares of distances soon leave the range of numbers."""

MAX_NAMES = 1_000  # of one record

_SHOWN = 80  # characters of a bad value in a message
_UNKEPT = re.compile("[\0\ud800-\udfff]")
_MAX_NS = 2**63 - 1  # what an integer column of SQLite holds


def shown(value: object) -> str:
    """``value`` for a message: in one line, without characters that a terminal obeys, and short."""
    try:
        said = repr(value)
    except Exception:  # a value whose repr fails, or a number with too many digits to write
        said = f"a {type(value).__name__}"
    said = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in said[: 2 * _SHOWN])
    return said if len(said) <= _SHOWN else f"{said[: _SHOWN - 1]}…"


def text(where: str, value: object, error: type[RoboMemoryError]) -> str:
    if not isinstance(value, str):
        raise error(f"{where}: {type(value).__name__}, expected text")
    if not value[:1].isalnum() and not any(c.isprintable() and not c.isspace() for c in value):
        raise error(f"{where}: {shown(value)} is empty, expected at least one word")
    if len(value) > MAX_TEXT:
        raise error(f"{where}: {len(value)} characters, at most {MAX_TEXT} are allowed")
    if _UNKEPT.search(value):
        raise error(f"{where}: {shown(value)} holds a NUL or a lone surrogate, which no store can keep")
    return value


def numbers(where: str, value: object, n: int, error: type[RoboMemoryError]) -> tuple[float, ...]:
    if isinstance(value, str | bytes | Mapping | set | frozenset) or not isinstance(value, Iterable):
        raise error(f"{where}: {shown(value)}, expected {n} numbers")
    try:
        out = tuple(_number(v) for v in itertools.islice(value, n + 1))
    except (TypeError, ValueError, OverflowError) as cause:
        raise error(f"{where}: {shown(value)}, expected {n} numbers") from cause
    if len(out) != n or not all(math.isfinite(v) for v in out):
        raise error(f"{where}: {shown(out)}, expected {n} finite numbers")
    return out


def _number(value: object) -> float:
    if isinstance(value, str | bytes):
        raise TypeError("a text is no number")
    return float(value)  # type: ignore[arg-type]


def position(where: str, value: object, error: type[RoboMemoryError]) -> tuple[float, float, float]:
    x, y, z = numbers(where, value, 3, error)
    if max(abs(x), abs(y), abs(z)) > MAX_M:
        raise error(f"{where}: {(x, y, z)}, expected at most {MAX_M:g} m from the robot's base")
    return x, y, z


def stamp(where: str, value: object, error: type[RoboMemoryError]) -> int:
    return whole(where, value, _MAX_NS, "2**63 - 1", "nanoseconds", error)


def run(where: str, value: object, error: type[RoboMemoryError]) -> int:
    return whole(where, value, MAX_RUN, "2**32 - 1", "numbers of a run", error)


def whole(where: str, value: object, most: int, limit: str, unit: str, error: type[RoboMemoryError]) -> int:
    """``value`` if it is a whole number from 0 to ``most``, of Python or of numpy; ``limit`` writes ``most``,
    ``unit`` says of what."""
    try:
        number = value.__index__()  # type: ignore[attr-defined]
    except (AttributeError, TypeError) as cause:
        raise error(f"{where}: {shown(value)}, expected whole {unit}") from cause
    if isinstance(value, bool) or not 0 <= number <= most:
        raise error(f"{where}: {shown(value)}, expected 0 to {limit} {unit}")
    return int(number)


def names(where: str, value: object, error: type[RoboMemoryError]) -> tuple[str, ...]:
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise error(f"{where}: {shown(value)}, expected a sequence of names")
    given = tuple(itertools.islice(value, MAX_NAMES + 1))
    if len(given) > MAX_NAMES:
        raise error(f"{where}: more than {MAX_NAMES} names")
    return tuple(str(v) if _is_kept(v) else text(f"{where}[{i}]", v, error) for i, v in enumerate(given))


def _is_kept(value: object) -> bool:
    """Whether ``value`` is surely a text that :func:`text` lets pass."""
    if not isinstance(value, str) or not value[:1].isalnum():
        return False
    return len(value) <= MAX_TEXT and _UNKEPT.search(value) is None
