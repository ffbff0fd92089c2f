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
from vista.files.resources import resource_path
from vista.robot.contract import intrinsics, known_robots, load_robot, look_at
from vista.robot.kinematics import pose_to_matrix
from vista.types import ActionSpace, Place


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


def test_its_contract_says_where_things_can_be_put():
    places = panda().places
    assert places["tray"] == Place("tray", (0.057, 0.057))
    assert [name for name, place in places.items() if place.cabinet == "three"] == [
        "left drawer", "middle drawer", "right drawer",
    ]  # fmt: skip
    assert [name for name, place in places.items() if place.cabinet == "one"] == ["drawer"]
    drawer = Place("left drawer", (0.066, 0.078), True, (0.25, -0.19), 0.072, "three")
    assert places["left drawer"] == drawer


def test_a_workplace_without_places_is_none(tmp_path: Path, contract: Any):
    del contract["places"]
    assert load_robot(write(tmp_path, contract)).places == {}


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


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("control_hz", 1e308, "control_hz: 1e+308, expected a number from 0.01 to 10000"),
        ("control_hz", True, "control_hz: True, expected a number"),
        ("control_hz", "10", "control_hz: '10', expected a number"),
        ("gripper/width_m", float("inf"), "gripper.width_m: inf, expected a number"),
        ("gripper/joint", False, "gripper.joint: False, expected text; write it in quotes"),
        ("name", 7, "name: 7, expected text; write it in quotes"),
        ("name", "mug\x1b[31m", "name: 'mug\\x1b[31m' holds \\x1b, which cannot be shown"),
        ("joints/joint1", [-1.0, 1.0, 0.0], "RobotSpec.joint_velocity"),
        ("joints/joint1", [-1.0, 1e308, 1.0], "joints.joint1: 1e+308"),
        ("joints", {}, "joints: none"),
        ("home", [9.0] * 7, "RobotSpec.home"),
        ("home", [True] * 7, "home: True, expected a number"),
        ("workspace", [[1, 1, 1], [0, 0, 0]], "RobotSpec.workspace"),
        ("workspace", [[0, 0, 0], [1, 1, float("nan")]], "workspace: nan, expected a number"),
        ("cameras/front/fovy_deg", 0, "cameras.front.fovy_deg: 0, expected a number from 0.1"),
        ("cameras/front/fovy_deg", 180, "cameras.front.fovy_deg: 180"),
        ("cameras/front/size", [256.5, 256], "cameras.front.size: 256.5, expected a whole number"),
        ("cameras/front/size", [10**9, 256], "cameras.front.size: 1000000000"),
        ("cameras/front/position", [1e308, 0, 0], "cameras.front.position: 1e+308"),
        ("cameras/front/parent", "elbow", "cameras.front.parent: unknown 'elbow'; known: base, hand"),
        ("cameras/front/quat_wxyz", [1, 0, 0, 0], "expected either `look_at` or `quat_wxyz`"),
        ("cameras/front/fov", 3, "cameras.front: unknown key 'fov'; known: size"),
        ("topics", {"camera": 3}, "topics.camera: 3, expected text"),
        ("topics", ["camera"], "topics: ['camera'], expected a mapping"),
        ("kinematics", 3, "kinematics: 3, expected the name of a file"),
        ("action_space", ["ee_delta"], "action_space: unknown ['ee_delta']"),
        ("home_pose", [0.0], "unknown key 'home_pose'; known: name"),
        ("places", ["tray"], "places: ['tray'], expected a mapping"),
        ("places/tray", 3, "places.tray: 3, expected a mapping with half_size_m"),
        ("places/tray", {}, "places.tray: `half_size_m` is missing"),
        ("places/tray/half_size_m", 0.06, "places.tray.half_size_m: 0.06, expected 2 numbers"),
        ("places/tray/half_size_m", [0.06, 0], "places.tray.half_size_m: 0, expected a number from 0.001"),
        ("places/tray/size_m", 1, "places.tray: unknown key 'size_m'; known: half_size_m"),
        ("places/tray/handle_m", 0.1, "places.tray: `handle_m` and `cabinet` are of drawers"),
        ("places/drawer/drawer", "yes", "places.drawer.drawer: 'yes', expected true or false"),
        ("places/drawer/position", None, "places.drawer: `position` is missing"),
        ("places/drawer/position", [0.2], "places.drawer.position: [0.2], expected 2 numbers"),
        ("places/drawer/handle_m", "far", "places.drawer.handle_m: 'far', expected a number"),
        ("places/left drawer/cabinet", 3, "places.left drawer.cabinet: 3, expected text"),
    ],
)
def test_a_wrong_value_is_named_with_file_key_and_what_is_allowed(
    tmp_path: Path, contract: Any, path: str, value: object, said: str
):
    edit(path, value)(contract)
    with pytest.raises(ConfigError) as caught:
        load_robot(write(tmp_path, contract))
    assert "arm.yaml: " in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "name", ["箱" * 100 + ".yaml", "a\0b.yaml", "\ud800.yaml", "", "a/b", "\x1b[31m", "a" * 5000]
)
def test_a_name_that_is_no_contract_is_told_in_a_sentence(name: str):
    with pytest.raises((ConfigError, UnknownNameError)) as caught:
        load_robot(name)
    assert len(str(caught.value)) < 700
    assert "\x1b" not in str(caught.value)


def test_kinematics_that_are_none_are_named(tmp_path: Path, contract: Any):
    from vista.robot.kinematics import Kinematics

    spec = load_robot(write(tmp_path, contract))
    for text, said in (
        (None, "does not exist"),
        ("<mujoco", "XML"),
        ("<mujoco/>", "joint"),
        ("\0", "arm|xml|XML"),
    ):
        if text is not None:
            (tmp_path / "panda.xml").write_text(text)
        with pytest.raises(ConfigError, match=said) as caught:
            Kinematics(spec)
        assert "panda.xml" in str(caught.value)


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just words", "a: [1,\nb: }", "\x00"])
def test_a_file_that_is_no_contract_is_refused(tmp_path: Path, text: str):
    path = tmp_path / "arm.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"arm\.yaml"):
        load_robot(path)
