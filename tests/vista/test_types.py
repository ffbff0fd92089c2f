"""The shared words: what they refuse, what they say about it, and that a valid value stays valid."""

from types import MappingProxyType

import numpy as np
import pytest

from tests.conformance.implementations import observation
from tests.mocks import mock_spec
from vista.errors import InvalidValueError, NonFiniteActionError, UnknownNameError, VistaError
from vista.types import (
    ActionChunk,
    ActionSpace,
    CameraSpec,
    Decision,
    Detection,
    Pose,
    Progress,
    State,
    Subgoal,
    Subtask,
    Verdict,
    check_image,
)

IDENTITY = np.array([1.0, 0, 0, 0])
IMAGE = np.zeros((4, 5, 3), np.uint8)


def chunk(actions, dt_s=0.1, space=ActionSpace.EE_DELTA):
    return ActionChunk(np.asarray(actions, np.float32), dt_s, space, 0)


def test_arrays_are_copies_that_no_one_can_change():
    source = np.zeros((2, 7), np.float32)
    made = chunk(source)
    source[:] = 9
    assert made.actions.max() == 0
    with pytest.raises(ValueError, match="read-only"):
        made.actions[0, 0] = 1
    image = IMAGE.copy()
    kept = check_image("image", image)
    image[:] = 7
    assert kept.max() == 0
    assert not kept.flags.writeable


def test_values_are_frozen():
    with pytest.raises(AttributeError):
        Subtask("a").step = "b"
    obs = observation(mock_spec())
    assert isinstance(obs.images, MappingProxyType)
    with pytest.raises(TypeError):
        obs.images["front"] = IMAGE


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_no_chunk_holds_what_is_not_finite(bad):
    actions = np.zeros((3, 7))
    actions[1, 2] = bad
    with pytest.raises(NonFiniteActionError, match="NaN or infinity"):
        chunk(actions)


@pytest.mark.parametrize(
    ("actions", "dt_s", "says"),
    [
        (np.zeros((0, 7)), 0.1, "no rows"),
        (np.zeros((2, 6)), 0.1, "6 columns"),
        (np.zeros(7), 0.1, "shape"),
        (np.zeros((2, 7)), 0.0, "dt_s"),
        (np.zeros((2, 7)), np.nan, "dt_s"),
    ],
)
def test_chunks_of_the_wrong_form_are_named(actions, dt_s, says):
    with pytest.raises(InvalidValueError, match=says):
        chunk(actions, dt_s)


def test_head_keeps_the_stamp_and_the_estimates():
    whole = ActionChunk(np.arange(35.0).reshape(5, 7), 0.1, ActionSpace.EE_DELTA, 42, 0.5, 0.25)
    head = whole.head(2)
    assert np.array_equal(head.actions, whole.actions[:2])
    assert (head.start_stamp_ns, head.progress, head.reached) == (42, 0.5, 0.25)
    assert len(whole.head(99).actions) == 5


@pytest.mark.parametrize(
    "image",
    [
        IMAGE.astype(np.float32),
        IMAGE[..., 0],
        np.zeros((4, 5, 4), np.uint8),
        np.zeros((0, 5, 3), np.uint8),
        [1],
    ],
)
def test_images_of_another_form_are_named_with_what_is_expected(image):
    with pytest.raises(InvalidValueError, match=r"'front'.*uint8"):
        Subgoal(Subtask("a"), {"front": image}, 0.5, 0, 0)


def test_poses_are_unit_and_finite():
    assert np.linalg.norm(Pose(np.zeros(3), IDENTITY * 1.0005).quat_wxyz) == pytest.approx(1.0)
    with pytest.raises(InvalidValueError, match=r"norm 2\.0"):
        Pose(np.zeros(3), IDENTITY * 2)
    with pytest.raises(InvalidValueError, match="NaN"):
        Pose(np.array([0, np.nan, 0]), IDENTITY)


@pytest.mark.parametrize(("given", "kept"), [(-0.04, 0.0), (1.03, 1.0), (0.5, 0.5)])
def test_gripper_noise_is_clamped_and_nonsense_refused(given, kept):
    obs = observation(mock_spec())
    again = type(obs)(1, obs.images, obs.joint_pos, obs.joint_vel, given, obs.ee_pose)
    assert again.gripper == kept
    for nonsense in (1.2, np.nan):
        with pytest.raises(InvalidValueError, match="gripper"):
            type(obs)(1, obs.images, obs.joint_pos, obs.joint_vel, nonsense, obs.ee_pose)


def test_joint_arrays_must_agree():
    obs = observation(mock_spec())
    with pytest.raises(InvalidValueError, match="differ"):
        type(obs)(1, obs.images, np.zeros(3), np.zeros(2), 1.0, obs.ee_pose)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Progress(State.RUNNING, 1.5),
        lambda: Subgoal(Subtask("a"), {}, -0.1, 0, 0),
        lambda: Detection("mug", 2.0, np.zeros(4), np.zeros(3), 0.01),
        lambda: Subtask("  "),
        lambda: CameraSpec("front", 0, 4, np.eye(3), Pose(np.zeros(3), IDENTITY)),
    ],
)
def test_values_out_of_range_are_refused(make):
    with pytest.raises(InvalidValueError, match="expected"):
        make()


@pytest.mark.parametrize("decision", list(Decision))
def test_a_verdict_holds_a_chunk_exactly_when_it_may_be_sent(decision):
    blocked = decision in (Decision.HOLD, Decision.STOP)
    Verdict(decision, "rule", "why", None if blocked else chunk(np.zeros((1, 7))))
    with pytest.raises(InvalidValueError):
        Verdict(decision, "rule", "why", chunk(np.zeros((1, 7))) if blocked else None)


def test_unknown_names_list_what_is_known():
    error = UnknownNameError("task", "pick-place", ["pick_place", "stack"])
    assert str(error) == "unknown task 'pick-place'; known: pick_place, stack"
    assert isinstance(error, VistaError)
