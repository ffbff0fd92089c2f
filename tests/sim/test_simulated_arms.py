"""Every contract that ships is simulated: joints and gripper, cameras, and things within reach."""

from __future__ import annotations

import dataclasses
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from vista.errors import ConfigError, InvalidValueError
from vista.learning.splits import load_splits
from vista.robot.contract import known_robots, load_robot
from vista.robot.kinematics import Kinematics
from vista.types import EndEffector, RobotSpec, Tabletop
from vista_sim.measure import solve
from vista_sim.robot import SimRobot
from vista_sim.scenes.table import Table
from vista_sim.scenes.task_scenes import lab_choice, scene_task
from vista_sim.tasks import make_task
from vista_sim.world import World, shared_kinematics

ARMS = known_robots()
SEED = load_splits().seed("tuning", 0)


def world_of(robot: str, index: int = 0) -> World:
    kinematics = shared_kinematics(robot)
    scene = scene_task("pick_place", SEED + index, robot=robot).scene
    return World(scene, kinematics.spec, kinematics)


def changed(robot: str, tmp_path: Path, change) -> RobotSpec:
    """The contract with its file of kinematics changed by ``change(root)``."""
    spec = load_robot(robot)
    root = ET.parse(spec.kinematics).getroot()
    change(root)
    file = tmp_path / f"{robot}.xml"
    ET.ElementTree(root).write(file)
    return dataclasses.replace(spec, kinematics=str(file))


@pytest.mark.parametrize("robot", ARMS)
def test_joints_and_gripper_read_as_the_contract_says_them(robot: str):
    world = world_of(robot)
    spec, obs = world.robot, SimRobot(world, render=False).observe()
    assert obs.joint_pos.shape == (len(spec.joint_names),)
    np.testing.assert_allclose(
        world.kinematics.forward(world.joints)[:3, 3], world.ee_pose()[:3, 3], atol=1e-6
    )
    span = spec.gripper.open - spec.gripper.closed
    assert spec.gripper.value(world.gripper) == pytest.approx(spec.gripper.open, abs=abs(0.05 * span))
    target = world.joint_target
    for _ in range(15):
        world.move_joints(target, 0.0)
    assert spec.gripper.value(world.gripper) == pytest.approx(spec.gripper.closed, abs=abs(0.05 * span))
    for _ in range(15):
        world.move_joints(target, 0.5)
    assert world.gripper == pytest.approx(0.5, abs=0.15)
    world.move_joints(target, 1.0)
    assert world.gripper_velocity > 0.0
    np.testing.assert_allclose(world.joints, target, atol=0.02)


@pytest.mark.parametrize("robot", ARMS)
def test_the_hand_is_as_wide_as_the_contract_says(robot: str):
    world = world_of(robot)
    held = world.scene.objects[0].spec.half_width
    world.set_arm(world.joints, held / world.finger_m)
    assert world.gripper == pytest.approx(held / world.finger_m, abs=1e-6)
    low, wide = world.hand_shape, world.robot.gripper.width_m
    assert wide / 2 < low.open_m < wide
    assert 0.0 < low.tip_m < 0.015  # the hand goes down to 15 mm above the table


@pytest.mark.parametrize("robot", ARMS)
def test_a_hand_at_rest_stays_where_it_is(robot: str):
    world = world_of(robot)
    before = world.ee_pose()
    world.step(500)
    moved = np.linalg.norm(world.ee_pose()[:3, 3] - before[:3, 3])
    assert moved < 1e-3
    assert np.abs(world.joint_velocity).max() < 1e-2


@pytest.mark.parametrize("robot", ARMS)
def test_things_stand_within_the_workspace(robot: str):
    low, high = load_robot(robot).workspace[:, :2]
    choice = lab_choice(robot=robot)
    for index in range(30):
        scene = make_task("pick_place", SEED + index, choice).scene
        assert scene.tray is not None
        places = np.array([scene.tray, *((p.x, p.y) for p in scene.objects)])
        assert ((places > low) & (places < high)).all()


