"""What the simulator and the health of a node take and tell: text and trajectories from anywhere."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("vista_msgs")

from builtin_interfaces.msg import Duration
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.serialization import deserialize_message, serialize_message
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from vista.errors import InvalidValueError
from vista_ros import health
from vista_ros.nodes.sim_node import _due_s

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


def trajectory(*due_s: float) -> JointTrajectory:
    points = []
    for each in due_s:
        sec, rest = divmod(round(each * 1e9), 10**9)
        points.append(JointTrajectoryPoint(time_from_start=Duration(sec=sec, nanosec=rest)))
    return JointTrajectory(points=points)


def test_the_arm_takes_points_in_the_order_of_time_only():
    assert _due_s(trajectory()).tolist() == []
    assert _due_s(trajectory(0.0, 0.1, 0.1, 0.3)) == pytest.approx([0.0, 0.1, 0.1, 0.3])
    for wrong in ((-0.1, 0.2), (0.2, 0.1)):
        with pytest.raises(InvalidValueError, match=r"times from start .* expected 0 and rising"):
            _due_s(trajectory(*wrong))
