"""One table of nodes, read the same way by ``vista up`` and by the launch files."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from vista.cli import stack as table
from vista.errors import ConfigError, InvalidValueError, UnknownNameError

ROOT = Path(__file__).resolve().parents[2]
NODES = ("sim", "guard", "executor", "perception", "world_model", "memory", "agent")


def test_table_holds_the_seven_nodes():
    stack = table.load_stack()
    assert tuple(n.name for n in stack.nodes) == NODES
    assert tuple(n.name for n in stack.select(sim=False)) == NODES[1:]
    entry_points = (ROOT / "ros2_ws/src/vista_ros/setup.py").read_text()
    assert all(f'"{n.executable.removesuffix("_node")}"' in entry_points for n in stack.nodes)
    assert all(each.help for each in stack.arguments.values())


def test_values_reach_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    program = tmp_path / "lib/vista_ros/sim_node"
    program.parent.mkdir(parents=True)
    program.touch()
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path))
    stack = table.load_stack()
    (sim,) = stack.select(names=["sim"])
    words = table.command(sim, stack.chosen({"seed": "7", "scene": ""}), namespace="left")
    assert words[0] == str(program)
    for word in ("seed:=7", 'scene:=""', "use_sim_time:=false", "__ns:=/left", "__node:=sim"):
        assert word in words
    with pytest.raises(ConfigError, match="AMENT_PREFIX_PATH"):
        table.find_executable("vista_ros", "no_node")


def test_bad_input_is_named():
    stack = table.load_stack()
    with pytest.raises(UnknownNameError, match=r"unknown argument 'sed'.*seed"):
        stack.chosen({"sed": 1})
    with pytest.raises(InvalidValueError, match="seed: 'many', expected int"):
        stack.chosen({"seed": "many"})
    with pytest.raises(UnknownNameError, match=r"unknown node 'gard'.*guard"):
        stack.select(names=["gard"])


DANGLING = "{name: a, package: b, executable: c, parameters: {x: '{y}'}}"


@pytest.mark.parametrize(
    "text", ["[]", "arguments: {}", f"arguments: {{}}\nnodes: [{DANGLING}]"]
)  # fmt: skip
def test_malformed_table_is_named(tmp_path: Path, text: str):
    file = tmp_path / "stack.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"stack\.yaml"):
        table.load_stack(file)


@pytest.mark.parametrize(("name", "sim"), [("sim", True), ("stack", False)])
def test_launch_files_take_the_table(name: str, sim: bool):
    tree = ast.parse((ROOT / f"launch/{name}.launch.py").read_text())
    (function,) = [n for n in tree.body if isinstance(n, ast.FunctionDef)]
    assert function.name == "generate_launch_description"
    assert ast.unparse(function.body[-1]) == f"return launch_description(sim={sim})"


@pytest.mark.parametrize("sim", [True, False])
def test_launch_description(sim: bool):
    pytest.importorskip("launch_ros")
    from launch.actions import DeclareLaunchArgument
    from launch_ros.actions import Node

    from vista.cli.launching import launch_description

    entities = launch_description(sim=sim).entities
    stack = table.load_stack()
    declared = [e.name for e in entities if isinstance(e, DeclareLaunchArgument)]
    assert declared == ["namespace", "use_sim_time", *stack.arguments]
    started = [e.node_executable for e in entities if isinstance(e, Node)]
    assert started == [n.executable for n in stack.select(sim=sim)]
