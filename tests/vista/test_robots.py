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
from vista.robot.contract import known_robots, load_robot
from vista.robot.kinematics import pose_to_matrix
from vista.robot.views import intrinsics, look_at
from vista.types import ActionSpace, CommandChannel, CommandKind, Place, Transport


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
    ["name", "joints", "gripper", "home", "workspace", "cameras", "action_space", "control_hz",
     "end_effector", "kinematics", "state", "arm", "version"],
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
        edit("joints/joint1", [-1.0, 1.0, 2.0]),
        edit("joints/joint1/limits", [1.0, -1.0]),
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
        ("version", 1, "version: 1, expected 2; docs/howto/robot.md tells"),
        ("version", True, "version: True, expected 2"),
        ("joints/joint1", [-1.0, 1.0, 2.0], "joints.joint1: [-1.0, 1.0, 2.0], expected {limits: [lower"),
        ("joints/joint1/velocity", 0.0, "joints.joint1.velocity: 0.0, expected a number from 0.0001"),
        ("joints/joint1/velocity", -2.0, "joints.joint1.velocity: -2.0, expected a number from 0.0001"),
        ("joints/joint1/velocity", None, "joints.joint1.velocity: None, expected a number"),
        ("joints/joint1/limits", [-1.0, 1e308], "joints.joint1.limits: 1e+308"),
        ("joints/joint1/limits", [2.0, -2.0], "joints.joint1.limits: [2, -2], expected the lower one first"),
        ("joints/joint1/limits", [-180, 180], "expected radians, or `continuous: true`"),
        ("joints/joint1/continuous", True, "expected either `limits: [lower, upper]` or `continuous: true`"),
        ("joints/joint1/continuous", "no", "joints.joint1.continuous: 'no', expected true or false"),
        ("joints/joint1/sign", 2, "joints.joint1.sign: 2, expected a whole number from -1 to 1"),
        ("joints/joint1/sign", 0, "joints.joint1.sign: 0, expected 1 or -1"),
        ("joints/joint1/degrees", 1, "joints.joint1.degrees: 1, expected true or false"),
        ("joints/joint1/offset_rad", 90, "joints.joint1.offset_rad: 90, expected a number from -12.56"),
        ("joints/joint1/wire", "joint2", "'joint2' is a name on the wire of joints.joint1.wire, too"),
        ("joints/joint1/acceleration", 0, "joints.joint1.acceleration: 0, expected a number from 0.001"),
        ("joints/joint1/jerk", "high", "joints.joint1.jerk: 'high', expected a number"),
        ("keep_out", {"wall": 1}, "keep_out: {'wall': 1}, expected a list of zones"),
        ("keep_out", [{"box": [[0, 0, 0], [1, 1, 1]]}], "keep_out[0]: `name` is missing"),
        ("keep_out", [{"name": "wall", "box": [[0, 0], [1, 1]]}], "keep_out[0].box[0]: [0, 0], expected 3"),
        (
            "keep_out",
            [
                {"name": "wall", "box": [[0, 0, 0], [1, 1, 1]]},
                {"name": "wall", "box": [[2, 0, 0], [3, 1, 1]]},
            ],
            "keep_out[1].name: 'wall' is another zone's, too",
        ),
        (
            "keep_out",
            [{"name": "wall", "box": [[0, 0, 0], [1, 1, 1]], "links": []}],
            "keep_out[0].links: [], expected a list of texts",
        ),
        ("joints/joint1/maximum", 3, "joints.joint1: unknown key 'maximum'; known: limits"),
        ("joints", {}, "joints: none, expected at least one"),
        ("home", [9.0] * 7, "home: joint1 at 9, expected within its limits, -2.8973 to 2.8973 rad"),
        ("home", [0.0] * 6, "home: [0.0, 0.0, 0.0, 0.0, 0.0, 0.0], expected 7 numbers"),
        ("home", [True] * 7, "home: True, expected a number"),
        ("workspace", [[1, 1, 1], [0, 0, 0]], "expected the lower corner first, then the higher one"),
        ("workspace", [[0, 0, 0], [1, 1, float("nan")]], "workspace[1]: nan, expected a number"),
        ("gripper/joint", "joint7", "gripper.joint: 'joint7' is a joint of the arm"),
        ("gripper/wire", "joint7", "gripper.wire: 'joint7' is a joint of the arm"),
        ("gripper/closed", 0.04, "gripper.closed: 0.04, expected another value than `open`"),
        ("gripper/width_m", 85, "gripper.width_m: 85, expected a number from 0.001 to 0.5"),
        ("gripper/command", None, "gripper.command: `kind` is missing"),
        ("gripper/command/kind", "action", "gripper.command.kind: unknown 'action'; known: joint_traj"),
        ("gripper/command/kind", "with_arm", "gripper.command.topic: a command of kind with_arm has none"),
        ("gripper/command/topic", "panda_arm_controller/joint_trajectory", "is a topic of arm.topic, too"),
        ("arm", {"kind": "joint_trajectory"}, "arm: `topic` is missing"),
        (
            "arm/action",
            "arm/follow",
            "arm.action: a command of kind joint_trajectory has none; expected `top",
        ),
        ("gripper/command", {"kind": "gripper_command"}, "gripper.command: `action` is missing"),
        (
            "gripper/command",
            {"kind": "parallel_gripper_command", "topic": "hand/gripper_cmd"},
            "gripper.command.topic: a command of kind parallel_gripper_command has none; expected `action`",
        ),
        (
            "gripper/command",
            {"kind": "gripper_command", "action": "hand/gripper_cmd", "max_effort": -1},
            "gripper.command.max_effort: -1",
        ),
        (
            "gripper/command/max_effort",
            5,
            "command.max_effort: a command of kind joint_trajectory has none",
        ),
        ("arm/kind", "with_arm", "arm.kind: unknown 'with_arm'; known: forward_position, joint_trajectory"),
        ("arm/kind", "forward_position", "arm.velocities: true, but a command of kind forward_position"),
        ("arm/topic", "my arm/joint trajectory", "expected a ROS name such as"),
        ("arm/topic", "3dof/command", "arm.topic: '3dof/command', expected a ROS name"),
        ("arm/rate", 3, "arm: unknown key 'rate'; known: kind, topic, action, velocities, max_effort"),
        ("state/topics", [], "state.topics: [], expected a list of texts"),
        ("state/topics", ["joint_states", "joint_states"], "state.topics: 'joint_states' stands twice"),
        ("state/topics", ["joint states"], "state.topics[0]: 'joint states', expected a ROS name"),
        ("state/max_clock_offset_s", 0, "state.max_clock_offset_s: 0, expected a number from 0.001"),
        ("end_effector", {"site": "ee", "body": "hand"}, "expected either `site` (of an MJCF) or `body`"),
        ("end_effector", {}, "end_effector: expected either"),
        ("end_effector/quat_wxyz", [1, 1, 0, 0], "end_effector.quat_wxyz: norm 1.414, expected 1"),
        ("ik", {"orientation_weight": -0.3}, "ik.orientation_weight: -0.3, expected a number from 0"),
        ("withdraw", {"height_m": 250}, "withdraw.height_m: 250, expected a number from 0 to 2"),
        ("withdraw", {"height_mm": 250}, "withdraw: unknown key 'height_mm'; known: height_m"),
        ("tabletop", {"ready": [0.4, 0.0]}, "tabletop.ready: [0.4, 0.0], expected 3 numbers"),
        ("tabletop", {"things": [[0.6, 0], [0.3, 0.2]]}, "tabletop.things: [[0.6, 0], [0.3, 0.2]], expected"),
        ("tabletop", {"starts": [[0.3, 0], [0.6, 0.2]]}, "tabletop.starts[0]: [0.3, 0], expected 3 numbers"),
        ("tabletop", {"most": 0}, "tabletop.most: 0, expected a whole number from 1"),
        ("accepts_models_of", "panda", "accepts_models_of: 'panda', expected a list of texts"),
        ("ros_prefix", 3, "ros_prefix: 3, expected text"),
        (
            "cameras/front/transport",
            "jpeg",
            "cameras.front.transport: unknown 'jpeg'; known: raw, compressed",
        ),
        (
            "cameras/front/image",
            "wrist/image_raw",
            "'wrist/image_raw' is a topic of cameras.front.image, too",
        ),
        ("cameras/front/driver", {"size": [640, 480]}, "cameras.front.driver: `k` is missing"),
        ("cameras/front/driver", {"size": [640, 480], "k": [0, 0, 0, 0]}, "cameras.front.driver.k: 0"),
        (
            "cameras/front/driver",
            {"size": [640, 480], "k": [600, 600, 320, 240], "distortion": [1, 2]},
            "cameras.front.driver.distortion: [1, 2], expected 5 numbers",
        ),
        ("cameras/front/fovy_deg", 0, "cameras.front.fovy_deg: 0, expected a number from 0.1"),
        ("cameras/front/fovy_deg", 180, "cameras.front.fovy_deg: 180"),
        ("cameras/front/size", [256.5, 256], "cameras.front.size: 256.5, expected a whole number"),
        ("cameras/front/size", [10**9, 256], "cameras.front.size: 1000000000"),
        ("cameras/front/position", [1e308, 0, 0], "cameras.front.position: 1e+308"),
        ("cameras/front/parent", "elbow", "cameras.front.parent: unknown 'elbow'; known: base, hand"),
        ("cameras/front/quat_wxyz", [1, 0, 0, 0], "expected either `look_at` or `quat_wxyz`"),
        ("cameras/front/fov", 3, "cameras.front: unknown key 'fov'; known: size"),
        ("kinematics", 3, "kinematics: 3, expected the name of a file"),
        ("action_space", ["ee_delta"], "action_space: unknown ['ee_delta']"),
        ("home_pose", [0.0], "unknown key 'home_pose'; known: version, name"),
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
    assert "arm.yaml: line " in str(caught.value)
    assert said in str(caught.value)


