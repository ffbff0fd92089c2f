"""The arms in ``config/robots`` have the lengths, axes and limits of their makers, and reach over a table."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from math import pi

import mujoco
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tests.tiny import panda
from vista.files.resources import resource_path
from vista.robot.arm_model import arm_model
from vista.robot.kinematics import Kinematics
from vista.types import EndEffector, JointSpec


@dataclass(frozen=True)
class Arm:
    """What the tests know of an arm; ``yaws``: of the hand [rad], where it points down."""

    joints: tuple[str, ...]
    lower: list[float]
    upper: list[float]
    home: list[float]
    workspace: list[list[float]]
    yaws: tuple[float, float] = field(default=(-pi / 2, pi / 2))


TURN = 2 * pi
ARMS = {
    "ur5e": Arm(
        (
            "shoulder_pan_joint",
            "shoulder_lift_joint",
            "elbow_joint",
            "wrist_1_joint",
            "wrist_2_joint",
            "wrist_3_joint",
        ),
        [-TURN, -TURN, -pi, -TURN, -TURN, -TURN],
        [TURN, TURN, pi, TURN, TURN, TURN],
        [-0.301, -1.716, 1.658, -1.513, -1.571, -0.301],
        [[0.25, -0.4, 0.01], [0.65, 0.4, 0.45]],
    ),
    "fr3": Arm(
        tuple(f"fr3_joint{i}" for i in range(1, 8)),
        [-2.7437, -1.7837, -2.9007, -3.0421, -2.8065, 0.5445, -3.0159],
        [2.7437, 1.7837, 2.9007, -0.1518, 2.8065, 4.5169, 3.0159],
        [0.0, -0.341, 0.0, -2.246, 0.0, 1.905, 0.785],
        [[0.3, -0.4, 0.01], [0.65, 0.4, 0.5]],
    ),
    "so101": Arm(
        ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll"),
        [-1.91986, -1.74533, -1.69, -1.65806, -2.74385],
        [1.91986, 1.74533, 1.69, 1.65806, 2.84121],
        [0.0, 0.0, 0.0, 1.57, 0.0],  # here the hand points down, which it cannot where the contract has home
        [[0.14, -0.15, 0.005], [0.26, 0.15, 0.05]],
        (0.0, pi),  # the jaws open along the arm where wrist_roll is 0
    ),
    "xarm7": Arm(
        tuple(f"joint{i}" for i in range(1, 8)),
        [-TURN, -2.059, -TURN, -0.19198, -TURN, -1.69297, -TURN],
        [TURN, 2.0944, TURN, 3.927, TURN, pi, TURN],
        [0.0, -0.268, 0.0, 1.053, 0.0, 1.321, 0.0],
        [[0.25, -0.35, 0.01], [0.55, 0.35, 0.3]],
    ),
    "vx300s": Arm(
        ("waist", "shoulder", "elbow", "forearm_roll", "wrist_angle", "wrist_rotate"),
        [-3.14158, -1.85005, -1.76278, -3.14158, -1.8675, -3.14158],
        [3.14158, 1.25664, 1.6057, 3.14158, 2.23402, 3.14158],
        [0.0, -0.179, 0.366, 0.0, 1.384, 0.0],
        [[0.2, -0.25, 0.01], [0.42, 0.25, 0.2]],
    ),
}


def kinematics(name: str) -> Kinematics:
    arm = ARMS[name]
    spec = dataclasses.replace(
        panda(),
        name=name,
        kinematics=str(resource_path(f"config/robots/{name}.xml")),
        joints=tuple(JointSpec(*each, 1.0) for each in zip(arm.joints, arm.lower, arm.upper, strict=True)),
        end_effector=EndEffector("ee"),
        home=arm.home,
        workspace=arm.workspace,
    )
    return Kinematics(spec)


def random_joints(name: str, n: int = 20, margin: float = 0.0) -> np.ndarray:
    arm, rng = ARMS[name], np.random.default_rng(4)
    return rng.uniform(np.array(arm.lower) + margin, np.array(arm.upper) - margin, (n, len(arm.joints)))


def turn(axis: str, angle: float) -> np.ndarray:
    out = np.eye(4)
    out[:3, :3] = Rotation.from_euler(axis, angle).as_matrix()
    return out


def along(x: float, z: float) -> np.ndarray:
    out = np.eye(4)
    out[0, 3], out[2, 3] = x, z
    return out


def standard_dh(joints: np.ndarray, rows: list[tuple[float, float, float]]) -> np.ndarray:
    """Rows (a, alpha, d): about z, along z, along x, about x."""
    out = np.eye(4)
    for q, (a, alpha, d) in zip(joints, rows, strict=True):
        out = out @ turn("z", q) @ along(a, d) @ turn("x", alpha)
    return out


def modified_dh(joints: np.ndarray, rows: list[tuple[float, float, float]]) -> np.ndarray:
    """Rows (a, alpha, d): along x, about x, about z, along z."""
    out = np.eye(4)
    for q, (a, alpha, d) in zip(joints, rows, strict=True):
        out = out @ along(a, 0) @ turn("x", alpha) @ turn("z", q) @ along(0, d)
    return out


def ur5e(joints: np.ndarray) -> np.ndarray:
    """Table of Universal Robots, in its frame "base"; the driver's base_link is turned by pi."""
    rows = [(0, pi / 2, 0.1625), (-0.425, 0, 0), (-0.3922, 0, 0), (0, pi / 2, 0.1333), (0, -pi / 2, 0.0997)]
    flange = standard_dh(joints, [*rows, (0, 0, 0.0996)])
    return turn("z", pi) @ flange @ turn("z", -pi / 2) @ along(0, 0.156)


