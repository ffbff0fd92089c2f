"""What all values of the library share: how their parts are checked, copied, pickled and compared.

Each check returns the value in the form that is kept, or raises :class:`InvalidValueError` with one sentence
that names the field, the value and what is allowed. The checks stand in the control loop, so what is usual
is decided first. Only numpy and the standard library are used here.
"""

from __future__ import annotations

import copyreg
import operator
from collections.abc import Mapping, Sequence
from dataclasses import fields
from enum import StrEnum
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from vista.errors import InvalidValueError

E = TypeVar("E", bound=StrEnum)
K = TypeVar("K")
V = TypeVar("V")

FAR_M = 1e6
"""No position is farther than this from the base frame [m]; beyond it, arithmetic loses the millimetres."""
INT64 = (-(2**63), 2**63 - 1)
_SHOWN = 120


def shown(value: object) -> str:
    """``value`` for a message: its repr in one line, cut where it gets long; never raises."""
    try:
        text = value[: 4 * _SHOWN].__repr__() if isinstance(value, str | bytes) else repr(value)
    except Exception:  # a foreign object, or an integer of more digits than Python writes
        text = f"a value of type {type(value).__name__}"
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 4]} ..."


def array(
    name: str,
    value: object,
    dtype: type,
    shape: tuple[int | None, ...],
    not_finite: type[InvalidValueError] = InvalidValueError,
) -> NDArray[Any]:
    """``value`` as a read-only copy of ``dtype``, finite, checked against ``shape`` (None: any size).

    Raises:
        InvalidValueError: no numbers, or another shape. ``not_finite``: NaN or infinity.
    """
    kind = np.dtype(dtype).name
    try:
        given = value if isinstance(value, np.ndarray) else np.asarray(value)
        if given.dtype.kind not in "fiu" and (given.dtype.kind != "O" or not _numbers(given)):
            raise TypeError(f"holds {given.dtype.name}, expected numbers")
        with np.errstate(over="ignore"):  # what overflows is infinite, and told below
            out: NDArray[Any] = np.array(given, dtype=dtype, subok=False)
    except Exception as error:  # whatever is handed in converts itself, and may raise anything
        raise InvalidValueError(f"{name}: not an array of {kind}: {shown_error(error)}") from error
    if out.ndim != len(shape) or any(w not in (None, g) for w, g in zip(shape, out.shape, strict=True)):
        sizes = ", ".join("any" if s is None else str(s) for s in shape)
        want = f"({sizes},)" if len(shape) == 1 else f"({sizes})"
        raise InvalidValueError(f"{name}: shape {out.shape}, expected {want}")
    if out.dtype.kind == "f" and not np.isfinite(out).all():
        raise not_finite(f"{name}: holds NaN or infinity")
    out.setflags(write=False)
    return out


def _numbers(values: NDArray[Any]) -> bool:
    # Integers beyond 64 bits come as objects; texts would be read as numbers without a word.
    return all(isinstance(each, int | float) and not isinstance(each, bool) for each in values.flat)


def shown_error(error: Exception) -> str:
    """What ``error`` says, in one line."""
    try:
        text = " ".join(str(error).split())
    except Exception:
        text = ""
    return f"{text[: 2 * _SHOWN]}" if text else type(error).__name__


def position(name: str, value: object) -> NDArray[np.float64]:
    """``value`` as a read-only f64 (3,) [m], no farther than :data:`FAR_M`."""
    out = array(name, value, np.float64, (3,))
    if (np.abs(out) > FAR_M).any():
        raise InvalidValueError(f"{name}: {shown(out.tolist())}, expected at most {FAR_M:g} m")
    return out


def number(name: str, value: object, low: float, high: float, what: str = "") -> float:
    """``value`` as a finite float from ``low`` to ``high``; ``what`` says otherwise what is allowed."""
    out = value if type(value) is float else _float(value)
    if out is None or not low <= out <= high:
        raise InvalidValueError(f"{name}: {shown(value)}, expected {what or f'{low:g} to {high:g}'}")
    return out


def _float(value: object) -> float | None:
    if isinstance(value, bool | np.bool_ | str | bytes | bytearray):
        return None
    try:
        if np.ndim(value) != 0:  # type: ignore[arg-type]
            return None
        return float(value)  # type: ignore[arg-type]
    except Exception:
        return None


