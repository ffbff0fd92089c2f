"""Reads the YAML files that people write: contracts, limits, splits, settings, scenes and objects.

A file is data from anywhere. What is no YAML, is too large, names an entry twice or unfolds without end is
refused in one sentence with the file; :class:`Reader` checks the entries, and names file, key and value.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml

from vista.errors import ConfigError
from vista.messages.plain_text import escaped, fit, plain
from vista.values import shown

MOST_BYTES = 256 * 1024
MOST_ENTRIES = 20_000
LONGEST_NAME = 80


class _Loader(yaml.SafeLoader):
    """Plain data only. Numbers are those of YAML 1.2: 1e-3 is one; 010, 1:30 and 1_000, which older readers
    take for 8, 90 and 1000, are texts, so that whoever wants a number refuses them."""


_FLOAT = r"""[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+
            |[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"""
_NUMBERS = {"int": r"[-+]?(?:0|[1-9][0-9]*|0x[0-9a-fA-F]+)", "float": _FLOAT}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, rule) for tag, rule in rules if tag.rpartition(":")[2] not in _NUMBERS]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _name, _pattern in _NUMBERS.items():
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_name}", re.compile(rf"^(?:{_pattern})$", re.X), list("-+.0123456789")
    )


def user_path(path: str | Path, what: str) -> Path:
    """``path`` with ``~`` for the user's home, as a shell would write it.

    Raises:
        ConfigError: it is no path at all.
    """
    try:
        given = Path(path)
    except TypeError as error:
        raise ConfigError(f"{what}: {shown(path)}, expected a path") from error
    try:
        return given.expanduser() if given.parts[:1] and given.parts[0].startswith("~") else given
    except RuntimeError:  # no such user: then it is a name like any other
        return given


def existing(path: Path, what: str, *, folder: bool = False) -> Path:
    """``path`` if it is a file, or else a ``folder``.

    Raises:
        ConfigError: it is not there, something else, or no name that a file can have.
    """
    told = f"{what} {plain(str(path))}"
    try:
        good = path.is_dir() if folder else path.is_file()
        there = good or path.exists()
    except OSError as error:
        raise ConfigError(f"{told}: {(error.strerror or str(error)).lower()}") from error
    if not there:
        raise ConfigError(f"{told} does not exist")
    if not good:
        raise ConfigError(f"{told} is no {'folder' if folder else 'file'}")
    return path


def read_yaml(path: Path, what: str) -> object:
    """What the file holds: mappings, lists, texts, numbers, None.

    Raises:
        ConfigError: as :func:`open_yaml`.
    """
    return open_yaml(path, what)[1]


def open_yaml(path: Path, what: str) -> tuple[Reader, object]:
    """A reader that knows the line of each entry of the file, and what the file holds.

    Raises:
        ConfigError: it cannot be read, is no YAML, or one that is no plain data; ``what`` and the file are
            named.
    """
    told = f"{what} {plain(str(path))}".strip()
    existing(path, what)
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"{told}: cannot be read: {why}") from error
    if len(raw) > MOST_BYTES:
        raise ConfigError(f"{told}: larger than {MOST_BYTES // 1024} KiB, which no such file is")
    try:
        lines, data = _parsed(raw.decode("utf-8-sig"), told)
        return Reader(told, lines), data
    except ConfigError:
        raise
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{told}: no UTF-8 text, byte {error.start + 1} is {raw[error.start]:#x}"
        ) from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{told}: cannot be read: {_problem(error)}") from error
    except RecursionError as error:
        raise ConfigError(f"{told}: nested too deeply") from error
    # A scalar that says what it is, and is not: "!!int many", "!!bool maybe", the date 2024-99-99.
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
        raise ConfigError(f"{told}: holds a value that is not what it says to be: {shown(error)}") from error


def _parsed(text: str, told: str) -> tuple[dict[str, int], object]:
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return {}, None
        if _entries(node, {}, told) > MOST_ENTRIES:
            raise ConfigError(f"{told}: unfolds to more than {MOST_ENTRIES} entries")
        lines: dict[str, int] = {}
        _note_lines(node, "", lines)
        return lines, loader.construct_document(node)
    finally:
        loader.dispose()


def _note_lines(node: yaml.Node, key: str, lines: dict[str, int]) -> None:
    """Note in ``lines`` where each entry below ``node`` stands, which is called ``key``, by name."""
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if isinstance(name, yaml.ScalarNode):
                below = f"{key}.{name.value}" if key else name.value
                lines[below] = name.start_mark.line + 1
                _note_lines(value, below, lines)
    elif isinstance(node, yaml.SequenceNode):
        for i, value in enumerate(node.value):
            lines[f"{key}[{i}]"] = value.start_mark.line + 1
            _note_lines(value, f"{key}[{i}]", lines)


def _entries(node: yaml.Node, known: dict[int, int], told: str) -> int:
    """How many entries ``node`` unfolds to, where an alias counts as all that it stands for."""
    if isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) in known:
        if known[id(node)] == 0:
            raise ConfigError(f"{told}: line {node.start_mark.line + 1}: an alias that holds itself")
        return known[id(node)]
    known[id(node)] = 0
    pairs = isinstance(node, yaml.MappingNode)
    if pairs:
        names = [key for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.value != "<<"]
        seen: set[str] = set()
        for key in names:
            if key.value in seen:
                line = key.start_mark.line + 1
                raise ConfigError(f"{told}: line {line}: the key {shown(key.value)} stands twice")
            seen.add(key.value)
    parts = [part for pair in node.value for part in pair] if pairs else node.value
    known[id(node)] = 1 + sum(_entries(part, known, told) for part in parts)
    return known[id(node)]


def _problem(error: yaml.YAMLError) -> str:
    kind = type(error).__name__
    mark = getattr(error, "problem_mark", None)
    where = f" in line {mark.line + 1}" if mark is not None else ""
    said = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    return f"{kind}{where}: {plain(str(said), 200)}"


@dataclass(frozen=True, slots=True)
class Reader:
    """Checks the entries of one file. ``where`` names it, as in "scene kitchen.yaml"; ``lines`` {key: its
    line}, as :func:`open_yaml` finds them."""

    where: str
    lines: Mapping[str, int] = field(default_factory=dict)

    def fail(self, key: str, why: str) -> ConfigError:
        """The error that ``key`` of this file is wrong."""
        line = self._line(key)
        told = f"{self.where}: line {line}" if line else self.where
        return ConfigError(f"{told}: {key}: {why}" if key else f"{told}: {why}")

    def _line(self, key: str) -> int:
        """The line of ``key``, or of the entry that holds it; 0: unknown."""
        while key and key not in self.lines:
            key = key[: max(key.rfind("."), key.rfind("["), 0)]
        return self.lines.get(key, 0)

    def mapping(
        self, value: object, key: str, allowed: Sequence[str] = (), required: Iterable[str] = ()
    ) -> Mapping[str, object]:
        """A mapping whose keys are ``allowed`` (any text, where none are given); None is an empty one."""
        expected = f"a mapping with {', '.join(allowed)}" if allowed else "a mapping"
        if value is None:
            value = {}
        if not isinstance(value, dict):
            raise self.fail(key, f"{shown(value)}, expected {expected}")
        for name in value:
            if allowed and name not in allowed:
                raise self._of(key, name, f"unknown key {shown(name)}; known: {', '.join(allowed)}")
            if not isinstance(name, str):
                raise self.fail(key, f"the key {shown(name)} is no text; write it in quotes")
        for name in required:
            if name not in value:
                raise self.fail(key, f"`{name}` is missing")
        return value

    def _of(self, key: str, name: object, why: str) -> ConfigError:
        """The error about the entry ``name`` of ``key``, told with the line of that entry."""
        own = str(name) if key in ("", "file") else f"{key}.{name}"
        return replace(self, lines={key: self.lines.get(own, self._line(key))}).fail(key, why)

    def number(self, value: object, key: str, low: float, high: float) -> float:
        """A number from ``low`` to ``high``."""
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise self.fail(key, f"{shown(value)}, expected a number from {low:g} to {high:g}")
        return float(value)

    def whole(self, value: object, key: str, low: int, high: int) -> int:
        """An integer from ``low`` to ``high``; 8.0 is one."""
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.fail(key, f"{shown(value)}, expected a whole number from {low} to {high}")
        return value

    def numbers(self, value: object, key: str, count: int, low: float, high: float) -> tuple[float, ...]:
        """A list of ``count`` numbers, each from ``low`` to ``high``."""
        if not isinstance(value, list) or len(value) != count:
            raise self.fail(key, f"{shown(value)}, expected {count} numbers")
        return tuple(self.number(each, key, low, high) for each in value)

    def text(self, value: object, key: str, longest: int = LONGEST_NAME) -> str:
        """One line of text that can be shown; blanks are folded and letters composed, so that what looks
        the same is the same."""
        if not isinstance(value, str):
            quotes = "; write it in quotes" if isinstance(value, bool | int | float) else ""
            raise self.fail(key, f"{shown(value)}, expected text{quotes}")
        out = unicodedata.normalize("NFC", " ".join(value.split()))
        hidden = next((c for c in out if not fit(c)), None)
        if hidden is not None:
            raise self.fail(key, f"{shown(value)} holds {escaped(hidden)}, which cannot be shown")
        if not out or len(out) > longest:
            raise self.fail(key, f"{shown(value)}, expected text of 1 to {longest} characters")
        return out

    def texts(self, value: object, key: str, *, empty: bool = False) -> tuple[str, ...]:
        """A list of texts, each once."""
        if not isinstance(value, list) or (not value and not empty):
            raise self.fail(key, f"{shown(value)}, expected a list of texts")
        out = tuple(self.text(each, f"{key}[{i}]") for i, each in enumerate(value))
        twice = next((each for each in out if out.count(each) > 1), None)
        if twice is not None:
            raise self.fail(key, f"{twice!r} stands twice")
        return out

    def word(self, value: object, key: str, known: Sequence[str]) -> str:
        """One of ``known``."""
        if not isinstance(value, str) or value not in known:
            raise self.fail(key, f"unknown {shown(value)}; known: {', '.join(known) or 'none'}")
        return value

    def file_name(self, value: object, key: str) -> str:
        """The name of a file, as it is written."""
        if not isinstance(value, str) or not value.strip() or "\0" in value:
            raise self.fail(key, f"{shown(value)}, expected the name of a file")
        return value
