"""Reads ``launch/stack.yaml``, the one table of nodes, for ``vista up`` and for the launch files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import yaml

from vista.errors import ConfigError, InvalidValueError, UnknownNameError
from vista.files.resources import resource_path
from vista.graph.checks import fraction, shown, text_value, whole
from vista.graph.parameters import Value, as_yaml
from vista.messages.describe import describe

__all__ = [
    "Argument", "ArmKind", "NodeEntry", "NodeTable", "Value", "argument_of", "command", "find_executable",
    "load_stack",
]  # fmt: skip

TABLE = "launch/stack.yaml"
# rclpy listens to the absolute "/clock". With our own simulator each graph has a clock in its own namespace,
# or two graphs in one domain would set each other's time back and forth.
OWN_CLOCK = ("/clock", "clock")


class ArmKind(StrEnum):
    """What the stack moves: the simulated arm, drivers without an arm, or a real arm with its drivers."""

    SIM = "sim"
    FAKE = "fake"
    REAL = "real"


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of the stack's start. ``default`` also fixes the type."""

    name: str
    default: str | int | float | bool
    help: str

    def parse(self, value: object) -> Value:
        """``value`` in the type of the default; InvalidValueError names what is allowed."""
        if isinstance(self.default, bool):
            if str(value).lower() not in ("true", "false"):
                raise InvalidValueError(f"{self.name}: {shown(value)}, expected true or false")
            return str(value).lower() == "true"
        if isinstance(self.default, int):
            return whole(self.name, value)
        if isinstance(self.default, float):
            return fraction(self.name, value)
        return text_value(self.name, value)


@dataclass(frozen=True, slots=True)
class NodeEntry:
    """One row of the table. ``parameters`` may hold ``"{argument}"``; ``only``: with which :class:`ArmKind`,
    or empty."""

    name: str
    package: str
    executable: str
    parameters: Mapping[str, Value] = field(default_factory=dict)
    remaps: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    respawn: bool = False
    only: str = ""


@dataclass(frozen=True, slots=True)
class NodeTable:
    """The table: the arguments and the nodes."""

    arguments: Mapping[str, Argument]
    nodes: tuple[NodeEntry, ...]

    def chosen(self, values: Mapping[str, object]) -> dict[str, Value]:
        """Every argument's value: those given, else the defaults.

        Raises:
            UnknownNameError: no such argument. InvalidValueError: a value of another type.
        """
        for name in values:
            if name not in self.arguments:
                raise UnknownNameError("argument", name, self.arguments)
        out: dict[str, Value] = {name: each.default for name, each in self.arguments.items()}
        return out | {name: self.arguments[name].parse(value) for name, value in values.items()}

    def select(self, arm: ArmKind = ArmKind.SIM, names: Sequence[str] = ()) -> tuple[NodeEntry, ...]:
        """The nodes to start with ``arm``; ``names``: only these.

        Raises:
            UnknownNameError: no such node. InvalidValueError: a node is named twice, or belongs to another
                kind of arm.
        """
        known = [node.name for node in self.nodes if node.only in ("", arm)]
        for name in names:
            if name not in known and any(node.name == name for node in self.nodes):
                instead = "a real arm brings its own drivers" if arm is ArmKind.REAL else f"the arm is {arm}"
                raise InvalidValueError(
                    f"--nodes: {shown(name)} is the arm of another graph; {instead} "
                    f"(allowed: {', '.join(known)})"
                )
            if name not in known:
                raise UnknownNameError("node", name, known)
            if names.count(name) > 1:
                raise InvalidValueError(f"--nodes: {shown(name)} is named {names.count(name)} times")
        return tuple(n for n in self.nodes if n.name in (names or known))


def argument_of(value: Value) -> str | None:
    """The name of the argument in a parameter's value ("{name}"); None for a plain value."""
    if isinstance(value, str) and value.startswith("{") and value.endswith("}"):
        return value[1:-1]
    return None


def load_stack(path: str | Path | None = None) -> NodeTable:
    """The table in ``path``, by default the one that ships.

    Raises:
        ConfigError: the file is missing or malformed; it and the row are named.
    """
    file = resource_path(TABLE) if path is None else Path(path)
    try:
        data = yaml.safe_load(file.read_text(encoding="utf-8"))
        arguments = {n: Argument(n, a["default"], str(a["help"])) for n, a in data["arguments"].items()}
        nodes = tuple(NodeEntry(**row) for row in data["nodes"])
        _check(arguments, nodes)
    except (OSError, LookupError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise _unreadable(file, error) from error
    except yaml.YAMLError as error:
        raise _unreadable(file, error) from error
    return NodeTable(arguments, nodes)


def _unreadable(file: Path, error: Exception) -> ConfigError:
    return ConfigError(f"{file}: {describe(error)}")


def _check(arguments: Mapping[str, Argument], nodes: Sequence[NodeEntry]) -> None:
    """Raise InvalidValueError for errors that would else show only when a node is started."""
    for name, each in arguments.items():
        if not isinstance(each.default, str | int | float | bool):
            raise InvalidValueError(f"argument {name!r}: default {each.default!r}, no text or number")
    names = [node.name for node in nodes]
    for node in nodes:
        if node.only not in ("", *ArmKind):
            raise InvalidValueError(f"{node.name}: only {node.only!r}, expected one of {', '.join(ArmKind)}")
        if names.count(node.name) > 1:
            raise InvalidValueError(f"node {node.name!r} stands in the table twice")
        for words in (node.remaps, node.env):
            if not all(isinstance(word, str) for pair in words.items() for word in pair):
                raise InvalidValueError(f"{node.name}: remaps and env hold {dict(words)!r}, expected texts")
        for key, value in node.parameters.items():
            if (argument := argument_of(value)) is None:
                as_yaml(f"{node.name}.{key}", value)
            elif argument not in arguments:
                raise InvalidValueError(f"{node.name}.{key}: no argument {argument!r}")


def find_executable(package: str, executable: str) -> Path:
    """The program of a node, from the prefixes on ``AMENT_PREFIX_PATH``; ConfigError says where it looked."""
    prefixes = [p for p in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p]
    for prefix in prefixes:
        path = Path(prefix) / "lib" / package / executable
        if path.is_file():
            return path
    where = ", ".join(prefixes) or "nothing: is the environment sourced?"
    raise ConfigError(f"node program {package}/{executable} not found; looked in AMENT_PREFIX_PATH: {where}")


def command(
    node: NodeEntry, chosen: Mapping[str, Value], *, namespace: str = "", use_sim_time: bool = True
) -> list[str]:
    """The command line that starts ``node``, in plain ASCII but for the program's path.

    ``use_sim_time``: beside our own simulator, whose clock is ``clock`` in ``namespace``.
    """
    words = [str(find_executable(node.package, node.executable)), "--ros-args", "-r", f"__node:={node.name}"]
    if namespace:
        words += ["-r", f"__ns:=/{namespace.strip('/')}"]
    for before, after in (*node.remaps.items(), *([OWN_CLOCK] if use_sim_time else [])):
        words += ["-r", f"{before}:={after}"]
    values: dict[str, Value] = {"use_sim_time": use_sim_time and not node.only}
    for key, value in node.parameters.items():
        name = argument_of(value)
        values[key] = value if name is None else chosen[name]
    for key, value in values.items():
        words += ["-p", f"{key}:={as_yaml(key, value)}"]
    return words
