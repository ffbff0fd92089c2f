"""Turns ``launch/stack.yaml`` into a description for ``ros2 launch``; needs an installed ROS 2."""

from __future__ import annotations

from typing import Any

from vista.cli.stack import NodeEntry, argument_of, load_stack


def launch_description(*, sim: bool) -> Any:
    """The description of all nodes, with the simulator or beside the drivers of a real arm."""
    from launch.actions import DeclareLaunchArgument  # type: ignore[import-not-found]

    from launch import LaunchDescription  # type: ignore[attr-defined]

    stack = load_stack()
    declared = [
        DeclareLaunchArgument("namespace", default_value="", description="namespace of all nodes and topics"),
        DeclareLaunchArgument(
            "use_sim_time",
            default_value=str(sim).lower(),
            description="whether the nodes go by /clock, as they must with the simulator",
        ),
    ]
    for name, each in stack.arguments.items():
        shown = str(each.default).lower() if isinstance(each.default, bool) else str(each.default)
        declared.append(DeclareLaunchArgument(name, default_value=shown, description=each.help))
    kinds = {name: type(each.default) for name, each in stack.arguments.items()}
    return LaunchDescription([*declared, *(_node(entry, kinds) for entry in stack.select(sim=sim))])


def _node(entry: NodeEntry, kinds: dict[str, type]) -> Any:
    from launch.substitutions import LaunchConfiguration
    from launch_ros.actions import Node
    from launch_ros.parameter_descriptions import ParameterValue

    parameters: dict[str, Any] = {
        "use_sim_time": False
        if entry.only == "sim"
        else ParameterValue(LaunchConfiguration("use_sim_time"), value_type=bool)
    }
    for key, value in entry.parameters.items():
        name = argument_of(value)
        parameters[key] = (
            value if name is None else ParameterValue(LaunchConfiguration(name), value_type=kinds[name])
        )
    return Node(
        package=entry.package,
        executable=entry.executable,
        name=entry.name,
        namespace=LaunchConfiguration("namespace"),
        parameters=[parameters],
        remappings=list(entry.remaps.items()),
        additional_env=dict(entry.env),
        respawn=entry.respawn,
        respawn_delay=1.0,
        output="screen",
    )
