"""Words travel: they are copied, pickled and compared, stay read-only, and hold no nonsense."""

from __future__ import annotations

import copy
import json
import multiprocessing
import pickle
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from tests.conformance.implementations import observation
from tests.fuzz.test_values import COPIES, USUAL, check_locked
from tests.mocks import mock_spec
from vista import types as words
from vista.errors import InvalidValueError, NonFiniteActionError, UnknownNameError
from vista.robot.contract import known_robots, load_robot
from vista.types import (
    ActionChunk,
    ActionSpace,
    EpisodeResult,
    Observation,
    Outcome,
    Pose,
    Progress,
    State,
    Subgoal,
)

SPEC = mock_spec()
OBS = observation(SPEC)
VALUES = [kind(**given) for kind, given in USUAL.items()] + [load_robot("panda")]
NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("copied", COPIES)
def test_a_copy_is_the_same_and_stays_read_only(value: Any, copied: Callable[[Any], Any]):
    again = copied(value)
    assert again == value
    assert hash(again) == hash(value)
    assert len({value, again}) == 1
    assert repr(again) == repr(value)
    check_locked(again)


def test_a_pose_made_of_another_ones_parts_is_the_same_to_the_last_bit():
    rng = np.random.default_rng(0)
    for quat in (np.array([1, 0.0234375, 0, 0]), *rng.normal(size=(500, 4))):
        pose = Pose(np.zeros(3), quat / np.linalg.norm(quat) * (1 + rng.uniform(-9e-4, 9e-4)))
        assert replace(pose) == pose
        assert replace(replace(pose, frame="hand"), frame="base") == pose
        assert np.linalg.norm(pose.quat_wxyz) == pytest.approx(1.0, abs=1e-15)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_errors_cross_processes(protocol: int):
    """A pool pickles what its worker raises; one that can't be made anew hangs the pool."""
    with pytest.raises(UnknownNameError) as told:
        load_robot("no such robot")
    for again in (pickle.loads(pickle.dumps(told.value, protocol)), copy.deepcopy(told.value)):
        assert type(again) is UnknownNameError
        assert str(again) == str(told.value)
        assert (again.kind, again.name, again.known) == ("robot", "no such robot", tuple(known_robots()))


