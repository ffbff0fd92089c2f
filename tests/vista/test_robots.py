"""A contract is read whole or refused with the file and the reason."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tests.tiny import panda
from vista.errors import ConfigError, InvalidValueError, UnknownNameError
from vista.kinematics import pose_to_matrix
from vista.resources import resource_path
from vista.robots import intrinsics, known_robots, load_robot, look_at
from vista.types import ActionSpace


@pytest.fixture
def contract() -> dict[str, Any]:
    return copy.deepcopy(yaml.safe_load(resource_path("config/robots/panda.yaml").read_text()))


def write(tmp_path: Path, data: object) -> Path:
    path = tmp_path / "arm.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


def test_the_arm_that_ships_is_whole():
    spec = panda()
    assert "panda" in known_robots()
    assert spec.name == "panda"
    assert len(spec.joint_names) == 7
    assert spec.action_space is ActionSpace.EE_DELTA
    assert set(spec.cameras) == {"front", "wrist"}
    assert Path(spec.kinematics).is_file()
    assert ((spec.home > spec.joint_lower) & (spec.home < spec.joint_upper)).all()


def test_a_camera_sees_what_it_looks_at_in_the_middle():
    camera = panda().cameras["front"]
    matrix = pose_to_matrix(camera.pose)
    seen = np.linalg.inv(matrix) @ [0.49, 0.0, 0.03, 1.0]
    pixel = camera.K @ seen[:3] / seen[2]
    assert seen[2] > 0
    np.testing.assert_allclose(pixel[:2], [camera.width / 2, camera.height / 2], atol=1e-6)


def test_up_in_the_world_is_up_in_the_image():
    camera = panda().cameras["front"]
    rotation = pose_to_matrix(camera.pose)[:3, :3]
    assert (rotation.T @ [0, 0, 1.0])[1] < 0


@pytest.mark.parametrize("target", [(0.5, 0.0, 0.0), (0.5, 0.0, 2.0), (0.2, 0.3, 0.1)])
def test_looking_anywhere_gives_a_rotation(target: tuple[float, float, float]):
    rotation = look_at(np.array([0.5, 0.0, 1.0]), np.array(target))
    np.testing.assert_allclose(rotation.T @ rotation, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1.0)
    forward = np.array(target) - [0.5, 0.0, 1.0]
    np.testing.assert_allclose(rotation[:, 2], forward / np.linalg.norm(forward), atol=1e-12)


def test_looking_at_oneself_is_refused():
    with pytest.raises(InvalidValueError, match="look_at"):
        look_at(np.ones(3), np.ones(3))


def test_half_the_field_of_view_is_half_the_image():
    K = intrinsics(320, 240, 90.0)
    assert K[1, 1] == pytest.approx(120.0)
    assert K[0, 2] == 160.0
    assert K[1, 2] == 120.0


def test_a_contract_of_ones_own_is_found_with_its_kinematics_beside_it(tmp_path: Path, contract: Any):
    contract["name"] = "my arm"
    contract["cameras"]["front"] |= {"position": [0.5, 0.0, 1.0], "look_at": [0.5, 0.0, 0.0]}
    spec = load_robot(write(tmp_path, contract))
    assert spec.name == "my arm"
    assert Path(spec.kinematics) == tmp_path / "panda.xml"


def test_unknown_arms_are_answered_with_the_known_ones():
    with pytest.raises(UnknownNameError, match="panda"):
        load_robot("kuka")
    with pytest.raises(ConfigError, match=r"none\.yaml"):
        load_robot("none.yaml")


@pytest.mark.parametrize(
    "key",
    ["name", "joints", "gripper", "home", "workspace", "cameras", "action_space", "control_hz", "ee_site",
     "kinematics"],
)  # fmt: skip
def test_a_missing_entry_is_named_with_the_file(tmp_path: Path, contract: Any, key: str):
    del contract[key]
    with pytest.raises(ConfigError, match=key) as caught:
        load_robot(write(tmp_path, contract))
    assert "arm.yaml" in str(caught.value)


def edit(path: str, value: object) -> Callable[[Any], None]:
    def change(data: Any) -> None:
        *way, last = path.split("/")
        for step in way:
            data = data[step]
        data[last] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        edit("joints", [1, 2, 3]),
        edit("joints/joint1", [1.0]),
        edit("joints/joint1", [1.0, -1.0, 2.0]),
        edit("home", [0.0, 0.1]),
        edit("home", "here"),
        edit("workspace", [[0, 0, 0]]),
        edit("cameras", ["front"]),
        edit("cameras/front", 3),
        edit("cameras/front/size", [256]),
        edit("cameras/front/size", [0, 0]),
        edit("cameras/front/look_at", [1.2, 0.0, 0.75]),
        edit("cameras/wrist/quat_wxyz", [1, 1, 0, 0]),
        edit("gripper", {"joint": "finger"}),
        edit("gripper/width_m", "wide"),
        edit("action_space", "telepathy"),
        edit("control_hz", 0),
        edit("home", [float("nan")] * 7),
    ],
)
def test_a_malformed_entry_is_refused_with_the_file(tmp_path: Path, contract: Any, change: Any):
    change(contract)
    with pytest.raises(ConfigError, match=r"arm\.yaml"):
        load_robot(write(tmp_path, contract))


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just words", "a: [1,\nb: }", "\x00"])
def test_a_file_that_is_no_contract_is_refused(tmp_path: Path, text: str):
    path = tmp_path / "arm.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"arm\.yaml"):
        load_robot(path)
