"""Nodes of the graph in the process of a test."""

from __future__ import annotations

from typing import Any

from vista_ros.node_base import VistaNode
from vista_ros.spinning import Spinner


class Beside:
    """Nodes of the graph in this process, each spun by threads of its own, and a node to call them from."""

    def __init__(self) -> None:
        self.caller = VistaNode("caller")
        self.caller.active = True
        self.nodes, self.errors = [self.caller], list[Exception]()
        self._spinners = [Spinner(self.caller, 3, self.errors.append)]

    def add(self, node: VistaNode, **parameters: Any) -> VistaNode:
        for name, value in parameters.items():
            node.param(name, value)
        self.nodes.append(node)
        self._spinners.append(Spinner(node, 3, self.errors.append))
        assert node.trigger_configure().name == "SUCCESS", node._last_error
        node.trigger_activate()
        return node

    def close(self) -> None:
        for spinner in self._spinners:
            spinner.close()
        for node in self.nodes:
            node.on_shutdown(None)  # type: ignore[arg-type]
            node.destroy_node()
