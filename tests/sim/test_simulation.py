"""A robot in front of a task in one call, and the parts that know the truth."""

import subprocess
import sys

import numpy as np
import pytest

import vista_sim
from vista.errors import InvalidValueError, RobotStoppedError, UnknownNameError
from vista.protocols import Detector, Policy, Robot, WorldModel
from vista.types import ObjectKind, Subgoal, Subtask
from vista_sim import Oracle, simulate
from vista_sim.scenes.task_scenes import live_seed, scene_task
from vista_sim.world import SUBSTEPS


def scripted(sim):
    """The expert's way through the task, over the protocols of the stack."""
    policy = sim.oracle.policy()
    for skill in sim.oracle.skills:
        for _ in range(100):
            obs = sim.robot.observe()
            chunk = policy.predict_chunk(obs, Subgoal(Subtask(skill), {}, 1.0, 0, obs.stamp_ns))
            if chunk.reached:
                break
            sim.robot.send(chunk)


def test_the_experts_parts_solve_what_is_simulated():
    with simulate("pick_place", seed=2, target="blue mug") as sim:
        assert sim.instruction == sim.task.instruction == "put the blue mug in the tray"
        assert isinstance(sim.robot, Robot)
        assert sim.robot.lockstep
        assert not sim.success()
        scripted(sim)
        sim.robot.world.step(5 * SUBSTEPS)
        assert sim.success()
    with pytest.raises(RobotStoppedError):
        sim.robot.observe()
    sim.close()


def test_the_seed_is_the_one_of_the_command_line():
    with simulate("drawer", seed=7) as sim:
        assert sim.task.scene == scene_task("drawer", live_seed(7)).scene
        assert sim.robot.spec.name == "panda"


def test_what_cannot_be_simulated_says_why():
    with pytest.raises(UnknownNameError, match="unknown task 'juggle'"):
        simulate("juggle")
    with pytest.raises(UnknownNameError, match="unknown robot 'r2d2'"):
        simulate(robot="r2d2")
    with pytest.raises(InvalidValueError, match="seed"):
        simulate(seed=-1)


def test_the_oracles_parts_keep_the_protocols(made):
    task, world = made("search", 5)
    oracle = Oracle(world, task)
    assert oracle.skills == task.skills
    assert isinstance(oracle.policy(), Policy)
    assert isinstance(oracle.world_model(), WorldModel)
    assert isinstance(oracle.detector(), Detector)


def test_a_sentence_that_is_no_skill_is_refused():
    with simulate("pick_place") as sim:
        obs, dance = sim.robot.observe(), Subtask("dance")
        with pytest.raises(UnknownNameError, match="unknown subtask 'dance'; known: grasp the"):
            sim.oracle.world_model().imagine(obs, dance)
        with pytest.raises(UnknownNameError, match="unknown subtask 'dance'"):
            sim.oracle.policy().predict_chunk(obs, Subgoal(dance, {}, 1.0, 0, 0))


def test_the_detector_knows_what_is_in_view_and_what_it_is_to_the_arm():
    with simulate("search", seed=1) as sim:
        detector, obs, hidden = sim.oracle.detector(), sim.robot.observe(), sim.task.target
        assert (detector.labels, detector.exhaustive) == (None, True)
        kinds = {seen.label: seen.kind for seen in detector.detect(obs)}
        assert kinds["tray"] is ObjectKind.CONTAINER
        assert kinds["left drawer"] is ObjectKind.HANDLE
        others = {p.spec.label for p in sim.task.scene.objects} - {hidden}
        assert {kinds[label] for label in others} == {ObjectKind.THING}
        assert hidden not in kinds
        assert detector.find(obs, hidden) is None
        tray = detector.find(obs, "tray")
        assert tray is not None
        assert np.allclose(tray.position[:2], sim.task.scene.tray)
        assert detector.evidence(obs, "tray") is None


def test_a_name_that_is_not_exported_is_told():
    with pytest.raises(AttributeError, match="no attribute 'juggle'; it has Simulation, simulate"):
        _ = vista_sim.juggle
    assert {"Oracle", "simulate"} <= set(dir(vista_sim))
    for name in vista_sim.__all__:
        assert getattr(vista_sim, name) is not None


def test_simulating_loads_no_network():
    code = "import sys; from vista_sim import simulate; simulate().close(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["False"], done.stderr
