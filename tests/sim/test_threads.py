"""The simulator in threads, after a fork, after it was closed and when nobody closes it."""

from __future__ import annotations

import gc
import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest

from vista.errors import InvalidValueError, RobotStoppedError, UnknownNameError, VistaError
from vista.learning.splits import load_splits
from vista.robot.contract import load_robot
from vista.robot.kinematics import Kinematics
from vista.types import ActionChunk, ActionSpace, Observation
from vista_sim import render
from vista_sim.env import ResetNeededError, TabletopEnv
from vista_sim.render import Camera, RenderingError
from vista_sim.robot import SimRobot
from vista_sim.scenes.task_scenes import lab_choice
from vista_sim.tasks import make_task
from vista_sim.world import World


@pytest.fixture(scope="module")
def kinematics() -> Kinematics:
    return Kinematics(load_robot("panda"))


def world(kinematics: Kinematics, seed: int = 0) -> World:
    task = make_task("pick_place", load_splits().seed("tuning", seed), lab_choice())
    return World(task.scene, kinematics.spec, kinematics)


def elsewhere(act: Callable[[], Any]) -> Any:
    """What ``act`` gives in a thread of its own."""
    out: list[Any] = []

    def run() -> None:
        try:
            out.append(act())
        except BaseException as error:
            out.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(60)
    assert out, "the thread hangs"
    if isinstance(out[0], BaseException):
        raise out[0]
    return out[0]


def test_a_camera_draws_the_same_from_any_thread(kinematics: Kinematics):
    scene = world(kinematics)
    camera = Camera(scene.model)
    here = camera.render(scene.data, "front", 96, 96)
    for _ in range(3):
        assert np.array_equal(elsewhere(lambda: camera.render(scene.data, "front", 96, 96)), here)
        assert np.array_equal(camera.render(scene.data, "front", 96, 96), here)
    born_elsewhere = elsewhere(lambda: Camera(scene.model))
    assert np.array_equal(born_elsewhere.render(scene.data, "front", 96, 96), here)
    elsewhere(camera.close)
    born_elsewhere.close()


def test_an_environment_may_be_used_from_another_thread():
    env = TabletopEnv("pick_place", image_size=64)
    still = np.array([0, 0, 0, 0, 0, 0, 1.0])
    env.reset(seed=3)
    here = [env.step(still)[0] for _ in range(2)]
    elsewhere(lambda: env.reset(seed=3))
    there = [elsewhere(lambda: env.step(still)[0]) for _ in range(2)]
    for one, other in zip(here, there, strict=True):
        assert all(np.array_equal(one[key], other[key]) for key in one)
    elsewhere(env.close)
    env.close()


def episode(kinematics: Kinematics, seed: int) -> Observation:
    robot = SimRobot(world(kinematics, seed))
    rows = np.tile([0.02, 0, 0, 0, 0, 0.1, 1.0], (5, 1)) * np.arange(1, 6)[:, None]
    rows[:, 6] = 1.0
    for _ in range(2):
        robot.send(ActionChunk(rows, 0.1, ActionSpace.EE_DELTA, robot.stamp_ns))
        robot.observe()
    seen = robot.observe()
    robot.close()
    return seen


