"""A model says for which arm and cameras it was trained; another arm is refused by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.tiny import panda
from vista.assembly import loading
from vista.assembly.references import shipped
from vista.errors import ModelMismatchError
from vista.robot.kinematics import matrix_to_pose
from vista.robot.model_fit import FILE, check_fits, trained_for, write_trained_for
from vista.robot.views import intrinsics, look_at
from vista.types import CameraSpec, RobotSpec

SHIPPED = ("detector", "planner", "world_model", "executor", "executor_long", "switcher")


def moved(metres: float = 0.0, fovy_deg: float = 32.0, size: tuple[int, int] = (256, 256)) -> RobotSpec:
    """The Panda with another front camera."""
    spec, position = panda(), np.array([1.2 + metres, 0.0, 0.75])
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = look_at(position, np.array([0.49, 0.0, 0.03])), position
    front = CameraSpec("front", *size, intrinsics(*size, fovy_deg), matrix_to_pose(matrix))
    return replace(spec, cameras={**spec.cameras, "front": front})


@pytest.mark.parametrize("name", SHIPPED)
def test_every_model_that_ships_says_its_arm(name: str):
    trained = trained_for(shipped(name))
    assert trained is not None
    assert trained.robot == "panda"
    check_fits(name, shipped(name), panda())


def test_another_arm_is_refused_by_name_and_one_under_another_name_may_say_so():
    other = replace(panda(), name="ur5e")
    with pytest.raises(ModelMismatchError, match=r"executor: .* for the arm 'panda', .* is of 'ur5e'"):
        check_fits("executor", shipped("executor"), other)
    check_fits("executor", shipped("executor"), replace(other, accepts_models_of=("panda",)))


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (replace(panda(), base_frame="world"), "frame 'base'.*'world'"),
        (replace(panda(), cameras={}), "a camera 'front'; .* has none"),
        (moved(0.4), "'front': .* is 0.40 m from there"),
        (moved(fovy_deg=60.0), "sees 60 degrees of height, not 32|sees 60 degrees of width, not 32"),
        (moved(size=(640, 480)), "sees 42 degrees of width, not 32"),
    ],
)
def test_other_frames_and_views_are_refused(spec: RobotSpec, said: str):
    with pytest.raises(ModelMismatchError, match=said):
        check_fits("world model", shipped("world_model"), spec)


def test_a_camera_that_stands_nearly_there_and_has_more_pixels_is_taken():
    check_fits("world model", shipped("world_model"), moved(0.03, size=(512, 512)))


def test_what_is_written_is_read(tmp_path: Path):
    write_trained_for(tmp_path, panda(), ("wrist",))
    trained = trained_for(tmp_path)
    assert trained is not None
    assert (trained.robot, trained.base_frame, list(trained.cameras)) == ("panda", "base", ["wrist"])
    check_fits("executor", tmp_path, panda())


def test_a_model_that_does_not_say_is_taken(tmp_path: Path):
    assert trained_for(tmp_path) is None
    check_fits("executor", tmp_path, panda())


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"robot": 3, "base_frame": "", "cameras": {}}', "\0"])
def test_a_torn_file_is_refused_by_name(tmp_path: Path, text: str):
    (tmp_path / FILE).write_text(text)
    with pytest.raises(ModelMismatchError, match=FILE):
        trained_for(tmp_path)


@pytest.mark.parametrize(
    "load", [loading.load_policy, loading.load_world_model, loading.load_switcher, loading.load_planner]
)
def test_every_loader_asks(load: object):
    other = replace(panda(), name="ur5e")
    with pytest.raises(ModelMismatchError, match="ur5e"):
        load(None, spec=other)  # type: ignore[operator]
    with pytest.raises(ModelMismatchError, match="ur5e"):
        loading.load_policy("long", spec=other)
    with pytest.raises(ModelMismatchError, match="ur5e"):
        loading.load_detector(None, other)