def fr3(joints: np.ndarray) -> np.ndarray:
    """Table of Franka Robotics, its flange, and its hand, turned by -45 degrees."""
    h = pi / 2
    rows = [(0, 0, 0.333), (0, -h, 0), (0, h, 0.316), (0.0825, h, 0), (-0.0825, -h, 0.384), (0, h, 0)]
    return modified_dh(joints, [*rows, (0.088, h, 0)]) @ along(0, 0.107 + 0.1034) @ turn("z", -pi / 4)


def xarm7(joints: np.ndarray) -> np.ndarray:
    """Table of UFACTORY, modified convention."""
    h = pi / 2
    rows = [(0, 0, 0.267), (0, -h, 0), (0, h, 0.293), (0.0525, h, 0), (0.0775, h, 0.3425), (0, h, 0)]
    return modified_dh(joints, [*rows, (0.076, -h, 0.097)]) @ along(0, 0.157)


def vx300s(joints: np.ndarray) -> np.ndarray:
    """Product of exponentials in the manual of Trossen Robotics: pose of ee_gripper_link."""
    screws = [
        (0, 0, 1, 0, 0, 0),
        (0, 1, 0, -0.12705, 0, 0),
        (0, 1, 0, -0.42705, 0, 0.05955),
        (1, 0, 0, 0, 0.42705, 0),
        (0, 1, 0, -0.42705, 0, 0.35955),
        (1, 0, 0, 0, 0.42705, 0),
    ]
    out = np.eye(4)
    for q, screw in zip(joints, np.array(screws), strict=True):
        axis, at = screw[:3], np.cross(screw[:3], screw[3:])  # a point on the axis
        step = np.eye(4)
        step[:3, :3] = Rotation.from_rotvec(q * axis).as_matrix()
        step[:3, 3] = at - step[:3, :3] @ at
        out = out @ step
    gripper = out @ along(0.536494, 0.42705)
    tools = np.eye(4)
    tools[:3, :3] = [[0, 0, 1], [0, -1, 0], [1, 0, 0]]  # z along the fingers, which is x of ee_gripper_link
    return gripper @ tools


@pytest.mark.parametrize("published", [ur5e, fr3, xarm7, vx300s])
def test_the_end_effector_is_where_the_makers_table_says(published):
    arm = kinematics(published.__name__)
    for joints in random_joints(published.__name__):
        pose, expected = arm.forward(joints), published(joints)
        np.testing.assert_allclose(pose[:3, 3], expected[:3, 3], atol=1e-5)
        np.testing.assert_allclose(pose[:3, :3], expected[:3, :3], atol=1e-5)


