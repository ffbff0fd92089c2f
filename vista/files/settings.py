"""Settings files: YAML whose keys are the fields of a frozen dataclass, checked by its type hints."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from vista.errors import ConfigError, UnknownNameError, VistaError
from vista.files.yaml_file import read_yaml, user_path
from vista.messages.plain_text import plain
from vista.messages.redaction import conceal
from vista.values import shown

T = TypeVar("T")
Options = Mapping[str, object]
LARGEST = 1e300
SHOWN = 120


def read_options(path: str | Path) -> tuple[str, Options]:
    """The ``type`` that a settings file names, and its other entries.

    Raises:
        ConfigError: no readable YAML mapping, or one without ``type``.
    """
    file = user_path(path, "settings")
    data = read_yaml(file, "settings")
    if not isinstance(data, dict) or not isinstance(data.get("type"), str):
        told = plain(str(file))
        raise ConfigError(f"{told}: expected a mapping whose entry 'type' says what it configures")
    return data["type"], {str(k): v for k, v in data.items() if k != "type"}


def from_options(cls: type[T], options: Options, where: str) -> T:
    """An instance of the dataclass ``cls`` with the fields in ``options``; the others keep their defaults.

    Args:
        where: What holds the options, for messages.

    Raises:
        UnknownNameError: an entry that is no field. ConfigError: one is missing, of another type, or refused
            by ``cls``.
    """
    hints = typing.get_type_hints(cls)
    fields = {f.name: f for f in dataclasses.fields(typing.cast(typing.Any, cls))}
    for name in options:
        if name not in fields:
            raise UnknownNameError(f"entry of {where}", name, fields)
    for name, field in fields.items():
        no_default = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if no_default and name not in options:
            raise ConfigError(f"{where}: the entry {name!r} is missing")
    values = {name: _value(hints[name], value, f"{where}: {name}") for name, value in options.items()}
    try:
        return cls(**values)
    except VistaError:
        raise
    except (TypeError, ValueError, ArithmeticError) as error:
        raise ConfigError(f"{where}: {plain(str(error))}") from error


def _value(hint: object, value: object, where: str) -> object:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        if value is None and type(None) in arguments:
            return None
        return _value(next(a for a in arguments if a is not type(None)), value, where)
    if isinstance(hint, type) and dataclasses.is_dataclass(hint) and isinstance(value, Mapping):
        return from_options(hint, {str(k): v for k, v in value.items()}, where)
    if origin is tuple and isinstance(value, list):
        return tuple(_value(arguments[0], each, f"{where}[{i}]") for i, each in enumerate(value))
    if isinstance(origin, type) and issubclass(origin, Mapping) and isinstance(value, Mapping):
        return {str(k): _value(arguments[1], each, f"{where}.{k}") for k, each in value.items()}
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        if not abs(value) <= LARGEST:
            raise ConfigError(f"{where}: {_told(value)}, expected a finite number")
        return float(value)
    if hint in (str, int, bool) and type(value) is hint:
        return value
    if hint == str | int | float | bool and isinstance(value, str | int | float | bool):
        return value
    name = hint.__name__ if isinstance(hint, type) else str(hint)
    raise ConfigError(f"{where}: {_told(value)}, expected {name}")


def _told(value: object) -> str:
    """``value`` for a message. Where a mapping was expected an address may stand, with a password in it."""
    given = value if isinstance(value, str | list | Mapping) else None
    return shown(value) if given is None else plain(conceal(repr(given)), SHOWN)