def test_episodes_in_threads_go_as_they_go_alone(kinematics: Kinematics):
    alone = [episode(kinematics, seed) for seed in range(3)]
    together: dict[int, Observation] = {}
    threads = [
        threading.Thread(target=lambda seed=seed: together.update({seed: episode(kinematics, seed)}))
        for seed in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert [together.get(seed) for seed in range(3)] == alone


def child(act: Callable[[], bool]) -> bool:
    """Whether ``act`` holds in a forked child."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = 0 if act() else 1
        finally:
            os._exit(code)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.02)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    raise AssertionError("the child hangs")


def test_parent_and_forked_child_both_draw(kinematics: Kinematics):
    scene = world(kinematics)
    camera = Camera(scene.model)
    here = camera.render(scene.data, "front", 96, 96)

    def same() -> bool:
        good = np.array_equal(camera.render(scene.data, "front", 96, 96), here)
        camera.close()
        other = Camera(scene.model)
        return good and np.array_equal(other.render(scene.data, "front", 96, 96), here)

    assert child(same)
    assert np.array_equal(camera.render(scene.data, "front", 96, 96), here)
    camera.close()


def test_a_child_forked_while_another_thread_draws_does_not_hang(kinematics: Kinematics):
    scene = world(kinematics)
    camera = Camera(scene.model)
    with render._lock:  # as a thread holds it that the child does not have
        done = elsewhere(lambda: child(lambda: camera.render(scene.data, "front", 64, 64).any()))
    assert done
    camera.close()


def first_image(seed: int) -> int:
    env = TabletopEnv("pick_place", image_size=32)
    seen, _ = env.reset(seed=seed)
    env.close()
    return int(seen["front"].sum())


def test_workers_of_a_pool_draw_what_is_drawn_here():
    here = [first_image(seed) for seed in range(3)]
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map_async(first_image, range(3)).get(timeout=120) == here


def test_what_is_closed_says_so(kinematics: Kinematics):
    scene = world(kinematics)
    camera = Camera(scene.model)
    camera.close()
    camera.close()
    with pytest.raises(RenderingError, match="the camera is closed; make a new one"):
        camera.render(scene.data, "front")
    robot = SimRobot(scene)
    robot.close()
    robot.close()
    for act in (
        robot.observe,
        lambda: robot.send(ActionChunk(np.zeros((1, 7)), 0.1, ActionSpace.EE_DELTA, 0)),
    ):
        with pytest.raises(RobotStoppedError, match="robot panda is closed; make a new one"):
            act()
    env = TabletopEnv("pick_place", image_size=32)
    env.reset(seed=0)
    env.close()
    with pytest.raises(ResetNeededError, match="call reset first") as caught:
        env.step(np.zeros(7))
    assert isinstance(caught.value, VistaError)
    assert isinstance(caught.value, gymnasium.error.ResetNeeded)
    env.reset(seed=0)
    env.close()


def test_what_nobody_closed_is_freed_with_the_next_image(kinematics: Kinematics):
    scene = world(kinematics)
    keeper = Camera(scene.model)
    for _ in range(4):
        Camera(scene.model)
    elsewhere(lambda: Camera(scene.model) is None)
    gc.collect()
    assert render._orphans
    keeper.render(scene.data, "front", 32, 32)
    assert not render._orphans
    keeper.close()


def test_without_opengl_the_reason_is_told(kinematics: Kinematics, monkeypatch: pytest.MonkeyPatch):
    def nothing(*_: object) -> None:
        raise ImportError("Cannot initialize a EGL device display")

    monkeypatch.setattr(render, "_gl", None)
    monkeypatch.setattr(render.mujoco, "GLContext", nothing)
    with pytest.raises(RenderingError, match=r"no OpenGL context with MUJOCO_GL=.*Cannot initialize"):
        Camera(world(kinematics).model)


@pytest.mark.parametrize("size", [0, -1, 641, 10**9, 1.5, "96", True, None])
def test_an_image_too_large_for_the_buffer_is_refused(kinematics: Kinematics, size: Any):
    scene = world(kinematics)
    camera = Camera(scene.model)
    with pytest.raises(InvalidValueError, match=r"width: .*expected an integer from 1 to 640"):
        camera.render(scene.data, "front", size, 96)
    for name in ("side", "\ud800", "a\0b", None, 3):
        with pytest.raises(UnknownNameError, match=r"known: .*front"):
            camera.render(scene.data, name)  # type: ignore[arg-type]
    camera.close()


@pytest.mark.parametrize("value", [1e7, 1e308, float("nan"), float("inf")])
def test_a_target_beyond_every_arm_is_refused(kinematics: Kinematics, value: float):
    target = np.eye(4)
    target[0, 3] = value
    with pytest.raises(InvalidValueError, match="inverse: target"):
        kinematics.inverse(target, kinematics.spec.home)
    with pytest.raises(InvalidValueError, match="seed"):
        kinematics.inverse(np.eye(4), np.zeros(3))
    with pytest.raises(InvalidValueError, match="joints"):
        kinematics.forward(np.full(7, np.nan))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"seed": -1}, "seed: -1, expected"),
        ({"seed": 1.5}, "seed: 1.5, expected"),
        ({"seed": True}, "seed: True, expected"),
        ({"seed": 10**30}, "seed: 10+, expected"),
        ({"name": ["a"]}, "unknown task"),
        ({"name": None}, "unknown task"),
        ({"target": 3}, "target: 3, expected text"),
        ({"target": "red [/moon]"}, "unknown shape"),
    ],
)
def test_a_task_of_nonsense_is_refused(arguments: dict[str, Any], said: str):
    given = {"name": "pick_place", "seed": 0, "choice": lab_choice(), "target": None} | arguments
    with pytest.raises((InvalidValueError, UnknownNameError), match=said):
        make_task(**given)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"seed": -1}, "seed: -1"),
        ({"options": {"scene_seed": "abc"}}, "scene_seed.*'abc'"),
        ({"options": {"scene_seed": -4}}, "scene_seed.*-4"),
        ({"options": {"sceneseed": 1}}, "unknown option of reset 'sceneseed'"),
        ({"options": {"target": "blue moon"}}, "blue moon|moon"),
        ({"options": [1]}, "options"),
    ],
)
def test_a_reset_with_nonsense_is_refused(arguments: dict[str, Any], said: str):
    env = TabletopEnv("pick_place", image_size=32)
    with pytest.raises(VistaError, match=said):
        env.reset(**arguments)
    env.close()


def test_a_count_of_distractors_that_is_none_is_refused():
    for count in (-1, True, 1.5, 10**6):
        with pytest.raises(InvalidValueError, match="distractors"):
            lab_choice(count)  # type: ignore[arg-type]