def whole(name: str, value: object, low: int = INT64[0], high: int = INT64[1], what: str = "") -> int:
    """``value`` as an int from ``low`` to ``high``, by default what fits 64 bits."""
    out: int | None = None
    if type(value) is int:
        out = value
    elif not isinstance(value, bool | np.bool_):
        try:
            out = operator.index(value)  # type: ignore[arg-type]
        except Exception:
            out = None
    if out is None or not low <= out <= high:
        raise InvalidValueError(
            f"{name}: {shown(value)}, expected {what or f'an integer from {low} to {high}'}"
        )
    return out


def text(name: str, value: object, *, empty: bool = True) -> str:
    """``value`` if it is text, and not blank unless ``empty``."""
    if not isinstance(value, str):
        raise InvalidValueError(f"{name}: {shown(value)}, expected text")
    if not empty and not value.strip():
        raise InvalidValueError(f"{name}: empty, expected text")
    return value


def word(name: str, value: object, kind: type[E]) -> E:
    """``value`` as a member of the enumeration ``kind``; its plain text is taken, too."""
    if type(value) is kind:
        return value
    try:
        return kind(value)  # type: ignore[arg-type]
    except Exception:
        allowed = ", ".join(kind)
        raise InvalidValueError(f"{name}: {shown(value)}, expected one of {allowed}") from None


def instance(name: str, value: object, kind: type[V]) -> V:
    """``value`` if it is a ``kind``."""
    if not isinstance(value, kind):
        raise InvalidValueError(f"{name}: {shown(value)}, expected a {kind.__name__}")
    return value


def entries(name: str, value: object) -> list[tuple[str, Any]]:
    """The entries of a mapping whose keys are text."""
    if not isinstance(value, Mapping):
        raise InvalidValueError(f"{name}: {shown(value)}, expected a mapping")
    for key in value:
        if not isinstance(key, str):
            raise InvalidValueError(f"{name}: key {shown(key)}, expected text")
    return list(value.items())


def sequence(name: str, value: object) -> Sequence[Any]:
    """``value`` if it is a list or a tuple, or the like."""
    if isinstance(value, str | bytes) or not isinstance(value, Sequence):
        raise InvalidValueError(f"{name}: {shown(value)}, expected a sequence")
    return value


def flag(name: str, value: object) -> bool:
    """``value`` if it is true or false."""
    if not isinstance(value, bool | np.bool_):
        raise InvalidValueError(f"{name}: {shown(value)}, expected true or false")
    return bool(value)


def read_only(value: Mapping[K, V]) -> MappingProxyType[K, V]:
    """A copy of a mapping that nobody can change."""
    return MappingProxyType(dict(value))


# Python can neither pickle nor deep-copy such a mapping by itself; ``dataclasses.asdict`` needs it, too.
copyreg.pickle(MappingProxyType, lambda mapping: (read_only, (dict(mapping),)))


class Value:
    """A frozen dataclass that holds arrays and mappings: it can be copied and pickled, stays read-only then,
    and compares by content. Its hash leaves arrays out, so that equal values have equal ones."""

    __slots__ = ()

    def __reduce__(self) -> tuple[Any, ...]:
        kept = (getattr(self, field.name) for field in fields(self))  # type: ignore[arg-type]
        return _restored, (type(self), *kept)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        names = (field.name for field in fields(self))  # type: ignore[arg-type]
        return all(_same(getattr(self, name), getattr(other, name)) for name in names)

    def __hash__(self) -> int:
        kept = (getattr(self, field.name) for field in fields(self))  # type: ignore[arg-type]
        return hash((type(self), *map(_hashable, kept)))


def _restored(kind: type[Value], *kept: object) -> Value:
    """What was valid is taken as it was, to the last bit; only what can be written to is locked again."""
    out = object.__new__(kind)
    for field, value in zip(fields(kind), kept, strict=True):  # type: ignore[arg-type]
        object.__setattr__(out, field.name, _locked(value))
    return out


def _locked(value: object) -> object:
    if isinstance(value, np.ndarray):
        value.setflags(write=False)
    elif isinstance(value, Mapping):
        for each in value.values():
            _locked(each)
    return value


def _same(one: Any, other: Any) -> bool:
    if one is other:
        return True
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return np.array_equal(one, other, equal_nan=one.dtype.kind == "f" and other.dtype.kind == "f")
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(each, other[key]) for key, each in one.items())
    return bool(one == other)


def _hashable(value: Any) -> object:
    if isinstance(value, np.ndarray):
        return value.shape
    if isinstance(value, Mapping):
        return frozenset(value)
    return value
