"""A settled scene stays as it is, and two equal scenes are equal in every bit."""

import mujoco
import numpy as np
import pytest

from vista_sim.model import cabinet
from vista_sim.render import Camera
from vista_sim.tasks import TASKS
from vista_sim.world import SUBSTEPS, World, top_down

CASES = [("pick_place", 0), ("pick_place", 1), ("stack", 2), ("drawer", 3), ("search", 4), ("search", 5)]


@pytest.mark.parametrize(("name", "index"), CASES)
def test_a_settled_scene_does_not_drift(made, name, index):
    _, world = made(name, index)
    world.step(5 * SUBSTEPS)
    before = [world.object_pose(i)[:3, 3] for i in range(len(world.scene.objects))]
    drawers = [world.drawer_opening(i) for i in range(world.scene.drawers)]
    world.step(20 * SUBSTEPS)
    for i, place in enumerate(before):
        if not world.scene.objects[i].spec.rolls:
            assert np.linalg.norm(world.object_pose(i)[:3, 3] - place) < 1e-3
    for i, opening in enumerate(drawers):
        assert abs(world.drawer_opening(i) - opening) < 1e-3


def test_balls_stay_too(made):
    for index in range(20):
        _, world = made("pick_place", index)
        balls = [i for i, p in enumerate(world.scene.objects) if p.spec.rolls]
        if balls:
            break
    world.step(5 * SUBSTEPS)
    before = world.object_pose(balls[0])[:3, 3]
    world.step(20 * SUBSTEPS)
    assert np.linalg.norm(world.object_pose(balls[0])[:3, 3] - before) < 1e-3


@pytest.mark.parametrize("name", ["pick_place", "search"])
def test_no_actuator_flips_between_its_limits_at_rest(made, name):
    _, world = made(name, 6)
    limits = world.model.actuator_forcerange
    last, flips = np.zeros(world.model.nu), 0
    for _ in range(10 * SUBSTEPS):
        mujoco.mj_step(world.model, world.data)
        force = world.data.actuator_force
        side = (force > 0.98 * limits[:, 1]) * 1.0 - (force < 0.98 * limits[:, 0]) * 1.0
        flips += int((side * last < 0).sum())
        last = np.where(side != 0, side, last)
    assert flips == 0
    assert np.abs(world.joint_velocity).max() < 1e-2


@pytest.mark.parametrize("name", TASKS)
def test_the_same_seed_gives_the_same_physics_and_images(made, name):
    outcomes = []
    for _ in range(2):
        task, world = made(name, 7)
        for _step in range(12):
            world.move_to((action := task.act(world, task.skills[0])).target, action.gripper)
        camera = Camera(world.model)
        images = [camera.render(world.data, c, 96, 96) for c in ("front", "wrist")]
        camera.close()
        outcomes.append((np.array(world.data.qpos), images, task.instruction))
    (state, images, text), (state2, images2, text2) = outcomes
    assert text == text2
    assert np.array_equal(state, state2)
    assert all(np.array_equal(a, b) for a, b in zip(images, images2, strict=True))


def test_another_seed_gives_another_scene(made):
    assert made("pick_place", 0)[0].scene != made("pick_place", 1)[0].scene


@pytest.mark.parametrize("name", ["drawer", "search"])
def test_drawers_start_shut_and_slide_all_the_way(made, name):
    _, world = made(name, 8)
    for i in range(world.scene.drawers):
        assert world.drawer_opening(i) < 1e-3
    joint = world.model.joint("drawer0").dofadr[0]
    for _ in range(20 * SUBSTEPS):
        world.data.qfrc_applied[joint] = 3.0
        mujoco.mj_step(world.model, world.data)
    assert world.drawer_opening(0) > cabinet.TRAVEL - 0.005


def test_every_handle_is_in_reach_without_touching_the_cabinet(made):
    _, world = made("search", 9)
    for opening in (0.0, 0.15):
        for i, y in enumerate(cabinet.DRAWER_Y[3]):
            world.set_drawer(i, opening)
            target = top_down(cabinet.CENTRE_X + cabinet.FRONT + opening, y, cabinet.HANDLE_HEIGHT, np.pi / 2)
            joints = world.kinematics.inverse(target, world.robot.home, iterations=100)
            world.set_arm(joints, 1.0)
            mujoco.mj_forward(world.model, world.data)
            assert np.linalg.norm(world.ee_pose()[:3, 3] - target[:3, 3]) < 2e-3
            touching = [
                {world.model.body(world.model.geom_bodyid[g]).name for g in (c.geom1, c.geom2)}
                for c in world.data.contact[: world.data.ncon]
            ]
            furniture = {"cabinet", "drawer0", "drawer1", "drawer2", "world"}
            movable = {f"object{k}" for k in range(len(world.scene.objects))}
            assert not [t for t in touching if t & furniture and not t & movable]
            world.set_drawer(i, 0.0)


def test_a_hidden_object_moves_with_its_drawer(made):
    task, world = made("search", 10)
    index = world.index(task.target)
    before = world.object_pose(index)[0, 3]
    joint = world.model.joint(f"drawer{task.drawer}").dofadr[0]
    for _ in range(20 * SUBSTEPS):
        world.data.qfrc_applied[joint] = 2.0
        mujoco.mj_step(world.model, world.data)
    assert world.object_pose(index)[0, 3] - before > 0.1


def test_worlds_are_small(kinematics, made):
    task, _ = made("search", 11)
    assert World(task.scene, kinematics.spec, kinematics).model.nv < 60
