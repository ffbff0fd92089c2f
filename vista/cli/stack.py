"""Reads ``launch/stack.yaml``, the one table of nodes, for ``vista up`` and for the launch files."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from vista.errors import ConfigError, InvalidValueError, UnknownNameError
from vista.resources import resource_path

Value = str | int | float | bool | Sequence[str]
TABLE = "launch/stack.yaml"


@dataclass(frozen=True, slots=True)
class Argument:
    """Something that can be chosen when the stack is started. ``default`` also fixes the type."""

    name: str
    default: str | int | float | bool
    help: str

    def parse(self, value: object) -> Value:
        """``value`` in the type of the default; InvalidValueError names what is allowed."""
        kind = type(self.default)
        try:
            if kind is bool:
                return {"true": True, "false": False}[str(value).lower()]
            return kind(str(value))
        except (KeyError, ValueError) as error:
            raise InvalidValueError(f"{self.name}: {value!r}, expected {kind.__name__}") from error


@dataclass(frozen=True, slots=True)
class NodeEntry:
    """One row of the table. ``parameters`` may hold ``"{argument}"``; ``only``: "sim" or empty."""

    name: str
    package: str
    executable: str
    parameters: Mapping[str, Value] = field(default_factory=dict)
    remaps: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    respawn: bool = False
    only: str = ""


@dataclass(frozen=True, slots=True)
class Stack:
    """The table: what can be chosen, and the nodes."""

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

    def select(self, *, sim: bool = True, names: Sequence[str] = ()) -> tuple[NodeEntry, ...]:
        """The nodes to start. ``sim``: with the simulator instead of a real arm; ``names``: only these."""
        known = [node.name for node in self.nodes]
        for name in names:
            if name not in known:
                raise UnknownNameError("node", name, known)
        return tuple(n for n in self.nodes if (sim or n.only != "sim") and (not names or n.name in names))


def argument_of(value: Value) -> str | None:
    """The argument that a parameter's value stands for, None for a value of its own."""
    if isinstance(value, str) and value.startswith("{") and value.endswith("}"):
        return value[1:-1]
    return None


def load_stack(path: str | Path | None = None) -> Stack:
    """The table in ``path``, by default the one that ships.

    Raises:
        ConfigError: the file is missing or malformed; it and the row are named.
    """
    file = resource_path(TABLE) if path is None else Path(path)
    try:
        data = yaml.safe_load(file.read_text(encoding="utf-8"))
        arguments = {n: Argument(n, a["default"], a["help"]) for n, a in data["arguments"].items()}
        nodes = tuple(NodeEntry(**row) for row in data["nodes"])
    except (OSError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise ConfigError(f"{file}: {type(error).__name__}: {' '.join(str(error).split())}") from error
    for node in nodes:
        for key, value in node.parameters.items():
            if (name := argument_of(value)) is not None and name not in arguments:
                raise ConfigError(f"{file}: {node.name}.{key}: no argument {name!r}")
    return Stack(arguments, nodes)


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
    """The command line that starts ``node``."""
    words = [str(find_executable(node.package, node.executable)), "--ros-args", "-r", f"__node:={node.name}"]
    if namespace:
        words += ["-r", f"__ns:=/{namespace.strip('/')}"]
    for before, after in node.remaps.items():
        words += ["-r", f"{before}:={after}"]
    values: dict[str, Value] = {"use_sim_time": use_sim_time and node.only != "sim"}
    for key, value in node.parameters.items():
        name = argument_of(value)
        values[key] = value if name is None else chosen[name]
    for key, value in values.items():
        words += ["-p", f"{key}:={json.dumps(value)}"]
    return words
