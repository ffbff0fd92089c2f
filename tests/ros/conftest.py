"""Tests of the graph need rclpy and the built messages; each group has a ROS domain of its own."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True, scope="session")
def loopback() -> None:
    """Nothing leaves this machine, whoever started pytest."""
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    profile = str(ROOT / "config/ros/loopback.xml")
    for name in ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE"):
        os.environ.setdefault(name, profile)


@pytest.fixture
def ros(request: pytest.FixtureRequest) -> Iterator[None]:
    """rclpy in this process, in the domain of the test's module (``DOMAIN``)."""
    rclpy = pytest.importorskip("rclpy")
    # A participant of an earlier test that waits for the garbage collector stays in the domain: nodes that
    # are killed and come back then miss, once in ten times, what was published before they met.
    gc.collect()
    rclpy.init(domain_id=request.module.DOMAIN)
    yield
    rclpy.try_shutdown()
    gc.collect()


@pytest.fixture
def beside(ros: None) -> Iterator[Any]:
    """A :class:`tests.ros.beside.Beside`, closed at the end."""
    from tests.ros.beside import Beside

    each = Beside()
    yield each
    each.close()
