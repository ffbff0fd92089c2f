"""Turns ``launch/stack.yaml`` into a description for ``ros2 launch``; needs an installed ROS 2."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from vista.graph.table import OWN_CLOCK, ArmKind, NodeEntry, argument_of, load_stack


def launch_description(arm: ArmKind) -> Any:
    """The description of all nodes that move ``arm``."""
    sim = arm is ArmKind.SIM
    launch, actions = import_module("launch"), import_module("launch.actions")
    stack = load_stack()
    declared = [
        actions.DeclareLaunchArgument(
            "namespace", default_value="", description="namespace of all nodes and topics"
        ),
        actions.DeclareLaunchArgument(
            "use_sim_time",
            default_value=str(sim).lower(),
            description="whether the nodes go by a clock topic, as they must with the simulator",
        ),
    ]
    for name, each in stack.arguments.items():
        shown = str(each.default).lower() if isinstance(each.default, bool) else str(each.default)
        declared.append(actions.DeclareLaunchArgument(name, default_value=shown, description=each.help))
    kinds = {name: type(each.default) for name, each in stack.arguments.items()}
    nodes = [_node(entry, kinds, sim) for entry in stack.select(arm)]
    return launch.LaunchDescription([*declared, *nodes])


def _node(entry: NodeEntry, kinds: dict[str, type], sim: bool) -> Any:
    configuration = import_module("launch.substitutions").LaunchConfiguration
    node = import_module("launch_ros.actions").Node
    value_of = import_module("launch_ros.parameter_descriptions").ParameterValue

    parameters: dict[str, Any] = {
        "use_sim_time": False if entry.only else value_of(configuration("use_sim_time"), value_type=bool)
    }
    for key, value in entry.parameters.items():
        name = argument_of(value)
        if name is not None:
            parameters[key] = value_of(configuration(name), value_type=kinds[name])
        else:  # without its type a text such as "5" would be read as a number
            parameters[key] = value_of(value, value_type=str) if isinstance(value, str) else value
    return node(
        package=entry.package,
        executable=entry.executable,
        name=entry.name,
        namespace=configuration("namespace"),
        parameters=[parameters],
        remappings=[*entry.remaps.items(), *([OWN_CLOCK] if sim else [])],
        additional_env=dict(entry.env),
        respawn=entry.respawn,
        respawn_delay=1.0,
        output="screen",
    )