@pytest.mark.parametrize("robot", ARMS)
def test_the_expert_puts_things_in_the_tray(robot: str):
    choice = lab_choice(robot=robot)
    tried = [solve(make_task("pick_place", SEED + i, choice), SEED + i, robot) for i in range(10)]
    assert sum(each.success for each in tried) >= (8 if robot == "so101" else 10), [e.failure for e in tried]


@pytest.mark.parametrize("robot", ["ur5e", "fr3"])
@pytest.mark.parametrize("task", ["stack", "several", "drawer", "search"])
def test_larger_arms_solve_the_other_tasks(robot: str, task: str):
    tried = [solve(make_task(task, SEED + i, lab_choice(robot=robot)), SEED + i, robot) for i in range(3)]
    assert all(each.success for each in tried), [each.failure for each in tried]


@pytest.mark.parametrize("robot", ARMS)
def test_every_camera_of_the_contract_sees_the_table(robot: str):
    arm = SimRobot(world_of(robot))
    try:
        images = arm.observe().images
    finally:
        arm.close()
    assert set(images) == set(arm.spec.cameras)
    for name, image in images.items():
        assert image.shape == (arm.spec.cameras[name].height, arm.spec.cameras[name].width, 3)
        assert image.std() > 5.0


def test_an_arm_that_does_not_reach_the_drawers_is_told_so():
    with pytest.raises(InvalidValueError, match=r"robot so101: its workspace is x 0.14 to 0.29 m; drawers"):
        scene_task("drawer", SEED, robot="so101")


def test_a_scene_file_may_put_things_only_where_the_arm_reaches(tmp_path: Path):
    file = tmp_path / "scene.yaml"
    file.write_text("objects: [{label: red cube, x: 0.5, y: 0.0}]\n")
    assert scene_task("pick_place", SEED, scene=file).scene.objects[0].x == 0.5
    with pytest.raises(ConfigError, match=r"objects\[0\] x: 0.5, expected a number from 0.14 to 0.29"):
        scene_task("pick_place", SEED, scene=file, robot="so101")


def test_meshes_of_the_panda_are_not_drawn_on_another_arm():
    world = world_of("xarm7")
    with pytest.raises(ConfigError, match=r"robot xarm7: no meshes are known of this arm; say VISTA_ARM_L"):
        World(world.scene, world.robot, world.kinematics, looks="mesh")


def test_an_end_effector_may_be_a_place_in_a_body():
    world = world_of("panda")
    end = EndEffector(body="hand", position=np.array([0.0, 0.0, 0.1034]))
    spec = dataclasses.replace(world.robot, end_effector=end)
    other = World(world.scene, spec, Kinematics(spec))
    np.testing.assert_allclose(other.ee_pose(), world.ee_pose(), atol=1e-6)
    np.testing.assert_allclose(other.data.camera("wrist").xpos, world.data.camera("wrist").xpos, atol=1e-6)


def without_servos(folder: Path, which: str) -> World:
    """The UR5e's world without the servos that ``which`` finds in its file."""
    folder.mkdir()

    def take(root: ET.Element) -> None:
        servos = root.find("actuator")
        for servo in servos.findall(which):
            servos.remove(servo)

    scene = scene_task("pick_place", SEED, robot="ur5e").scene
    return World(scene, changed("ur5e", folder, take), shared_kinematics("ur5e"))


def test_a_file_without_servos_is_refused_by_name(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"ur5e.xml: joint 'elbow_joint': 0 actuators, the simulator"):
        without_servos(tmp_path / "one", "position[@joint='elbow_joint']")
    with pytest.raises(
        ConfigError, match=r"ur5e.xml: no actuator but those of the arm's joints, expected one"
    ):
        without_servos(tmp_path / "fingers", "position[@class='finger']")


def test_things_beside_the_table_are_refused():
    spec = dataclasses.replace(load_robot("ur5e"), tabletop=Tabletop(things=((0.4, -0.2), (1.2, 0.2))))
    with pytest.raises(
        ConfigError, match=r"robot ur5e: things from \[0.4, -0.2\] to \[1.2, 0.2\] m, expected on"
    ):
        Table.of(spec)
