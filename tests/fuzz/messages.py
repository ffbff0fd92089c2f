"""Strategies for ROS messages of any type: every field holds something that its type allows."""

from __future__ import annotations

import importlib
import re
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.hostile import floats, texts

_INTEGERS = {f"{sign}int{bits}": (0 if sign else -(2 ** (bits - 1)), 2 ** (bits - (not sign)) - 1)
             for sign in ("", "u") for bits in (8, 16, 32, 64)}  # fmt: skip
_INTEGERS |= {"octet": (0, 255), "byte": (0, 255), "char": (0, 255)}
_SEQUENCE = re.compile(r"sequence<(.+?)(?:, (\d+))?>$")
_ARRAY = re.compile(r"(.+)\[(\d+)\]$")
_MOST = 4  # entries of a sequence

_wire = texts.filter(lambda text: not any("\ud800" <= c <= "\udfff" or c == "\0" for c in text))


def _integers(low: int, high: int) -> st.SearchStrategy[int]:
    return st.one_of(st.sampled_from([0, 1, 2, 3, 4, low, high]), st.integers(low, high)).filter(
        lambda n: low <= n <= high
    )


def _field(kind: str) -> st.SearchStrategy[Any]:
    if match := _SEQUENCE.match(kind):
        most = min(_MOST, int(match[2] or _MOST))
        return st.lists(_field(match[1]), max_size=most)
    if match := _ARRAY.match(kind):
        return st.lists(_field(match[1]), min_size=int(match[2]), max_size=int(match[2]))
    if kind in _INTEGERS:
        return _integers(*_INTEGERS[kind])
    if kind in ("double", "float64"):
        return floats
    if kind in ("float", "float32"):
        return st.one_of(st.floats(width=32), st.sampled_from([0.0, 0.5, 1.0]))
    if kind == "boolean":
        return st.booleans()
    if kind.startswith(("string", "wstring")):
        return _wire
    package, name = kind.split("/")
    return st.deferred(lambda: messages(getattr(importlib.import_module(f"{package}.msg"), name)))


def messages(kind: Any, /, **known: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Messages of type ``kind``. ``known``: strategies for some of its fields, for values that go further."""
    fields = {
        name: st.one_of(_field(of), known[name]) if name in known else _field(of)
        for name, of in kind.get_fields_and_field_types().items()
    }
    return st.fixed_dictionaries(fields).map(lambda values: kind(**values))
