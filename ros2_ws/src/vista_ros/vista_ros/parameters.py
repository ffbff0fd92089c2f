"""Parameters of a node, checked against the kind of their default."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from rcl_interfaces.msg import ParameterDescriptor
from rclpy.parameter import Parameter

from vista.errors import InvalidValueError
from vista.robot.contract import load_robot
from vista.types import RobotSpec

_KINDS = {bool: "true or false", int: "a whole number", float: "a finite number", str: "a text"}


def value_of(node: Any, name: str, default: Any) -> Any:
    """The value of parameter ``name`` of ``node``, declared with ``default`` when it is new.

    Raises:
        InvalidValueError: it was set to another kind of value than ``default`` is.
    """
    if type(default) not in _KINDS:  # a list of names: rclpy's own check does
        known = node.has_parameter(name)
        return (node.get_parameter(name) if known else node.declare_parameter(name, default)).value
    where = f"parameter {name!r} of {node.get_name()}"
    if not node.has_parameter(name):
        # Dynamic at first: else rclpy refuses an integer for a fraction with an exception of its own.
        node.declare_parameter(name, default, ParameterDescriptor(dynamic_typing=True))
        value = coerced(node.get_parameter(name).value, type(default), where)
        exact = Parameter(name, value=value)
        node.set_descriptor(name, ParameterDescriptor(type=exact.type_.value), exact.get_parameter_value())
    return coerced(node.get_parameter(name).value, type(default), where)


def robot_of(node: Any) -> RobotSpec:
    """The contract that the parameters ``robot`` and ``ros_prefix`` of ``node`` name.

    Raises:
        UnknownNameError, ConfigError: as :func:`vista.robot.contract.load_robot`.
    """
    spec = load_robot(value_of(node, "robot", "panda"))
    prefix = value_of(node, "ros_prefix", "")
    return replace(spec, ros_prefix=prefix) if prefix else spec


def coerced(value: Any, kind: type, where: str) -> Any:
    """``value`` as ``kind``, where nothing is lost by it.

    Raises:
        InvalidValueError: ``value`` is of another kind; ``where`` names it.
    """
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is float and number and math.isfinite(value):
        return float(value)
    if kind is int and number and math.isfinite(value) and float(value).is_integer():
        return int(value)
    if kind in (bool, str) and isinstance(value, kind):
        return value
    raise InvalidValueError(f"{where}: {value!r}, expected {_KINDS[kind]}")
