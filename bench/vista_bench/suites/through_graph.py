"""The client with which a bench measures the running graph; ROS is loaded only where one asks for it."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from vista.errors import ConfigError

_CLIENT = "vista_bench.graph_client"


def measure_of(name: str, cell: str) -> Callable[..., object]:
    """The function ``name`` of the client, for ``cell``.

    Raises:
        ConfigError: ROS or the built workspace is missing.
    """
    try:
        importlib.import_module("vista_ros.client")
        found = getattr(importlib.import_module(_CLIENT), name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"cell {cell!r} needs ROS 2 and the built workspace (./run setup brings both): {error}"
        ) from error
    assert callable(found)
    return found


@contextmanager
def closed_afterwards() -> Iterator[None]:
    """Closes the client after the block, if one was used. As Python ends it would be too late: the threads
    that its callbacks need are gone by then."""
    try:
        yield
    finally:
        if (client := sys.modules.get(_CLIENT)) is not None:
            client.close_bench()
