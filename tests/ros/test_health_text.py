"""What the simulator and the health of a node take and tell: text and trajectories from anywhere."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("vista_msgs")

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.serialization import deserialize_message, serialize_message

from vista_ros import health

pytestmark = pytest.mark.ros


@pytest.mark.parametrize("text", ["mug\ud83d", "\x1b[31mred", "two\nlines", "a\0b", "青いマグカップ 🤖"])
def test_a_status_is_sent_whatever_its_text(text: str):
    """One that cannot be sent leaves everybody waiting for the node, without the reason."""
    status = health.status("sim", {"last error": text, text: "value"}, error=text)
    back = deserialize_message(serialize_message(status), DiagnosticStatus)
    assert back == status
    assert back.level == DiagnosticStatus.ERROR
    assert back.message
    assert back.values[0].value == back.message
    assert not any(ord(c) < 32 for c in back.message)