def test_nothing_of_a_copy_can_be_changed():
    again = pickle.loads(pickle.dumps(OBS))
    with pytest.raises(ValueError, match="read-only"):
        again.images["front"][0, 0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        again.ee_pose.position[0] = 1
    with pytest.raises(TypeError):
        again.images["front"] = again.images["front"]
    with pytest.raises(AttributeError):
        again.stamp_ns = 3


def test_mappings_by_themselves_can_be_copied():
    for mapping in (OBS.images, SPEC.cameras, SPEC.places):
        again = copy.deepcopy(mapping)
        assert dict(again).keys() == dict(mapping).keys()
        assert isinstance(pickle.loads(pickle.dumps(mapping)), Mapping)
    assert asdict(OBS)["stamp_ns"] == OBS.stamp_ns
    assert json.dumps(asdict(USUAL_RESULT)["subtasks"])


USUAL_RESULT = EpisodeResult("tidy up", Outcome.SUCCESS, "", 1, 2.0, timings={"plan": [0.1]})  # type: ignore[dict-item]


def test_what_is_left_out_of_a_result_is_read_only_too():
    assert USUAL_RESULT.timings == {"plan": (0.1,)}
    with pytest.raises(TypeError):
        USUAL_RESULT.timings["plan"] = ()  # type: ignore[index]


def stamp_of(obs: Observation) -> int:
    return obs.stamp_ns if obs == OBS else -1


def test_an_observation_goes_to_another_process_and_back():
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map_async(stamp_of, [OBS]).get(timeout=120) == [OBS.stamp_ns]


def test_values_are_compared_by_what_they_hold():
    assert replace(OBS, gripper=0.25) != OBS
    assert replace(OBS, images={}) != OBS
    assert OBS != "observation"
    depth = {"front": np.array([[1.0, NAN]], np.float32)}
    assert replace(OBS, depth=depth) == replace(OBS, depth=copy.deepcopy(depth))
    changed = np.array(OBS.images["front"])
    changed[0, 0, 0] ^= 1
    assert replace(OBS, images={**OBS.images, "front": changed}) != OBS


def test_a_view_of_what_can_be_written_is_copied():
    image = np.zeros((4, 5, 3), np.uint8)
    view = image[:]
    view.setflags(write=False)
    kept = words.check_image("image", view)
    image[:] = 7
    assert kept.max() == 0
    assert words.check_image("image", kept) is kept


NUMBERS = [NAN, INF, -INF, True, "0.5", None, 1e308, 10**400, [0.5], b"1", 1j, -1, 1.5]
FIELDS = [
    (words.Detection, "score"), (words.Subgoal, "score"), (words.Progress, "fraction"),
    (words.ActionChunk, "progress"), (words.ActionChunk, "reached"), (words.SubtaskResult, "score"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "field"), FIELDS)
@pytest.mark.parametrize("value", NUMBERS, ids=lambda value: repr(value)[:20] if value != 10**400 else "huge")
def test_a_share_is_a_number_from_0_to_1(kind: type, field: str, value: object):
    if value is None and kind is words.ActionChunk:
        return  # a policy that does not say
    with pytest.raises(InvalidValueError, match=rf"{kind.__name__}\.{field}: .*expected 0 to 1") as caught:
        kind(**USUAL[kind] | {field: value})
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        (words.EpisodeResult, {"steps": -1}), (words.EpisodeResult, {"steps": True}),
        (words.EpisodeResult, {"steps": 1.0}), (words.EpisodeResult, {"seconds": NAN}),
        (words.EpisodeResult, {"seconds": -0.1}), (words.EpisodeResult, {"timings": {"plan": (NAN,)}}),
        (words.EpisodeResult, {"timings": {"plan": "12"}}), (words.EpisodeResult, {"timings": {3: ()}}),
        (words.EpisodeResult, {"timings": None}), (words.EpisodeResult, {"outcome": "fine"}),
        (words.EpisodeResult, {"outcome": None}), (words.EpisodeResult, {"outcome": 0}),
        (words.EpisodeResult, {"truth": "yes"}), (words.EpisodeResult, {"truth": 1}),
        (words.EpisodeResult, {"subtasks": (1,)}), (words.EpisodeResult, {"subtasks": "ab"}),
        (words.EpisodeResult, {"cause": None}), (words.EpisodeResult, {"instruction": 3}),
        (words.SubtaskResult, {"state": "done"}), (words.SubtaskResult, {"start_s": NAN}),
        (words.SubtaskResult, {"end_s": -1.0}), (words.SubtaskResult, {"subtask": None}),
        (words.SubtaskResult, {"cause": "tired"}),
        (words.Progress, {"cause": 3}), (words.Progress, {"steps": -1}), (words.Subtask, {"step": None}),
        (words.Progress, {"state": "RUNNING!"}), (words.Progress, {"reason": None}),
        (words.Verdict, {"decision": "maybe"}), (words.Verdict, {"rule": 3}),
        (words.Verdict, {"chunk": "no"}),
        (words.Subtask, {"step": 3}), (words.Subtask, {"index": -1}), (words.Subtask, {"index": 0.5}),
        (words.Done, {"reason": 3}), (words.Impossible, {"reason": None}),
        (words.Impossible, {"why": "tired"}), (words.EpisodeResult, {"outcome": "question"}),
        (words.EpisodeResult, {"answer": "yes"}), (words.EpisodeResult, {"refusal": "no"}),
        (words.Subgoal, {"subtask": "grasp it"}), (words.Subgoal, {"seed": 2**64}),
        (words.Subgoal, {"source_stamp_ns": 1.5}), (words.Subgoal, {"images": None}),
        (words.Subgoal, {"images": {3: np.zeros((2, 2, 3), np.uint8)}}),
        (words.Detection, {"sigma_m": NAN}), (words.Detection, {"sigma_m": -1}),
        (words.Detection, {"label": None}),
        (words.Detection, {"position": [1e308, 0, 0]}), (words.Detection, {"position": [10**400, 0, 0]}),
        (words.Detection, {"box": ["0", "0", "1", "1"]}), (words.Detection, {"box": [True] * 4}),
        (words.Pose, {"position": [0, 0, 1e308]}), (words.Pose, {"position": ["1", "2", "3"]}),
        (words.Pose, {"quat_wxyz": [1e308] * 4}), (words.Pose, {"frame": None}),
        (words.Pose, {"position": [1j, 0, 0]}), (words.Pose, {"position": None}),
        (words.CameraSpec, {"width": 4.5}), (words.CameraSpec, {"height": True}),
        (words.CameraSpec, {"name": ""}),
        (words.CameraSpec, {"K": np.zeros((3, 3))}), (words.CameraSpec, {"pose": None}),
        (words.RobotSpec, {"joints": "abc"}), (words.RobotSpec, {"joints": (SPEC.joints[0],) * 2}),
        (words.JointSpec, {"velocity": 0.0}), (words.JointSpec, {"velocity": -1.0}),
        (words.JointSpec, {"lower": 3.0}), (words.JointSpec, {"sign": 0}),
        (words.JointSpec, {"degrees": "yes"}), (words.JointSpec, {"name": ""}),
        (words.GripperSpec, {"open": 0.0}), (words.GripperSpec, {"width_m": 0}),
        (words.GripperSpec, {"joint": ""}), (words.EndEffector, {"body": "hand"}),
        (words.EndEffector, {"quat_wxyz": [1, 1, 0, 0]}), (words.Withdraw, {"height_m": 0}),
        (words.Tabletop, {"ready": (0.0, 0.0)}), (words.Tabletop, {"things": ((1.0, 0.0), (0.0, 1.0))}),
        (words.Tabletop, {"most": 0}),
        (words.CommandChannel, {"kind": "telepathy"}), (words.CommandChannel, {"topic": ""}),
        (words.StateChannel, {"topics": ()}), (words.StateChannel, {"max_clock_offset_s": NAN}),
        (words.CameraChannel, {"transport": "pigeon"}), (words.CameraChannel, {"K": [[1]]}),
        (words.RobotSpec, {"gripper": None}), (words.RobotSpec, {"accepts_models_of": "panda"}),
        (words.RobotSpec, {"arm_command": words.CommandChannel("with_arm")}),
        (words.RobotSpec, {"home": [9.0, 0, 0]}),
        (words.RobotSpec, {"control_hz": NAN}), (words.RobotSpec, {"ik_orientation_weight": -1}),
        (words.RobotSpec, {"workspace": [[1, 1, 1], [0, 0, 0]]}),
        (words.RobotSpec, {"cameras": {"front": 3}}),
        (words.RobotSpec, {"action_space": "telepathy"}), (words.RobotSpec, {"places": {"a": 1}}),
        (words.Observation, {"stamp_ns": 0.5}), (words.Observation, {"stamp_ns": 2**63}),
        (words.Observation, {"gripper": None}), (words.Observation, {"gripper": "1"}),
        (words.Observation, {"gripper_vel": NAN}), (words.Observation, {"ee_pose": np.eye(4)}),
        (words.Observation, {"images": []}), (words.Observation, {"depth": {"front": np.zeros((2, 2, 1))}}),
        (words.Observation, {"depth": {"front": np.zeros((2, 2), np.uint16)}}),
        (words.ActionChunk, {"dt_s": True}), (words.ActionChunk, {"dt_s": INF}),
        (words.ActionChunk, {"space": 3}),
        (words.ActionChunk, {"start_stamp_ns": NAN}), (words.ActionChunk, {"actions": [[1, 2], [3]]}),
        (words.ActionChunk, {"actions": "rows"}), (words.ActionChunk, {"actions": np.zeros((2, 7), complex)}),
    ],
)  # fmt: skip
def test_nonsense_is_refused_by_the_name_of_its_field(kind: type, change: dict[str, object]):
    (field,) = change
    with pytest.raises(InvalidValueError) as caught:
        kind(**USUAL[kind] | change)
    said = str(caught.value)
    assert kind.__name__.removesuffix("Spec") in said or "camera" in said
    assert field.split("_")[0] in said or field in ("home", "cameras")
    assert len(said) < 400


