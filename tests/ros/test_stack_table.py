"""One table of nodes, read the same way by ``vista up`` and by the launch files."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from vista.errors import ConfigError, InvalidValueError, UnknownNameError
from vista.graph import table
from vista.graph.parameters import as_yaml
from vista.graph.table import ArmKind

ROOT = Path(__file__).resolve().parents[2]
NODES = ("guard", "executor", "perception", "world_model", "memory", "agent")


@pytest.mark.parametrize(("arm", "first"), [("sim", ("sim",)), ("fake", ("fake_arm",)), ("real", ())])
def test_the_same_six_nodes_move_every_arm(arm: str, first: tuple[str, ...]):
    assert tuple(n.name for n in table.load_stack().select(ArmKind(arm))) == (*first, *NODES)


def test_every_node_of_the_table_has_a_program():
    stack = table.load_stack()
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
    assert "/clock:=clock" in words  # each graph goes by the clock of its own namespace
    words = table.command(sim, stack.chosen({}), use_sim_time=False)
    assert "/clock:=clock" not in words  # a real arm's clock, where it has one, is the domain's
    with pytest.raises(ConfigError, match="AMENT_PREFIX_PATH"):
        table.find_executable("vista_ros", "no_node")


VALUES = (
    "", "5", "-5", "true", "no", "null", "nan", ".inf", "1e3", "0x10", "~", "a: b", "# x", "'", '"', "\\",
    "two\nlines", "grüne Tasse", "青いマグカップ", "mug 🤖", "mug [/red]", "\x1b[31m", "\x7f\x85\x9b",
    "\u2028", "\ufeff\uffff", "$(circus.wid)", "((circus.env))", "$WID", "{scene}", "!!python/object:o.s",
    "&a *a", "---", "%", "=", ":=",
)  # fmt: skip


@pytest.mark.parametrize("value", VALUES)
def test_a_text_reaches_a_node_as_it_is(value: str):
    assert parameter(value) == value


@pytest.mark.parametrize(
    "value", [1.0, -0.5, 1e16, 1e-5, 1e300, 5, -5, 0, 2**63 - 1, -(2**63), True, False, ["a", "5", "🤖"]]
)
def test_a_value_reaches_a_node_in_its_type(value: object):
    got = parameter(value)
    assert (type(got), got) == (type(value), value)


def test_a_whole_number_for_a_fraction_is_sent_as_a_fraction():
    rate = table.Argument("rate_hz", 5.0, "rate")
    assert as_yaml("rate_hz", rate.parse("1")) == "1.0"
    assert isinstance(parameter(rate.parse("1")), float)
    name = table.Argument("scene_name", "scene", "name")
    assert [parameter(name.parse(text)) for text in ("5", "true", "nan")] == ["5", "true", "nan"]
    for given in ("nan", "inf", "1_0", "1e999", "", "one"):
        with pytest.raises(InvalidValueError, match=f"rate_hz: '{given}', expected a finite number"):
            rate.parse(given)
    with pytest.raises(InvalidValueError, match="expected text in UTF-8"):
        name.parse("mug\ud83d")


def parameter(value: object) -> object:
    """``value`` as a node gets it from its command line."""
    rclpy = pytest.importorskip("rclpy")
    word = as_yaml("value", value)
    assert word.isascii()
    context = rclpy.Context()
    rclpy.init(context=context, args=[])
    try:
        node = rclpy.create_node(
            "reader", context=context, cli_args=["--ros-args", "-p", f"value:={word}"], enable_rosout=False,
            automatically_declare_parameters_from_overrides=True, start_parameter_services=False,
        )  # fmt: skip
        got = node.get_parameter("value").value
        node.destroy_node()
        return got
    finally:
        rclpy.try_shutdown(context=context)


def test_bad_input_is_named():
    stack = table.load_stack()
    with pytest.raises(UnknownNameError, match=r"unknown argument 'sed'.*seed"):
        stack.chosen({"sed": 1})
    with pytest.raises(InvalidValueError, match="seed: 'many', expected int"):
        stack.chosen({"seed": "many"})
    with pytest.raises(UnknownNameError, match=r"unknown node 'gard'.*guard"):
        stack.select(names=["gard"])
    with pytest.raises(InvalidValueError, match="'fake_arm' is the arm of another graph; a real arm brings"):
        stack.select(ArmKind.REAL, ["guard", "fake_arm"])


DANGLING = "{name: a, package: b, executable: c, parameters: {x: '{y}'}}"


@pytest.mark.parametrize(
    "text",
    [
        "[]", "arguments: {}", f"arguments: {{}}\nnodes: [{DANGLING}]", "\ud83d", "a: &a [*a]", "{",
        "[" * 3000,
        "arguments: {a: {default: null, help: h}}\nnodes: []", "arguments: {a: {help: h}}\nnodes: []",
        "arguments: {}\nnodes: [{name: a, package: b, executable: c, parameters: {x: .nan}}]",
        "arguments: {}\nnodes: [{name: a, package: b, executable: c, parameters: 5}]",
        "arguments: {}\nnodes: [{name: a, package: b, executable: c, env: {X: 1}}]",
        "arguments: {}\nnodes: [{name: a, package: b, executable: c}, {name: a, package: b, executable: c}]",
    ],
)  # fmt: skip
def test_malformed_table_is_named(tmp_path: Path, text: str):
    file = tmp_path / "stack.yaml"
    file.write_text(text, errors="surrogatepass")
    with pytest.raises(ConfigError, match=r"stack\.yaml"):
        table.load_stack(file)


@pytest.mark.parametrize(("name", "arm"), [("sim", "SIM"), ("real", "REAL")])
def test_launch_files_take_the_table(name: str, arm: str):
    tree = ast.parse((ROOT / f"launch/{name}.launch.py").read_text())
    (function,) = [n for n in tree.body if isinstance(n, ast.FunctionDef)]
    assert function.name == "generate_launch_description"
    assert ast.unparse(function.body[-1]) == f"return launch_description(ArmKind.{arm})"


@pytest.mark.parametrize("arm", ArmKind)
def test_launch_description(arm: ArmKind):
    pytest.importorskip("launch_ros")
    from launch.actions import DeclareLaunchArgument
    from launch_ros.actions import Node

    from vista.graph.launching import launch_description

    entities = launch_description(arm).entities
    stack = table.load_stack()
    declared = [e.name for e in entities if isinstance(e, DeclareLaunchArgument)]
    assert declared == ["namespace", "use_sim_time", *stack.arguments]
    started = [e.node_executable for e in entities if isinstance(e, Node)]
    assert started == [n.executable for n in stack.select(arm)]
