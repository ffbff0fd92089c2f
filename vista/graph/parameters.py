"""Values as ROS reads them on a command line: ``-p name:=value``, where ``value`` is YAML."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from vista.graph.checks import fraction, text_value, whole

Value = str | int | float | bool | Sequence[str]

# All others are escaped: what runs the nodes replaces "$(...)" and "((...))" in the words it is given.
_BARE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ._-+/:,=@")


def as_yaml(name: str, value: Value) -> str:
    """The value of the parameter ``name`` as one YAML word of plain ASCII.

    A text stays a text ("5", "true", "nan"), a fraction stays a fraction (1.0).

    Raises:
        InvalidValueError: a number that ROS cannot hold, or a text that is no Unicode text.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(whole(name, value))
    if isinstance(value, float):
        number = fraction(name, value)
        # ROS takes a number too small for full precision for a text.
        return repr(number if abs(number) >= sys.float_info.min else 0.0)
    if isinstance(value, str):
        return _quoted(text_value(name, value))
    return "[" + ", ".join(_quoted(text_value(name, each)) for each in value) + "]"


def _quoted(text: str) -> str:
    return '"' + "".join(c if c in _BARE else _escaped(ord(c)) for c in text) + '"'


def _escaped(code: int) -> str:
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