def test_the_line_of_the_wrong_value_is_told(tmp_path: Path):
    path = tmp_path / "arm.yaml"
    text = resource_path("config/robots/panda.yaml").read_text()
    line = 1 + next(i for i, each in enumerate(text.splitlines()) if "joint4:" in each)
    path.write_text(
        text.replace("joint4: {limits: [-3.0718, -0.0698], velocity: 2.175}", "joint4: {velocity: 1}")
    )
    with pytest.raises(ConfigError, match=rf"arm\.yaml: line {line}: joints\.joint4: expected either"):
        load_robot(path)


def test_a_contract_of_version_1_is_told_where_the_new_one_is_described(tmp_path: Path):
    path = tmp_path / "arm.yaml"
    path.write_text("name: old\nee_site: ee\njoints: {a: [-1, 1, 2]}\n")
    with pytest.raises(ConfigError, match=r"`version` is missing; docs/howto/robot\.md"):
        load_robot(path)


def test_every_key_of_another_arm_is_kept(tmp_path: Path, contract: Any):
    """A joint without limits that turns the other way, a gripper that reads 0 when it is open, a prefix, two
    topics of joint states, a camera whose driver tells no intrinsics."""
    contract["ros_prefix"] = "left_"
    contract["joints"]["joint7"] = {"continuous": True, "velocity": 1.5, "wire": "wrist_3", "sign": -1,
                                    "offset_rad": 0.1, "degrees": True}  # fmt: skip
    contract["gripper"] |= {"wire": "knuckle", "open": 0.0, "closed": 0.8, "command": {"kind": "with_arm"}}
    contract["arm"] = {"kind": "forward_position", "topic": "follower/commands"}
    contract["state"] = {"topics": ["joint_states", "gripper/joint_states"], "max_clock_offset_s": 0.05}
    contract["ik"] = {"orientation_weight": 0.03}
    contract["withdraw"] = {"height_m": 0.12, "carry_m": 0.08, "aside_m": 0.04}
    contract["accepts_models_of"] = ["panda"]
    contract["cameras"]["front"] |= {
        "image": "color", "transport": "compressed",
        "driver": {"size": [640, 480], "k": [600, 601, 320, 240], "distortion": [0.1, 0, 0, 0, 0]},
    }  # fmt: skip
    spec = load_robot(write(tmp_path, contract))
    joint = spec.joints[-1]
    assert (joint.lower, joint.upper, joint.wire) == (-1000, 1000, "wrist_3")
    assert joint.from_wire(90.0) == pytest.approx(0.1 - np.pi / 2)
    assert spec.wire_names[-1] == "left_wrist_3"
    assert spec.gripper_wire == "left_knuckle"
    assert [spec.gripper.opening(v) for v in (0.0, 0.8)] == [1.0, 0.0]
    assert spec.arm_command == CommandChannel(CommandKind.FORWARD_POSITION, "follower/commands")
    assert spec.state.topics == ("joint_states", "gripper/joint_states")
    assert (spec.ik_orientation_weight, spec.withdraw.height_m) == (0.03, 0.12)
    assert spec.accepts_models_of == ("panda",)
    channel = spec.cameras["front"].channel
    assert (channel.image, channel.transport, channel.width) == ("color", Transport.COMPRESSED, 640)
    assert channel.K is not None
    assert channel.K[1, 1] == 601
    assert spec.cameras["wrist"].channel.image == "wrist/image_raw"


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
