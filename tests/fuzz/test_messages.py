"""Messages of every topic, as the nodes read them: a value of the library, or one sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("vista_msgs")

import numpy as np
from geometry_msgs.msg import PoseStamped
from hypothesis import strategies as st
from sensor_msgs.msg import Image, JointState
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from tests.fuzz.fuzzing import counts, explore
from tests.fuzz.hostile import floats
from tests.fuzz.messages import messages
from vista.errors import VistaError
from vista.robot.contract import load_robot
from vista.types import Outcome
from vista_msgs import msg as m
from vista_ros import conversions as c
from vista_ros.calls import Ended
from vista_ros.client import episode_of

pytestmark = pytest.mark.ros
SPEC = load_robot("panda")
NAMES = [*SPEC.joint_names, SPEC.gripper.joint]
_joints = st.one_of(st.just(NAMES), st.permutations(NAMES), st.just(list(SPEC.joint_names)))
_eight = st.lists(floats, min_size=8, max_size=8)
_points = st.lists(messages(JointTrajectoryPoint, positions=_eight), min_size=1, max_size=3)
TRAJECTORY = messages(JointTrajectory, joint_names=_joints, points=_points)
JOINTS = messages(JointState, name=_joints, position=_eight, velocity=_eight)
_encoding = st.sampled_from(["rgb8", "bgr8", "32FC1", "16UC1", "mono8", "8UC3"])
_side = st.integers(0, 3)
IMAGE = messages(
    Image, encoding=_encoding, height=_side, width=_side, step=st.integers(0, 12),
    data=st.binary(max_size=36).map(list),
)  # fmt: skip
SKILL = messages(
    m.Skill, verb=st.sampled_from(["", "grasp", "place", "open"]), relation=st.sampled_from(["", "in", "on"])
)
NOTE = messages(m.Note, kind=st.sampled_from(["spatial", "semantic"]), text=st.just("so it is"))


def _arm(msg: JointTrajectory) -> object:
    return c.arm_points(msg, SPEC)


def _gripper(msg: JointTrajectory) -> object:
    points = c.gripper_points(msg, SPEC)
    assert ((points.rows >= 0.0) & (points.rows <= 1.0)).all()
    return points


def _chunk(msg: JointTrajectory) -> object:
    chunk = c.chunk_from_msg(msg, SPEC)
    assert np.isfinite(chunk.actions).all()
    return chunk


def _joint_state(msg: JointState) -> object:
    reading = c.joint_state_from_msg(msg, SPEC)
    assert np.isfinite(reading.position).all()
    assert np.isfinite(reading.velocity).all()
    assert 0.0 <= reading.gripper <= 1.0
    return reading


def _episode(msg: m.EpisodeResult) -> object:
    class Result:
        episode = msg

    for how in ("succeeded", "aborted", "cancelled"):
        told = episode_of(Ended(Result(), how), "do it")
        if told.outcome is Outcome.SUCCESS:
            assert (how, msg.outcome) == ("succeeded", m.EpisodeResult.SUCCESS)
        else:
            assert told.cause or msg.outcome
    return c.episode_result_from_msg(msg)


READERS: dict[str, tuple[st.SearchStrategy[Any], Callable[[Any], object]]] = {
    "trajectory": (TRAJECTORY, _chunk),
    "arm command": (TRAJECTORY, _arm),
    "gripper command": (TRAJECTORY, _gripper),
    "joint state": (JOINTS, _joint_state),
    "image": (IMAGE, c.image_from_msg),
    "depth image": (IMAGE, c.depth_from_msg),
    "pose": (messages(PoseStamped), c.pose_from_msg),
    "observation": (messages(m.Observation), c.observation_from_msg),
    "detections": (messages(m.DetectionArray), c.detections_from_msg),
    "sought": (messages(m.Detection), c.sought_from_msg),
    "subgoal": (messages(m.Subgoal), c.subgoal_from_msg),
    "progress": (messages(m.Progress), c.progress_from_msg),
    "guard status": (messages(m.GuardStatus), c.guard_report_from_msg),
    "task progress": (messages(m.TaskProgress), c.event_from_msg),
    "episode": (messages(m.EpisodeResult), _episode),
    "note": (messages(m.Note), c.note_from_msg),
    "recalled item": (messages(m.MemoryItem, note=NOTE, score=st.floats(0.0, 1.0)), c.memory_item_from_msg),
    "scene": (messages(m.SceneGraph), c.scene_graph_from_msg),
    "subtask": (messages(m.Subtask, skill=SKILL), c.subtask_from_msg),
    "evidence": (messages(m.Evidence, size=st.integers(0, 2)), c.evidence_from_msg),
}


@counts(10, 120)
@pytest.mark.parametrize("name", READERS)
def test_a_message_is_read_or_refused(name: str, count: int):
    values, read = READERS[name]

    def check(msg: Any) -> None:
        said = "a value"
        try:
            read(msg)
        except VistaError as error:
            said = str(error)
        assert said.strip()
        assert "\n" not in said

    explore("topics", values, check, count)
