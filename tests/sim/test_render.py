"""Images come from one OpenGL context a process, however many scenes are built."""

import time

import mujoco
import numpy as np
import pytest

from vista.errors import UnknownNameError
from vista.robot.contract import load_robot
from vista_sim import render
from vista_sim.render import Camera
from vista_sim.scenes.task_scenes import scene_task
from vista_sim.world import World


def test_twenty_scenes_share_one_context(made, monkeypatch):
    _, world = made("pick_place")
    Camera(world.model).close()
    opened = []
    real = mujoco.GLContext

    def counted(*size):
        opened.append(size)
        return real(*size)

    monkeypatch.setattr(mujoco, "GLContext", counted)
    began = time.process_time()
    for index in range(20):
        _, world = made("pick_place", index)
        camera = Camera(world.model)
        assert camera.render(world.data, "front", 64, 64).std() > 5
        camera.close()
    assert not opened
    assert render._gl is not None
    assert time.process_time() - began < 10


def test_the_hidden_object_is_not_seen(made):
    """The picture is the same with the object in its shut drawer and with the object under the table."""
    task, world = made("search", 1)
    camera = Camera(world.model)
    seen = camera.render(world.data, "front")
    world.set_object(world.index(task.target), (0.0, 0.0, -0.4), 0.0)
    mujoco.mj_forward(world.model, world.data)
    gone = camera.render(world.data, "front")
    camera.close()
    assert (np.abs(seen.astype(int) - gone).max(axis=2) > 30).sum() < 10


def test_the_open_drawer_and_what_is_in_it_are_seen(made):
    task, world = made("search", 1)
    task.show(world, task.skills[0])
    camera = Camera(world.model)
    seen = camera.render(world.data, "front")
    world.set_object(world.index(task.target), (0.0, 0.0, -0.4), 0.0)
    mujoco.mj_forward(world.model, world.data)
    gone = camera.render(world.data, "front")
    camera.close()
    assert (np.abs(seen.astype(int) - gone).max(axis=2) > 30).sum() > 40


def test_an_unknown_camera_is_named(made):
    _, world = made("pick_place")
    camera = Camera(world.model)
    with pytest.raises(UnknownNameError, match=r"unknown camera 'side'; known: .*front"):
        camera.render(world.data, "side")
    camera.close()
    camera.close()


def test_two_cameras_of_one_process_do_not_draw_into_each_others_buffers():
    one, other = (World(scene_task("pick_place", seed).scene, load_robot("panda")) for seed in (10000, 10001))
    alone = []
    for world in (one, other):
        camera = Camera(world.model)
        alone.append(camera.render(world.data, "front", 64, 64))
        camera.close()
    first, second = Camera(one.model), Camera(other.model)
    assert np.array_equal(first.render(one.data, "front", 64, 64), alone[0])  # made before the other
    assert np.array_equal(second.render(other.data, "front", 64, 64), alone[1])
    second.close()
    assert np.array_equal(first.render(one.data, "front", 64, 64), alone[0])
    first.close()