def test_what_overflows_is_not_finite():
    with pytest.raises(NonFiniteActionError, match="NaN or infinity"):
        ActionChunk(np.full((2, 7), 1e300), 0.1, ActionSpace.EE_DELTA, 0)


def test_what_converts_itself_and_fails_is_refused():
    class Odd:
        def __array__(self, *_: object, **__: object) -> np.ndarray:
            raise RuntimeError("requires grad")

        def __float__(self) -> float:
            raise ZeroDivisionError

        def __repr__(self) -> str:
            raise KeyError("no repr")

    with pytest.raises(InvalidValueError, match="requires grad"):
        words.Pose(Odd(), [1, 0, 0, 0])  # type: ignore[arg-type]
    with pytest.raises(InvalidValueError, match="a value of type Odd, expected 0 to 1"):
        Progress(State.RUNNING, Odd())  # type: ignore[arg-type]


def test_numbers_of_other_kinds_become_plain_ones():
    for value in (np.float32(0.5), np.float64(0.5), Decimal("0.5"), np.array(0.5)):
        assert type(Progress(State.RUNNING, value).fraction) is float  # type: ignore[arg-type]
    subgoal = Subgoal(words.Subtask("a"), {}, np.float32(1), np.int64(3), np.int64(5))  # type: ignore[arg-type]
    assert type(subgoal.seed) is int
    chunk = ActionChunk(np.zeros((1, 7)), 0.1, "ee_delta", 0)  # type: ignore[arg-type]
    assert chunk.space is ActionSpace.EE_DELTA
    assert EpisodeResult("a", Outcome.FAILURE, "", 1, 1.0, truth=np.True_).truth is True  # type: ignore[arg-type]


def test_a_head_has_at_least_a_row():
    chunk = ActionChunk(np.zeros((3, 7)), 0.1, ActionSpace.EE_DELTA, 0)
    for rows in (0, -1, True, 1.5, None):
        with pytest.raises(InvalidValueError, match="head: rows"):
            chunk.head(rows)  # type: ignore[arg-type]
