"""A node of its own for a check from the command line."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import rclpy
from rclpy.signals import SignalHandlerOptions

from vista.assembly.robot_check import Checked
from vista.types import RobotSpec
from vista_ros.checking.jog import Ask, JogCheck
from vista_ros.checking.live import LiveCheck
from vista_ros.node_base import VistaNode
from vista_ros.spinning import Spinner


@contextmanager
def _node(namespace: str) -> Iterator[VistaNode]:
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = VistaNode("robot_check", namespace=f"/{namespace}" if namespace else None)
        node.active = True
        spinner = Spinner(node, 3, lambda error: node.note_error("robot check", error))
        try:
            yield node
        finally:
            spinner.close()
            node.on_shutdown(None)  # type: ignore[arg-type]
            node.destroy_node()
    finally:
        rclpy.try_shutdown()


def check_live(spec: RobotSpec, namespace: str = "", listen_s: float = 4.0) -> tuple[Checked, ...]:
    """Listen for ``listen_s`` [s] in the domain of ``ROS_DOMAIN_ID``, and say what is there for ``spec``.
    Nothing is sent."""
    with _node(namespace) as node:
        check = LiveCheck(node, spec)
        time.sleep(listen_s)
        return check.rows()


def jog(spec: RobotSpec, approve: Ask, confirm: Ask, namespace: str = "") -> Iterator[Checked]:
    """The rows of :class:`JogCheck`, as each joint is done, in the domain of ``ROS_DOMAIN_ID``.

    Raises:
        VistaError: as :meth:`JogCheck.rows`.
    """
    with _node(namespace) as node:
        yield from JogCheck(node, spec, approve, confirm).rows()