# yourdfpy 0.0.60 on so101.urdf of the package example-robot-data 6.0.0: joints, then position, x axis and z
# axis of gripper_frame_link in base_link.
SO101 = [
    ([0.48, 1.39, 0.93, -0.91, -1.07], [0.112947, -0.030878, -0.150778], [0.032872, 0.997009, -0.069944],
     [0.142019, -0.073932, -0.987099]),
    ([1.43, -1.73, 1.09, 0.99, -0.13], [0.063246, -0.165014, 0.149194], [0.128617, 0.359036, -0.924419],
     [0.131833, -0.930078, -0.342892]),
    ([-0.76, -0.77, -0.83, -0.18, 0.07], [-0.005968, -0.043363, 0.508992], [0.723552, 0.658297, 0.207645],
     [-0.150543, -0.143083, 0.978194]),
    ([0.21, 1.73, 0.99, 0.41, 2.78], [-0.101661, 0.026746, 0.001983], [-0.072745, -0.392311, -0.916952],
     [-0.977965, 0.208444, -0.011596]),
    ([-1.09, -1.19, 0.38, -1.51, -2.54], [-0.005427, -0.075868, 0.397813], [-0.753813, -0.309599, -0.579582],
     [-0.314978, -0.603848, 0.732227]),
]  # fmt: skip


@pytest.mark.parametrize(("joints", "position", "x", "z"), SO101)
def test_the_so101_is_where_another_library_says(joints, position, x, z):
    pose = kinematics("so101").forward(np.array(joints))
    jaw = [-0.0079, -0.000218, -0.098127]  # gripper_frame_link and the site ee in gripper_link
    ee = [0.012, -0.0002, -0.0981]
    frame = np.column_stack([x, np.cross(z, x), z])
    # gripper_frame_link is gripper_link turned by 180 degrees about y.
    expected = np.array(position) + frame @ np.diag([-1, 1, -1]) @ (np.array(ee) - jaw)
    np.testing.assert_allclose(pose[:3, 3], expected, atol=1e-4)
    np.testing.assert_allclose(pose[:3, 2], z, atol=1e-4)
    np.testing.assert_allclose(pose[:3, 1], -np.array(x), atol=1e-4)


@pytest.mark.parametrize("name", ARMS)
def test_joints_and_limits_are_those_of_the_driver(name: str):
    arm = ARMS[name]
    model, _ = arm_model(resource_path(f"config/robots/{name}.xml"), site="ee")
    for joint, low, high in zip(arm.joints, arm.lower, arm.upper, strict=True):
        np.testing.assert_allclose(model.joint(joint).range, [low, high], atol=1e-5)


@pytest.mark.parametrize("name", ARMS)
def test_mujoco_reads_the_whole_file_and_every_link_has_a_shape(name: str):
    model = mujoco.MjModel.from_xml_path(str(resource_path(f"config/robots/{name}.xml")))
    shapes = model.geom_group == 3  # group 2: the pads of fingers
    assert set(model.geom_type[shapes]) == {int(mujoco.mjtGeom.mjGEOM_CAPSULE)}
    assert set(model.geom_group) == {2, 3}
    assert set(model.geom_bodyid[shapes]) == set(range(1, model.nbody))
    assert model.nmesh == 0


@pytest.mark.parametrize("name", ARMS)
def test_home_points_the_hand_down_over_the_table(name: str):
    pose = kinematics(name).forward(np.array(ARMS[name].home))
    assert pose[2, 2] < -0.9999
    assert pose[0, 3] > 0.2
    assert abs(pose[1, 3]) < 0.01
    assert pose[2, 3] > 0.07


@pytest.mark.parametrize("name", ARMS)
def test_inverse_kinematics_returns_to_poses_that_the_arm_has(name: str):
    arm, rng = kinematics(name), np.random.default_rng(2)
    for joints in random_joints(name, 30, margin=0.1):
        target = arm.forward(joints)
        found = arm.forward(arm.inverse(target, joints + rng.normal(0, 0.1, len(joints)), iterations=100))
        assert np.linalg.norm(found[:3, 3] - target[:3, 3]) < 1e-3
        assert Rotation.from_matrix(found[:3, :3].T @ target[:3, :3]).magnitude() < 0.01


@pytest.mark.parametrize("name", ARMS)
def test_top_down_poses_in_the_workspace_are_reached_from_home(name: str):
    arm, known, rng = kinematics(name), ARMS[name], np.random.default_rng(0)
    for _ in range(40):
        target = turn("z", rng.uniform(*known.yaws)) @ np.diag([1.0, -1.0, -1.0, 1.0])
        target[:3, 3] = rng.uniform(*known.workspace)
        found = arm.forward(arm.inverse(target, np.array(known.home), iterations=60))
        assert np.linalg.norm(found[:3, 3] - target[:3, 3]) < 2e-3
        assert Rotation.from_matrix(found[:3, :3].T @ target[:3, :3]).magnitude() < np.deg2rad(2)
