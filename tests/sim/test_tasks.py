"""The expert solves the tasks, predicates and goal states agree, and bad names are refused."""

import re
from dataclasses import replace

import mujoco
import numpy as np
import pytest

from vista.errors import InvalidValueError, UnknownNameError
from vista.learning.splits import load_splits
from vista.skill import Skill
from vista.types import Subtask
from vista_sim.experts import drawer_expert
from vista_sim.measure import measure_expert, solve, wilson
from vista_sim.oracle import OracleWorldModel
from vista_sim.robot import SimRobot
from vista_sim.scenes.task_scenes import lab_choice
from vista_sim.tasks import TASKS, Choice, make_task
from vista_sim.world import SUBSTEPS


@pytest.mark.parametrize("name", TASKS)
def test_the_expert_solves_ten_seeds(name, choice):
    seeds = [load_splits().seed("tuning", 100 + i) for i in range(10)]
    episodes = [solve(make_task(name, seed, choice), seed) for seed in seeds]
    assert all(e.success for e in episodes), [e for e in episodes if not e.success]


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("name", "least"),
    [("pick_place", 198), ("stack", 190), ("drawer", 190), ("search", 190), ("several", 190), ("tidy", 190)],
)
def test_the_expert_solves_two_hundred_seeds(name, least):
    episodes = measure_expert([name], 200, workers=2)
    failed = [e for e in episodes if not e.success]
    assert len(episodes) - len(failed) >= least, failed


@pytest.mark.parametrize("name", TASKS)
def test_nothing_is_done_at_the_start(made, name):
    task, world = made(name, 2)
    assert not task.success(world)
    assert task.instruction.startswith(("put the ", "open the "))
    assert not task.act(world, task.skills[0]).done


@pytest.mark.parametrize("name", TASKS)
def test_the_last_goal_state_is_success_and_stays_it(made, name):
    task, world = made(name, 3)
    for skill in task.skills:
        task.show(world, skill)
    world.step(5 * SUBSTEPS)
    assert task.success(world)


@pytest.mark.parametrize("name", TASKS)
def test_every_goal_can_be_shown_from_the_start(made, name):
    task, world = made(name, 4)
    robot = SimRobot(world)
    oracle = OracleWorldModel(world, task)
    obs, before = robot.observe(), np.array(world.data.qpos)
    for skill in task.skills:
        goal = oracle.imagine(obs, Subtask(skill)).images["front"]
        changed = np.abs(goal.astype(int) - obs.images["front"]).max(axis=2) > 40
        assert changed.mean() > 0.005, skill
        assert np.array_equal(before, world.data.qpos)
    robot.close()


@pytest.mark.parametrize("name", ["drawer", "search"])
def test_the_drawers_goal_shows_it_open(made, name):
    task, world = made(name, 5)
    task.show(world, task.skills[0])
    assert world.drawer_opening(task.drawer) >= drawer_expert.OPEN
    index = world.index(task.target)
    assert drawer_expert.is_inside(world, index, task.drawer) == (name == "search")


def test_a_stack_that_leans_or_is_held_does_not_count(made):
    task, world = made("stack", 6)
    for skill in task.skills:
        task.show(world, skill)
    assert task.success(world)
    world.gripper_command = 0.0
    assert not task.success(world)
    world.gripper_command = 1.0
    x, y, z = world.object_pose(world.index(task.target))[:3, 3]
    world.set_object(world.index(task.target), (x, y, z + 0.02), 0.0)
    assert not task.success(world)


@pytest.mark.parametrize("name", TASKS)
def test_a_target_can_be_named(choice, name):
    task = make_task(name, load_splits().seed("tuning", 0), choice, "red cube")
    assert "red cube" in task.instruction


def test_both_parts_of_a_stack_can_be_named(choice):
    task = make_task("stack", 10_000, choice, "red cube on the orange box")
    assert task.instruction == "put the red cube on the orange box"


def test_unknown_names_are_listed(made, choice):
    with pytest.raises(UnknownNameError, match="unknown task 'juggle'; known: arrange, drawer, pick_place"):
        make_task("juggle", 0, choice)
    for name in TASKS:
        task, world = made(name)
        with pytest.raises(UnknownNameError, match="unknown subtask 'open the moon'; known: "):
            task.act(world, Skill("open", "moon"))
        with pytest.raises(UnknownNameError, match="unknown subtask"):
            task.show(world, Skill("grasp", "moon"))
        with pytest.raises(InvalidValueError, match=r"skill: .*expected a Skill"):
            task.act(world, "grasp the moon")
    for name in ("drawer", "search", "stack"):
        with pytest.raises(UnknownNameError, match=r"unknown .*'green moon'; known: .*red cube"):
            make_task(name, 0, choice, "green moon")


def test_what_cannot_be_set_up_says_why(choice):
    with pytest.raises(UnknownNameError, match=r"fits in a drawer 'green can'; known: red cube"):
        make_task("search", 0, choice, "green can")
    balls = Choice(("red ball", "blue ball"), choice.patterns, distractors=1)
    with pytest.raises(InvalidValueError, match="stack needs a cube or a box"):
        make_task("stack", 0, balls)
    with pytest.raises(InvalidValueError, match="distractors asked for"):
        make_task("drawer", 0, replace(choice, distractors=9))


@pytest.mark.parametrize("name", TASKS)
def test_no_sentence_is_read(choice, name, monkeypatch):
    """With nonsense for every sentence, the expert does the same."""
    seeds = [load_splits().seed("tuning", 200 + i) for i in range(3)]
    before = [solve(make_task(name, seed, choice), seed) for seed in seeds]
    monkeypatch.setattr(Skill, "sentence", lambda self: "xyzzy")
    assert [solve(make_task(name, seed, choice), seed) for seed in seeds] == before


def test_wilson_is_the_textbook_interval():
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(200, 200)[0] == pytest.approx(0.9812, abs=1e-3)
    low, high = wilson(50, 100)
    assert (low, high) == (pytest.approx(0.4038, abs=1e-3), pytest.approx(0.5962, abs=1e-3))


def test_two_measurements_are_the_same():
    first, second = (measure_expert(["stack"], 2) for _ in range(2))
    assert first == second
    assert re.match("put the", make_task("stack", first[0].seed, lab_choice()).instruction)


def test_arranging_is_said_and_means_a_free_point(choice):
    said = set()
    for k in range(40):
        task = make_task("arrange", load_splits().seed("tuning", k), choice)
        skill = task.skills[1]
        assert skill.at is not None
        where = np.array(skill.at)
        others = [p for p in task.scene.objects if p.spec.label != skill.thing]
        assert all(np.hypot(p.x - where[0], p.y - where[1]) > 0.05 for p in others)
        words = task.instruction
        if "left of" in words:
            (other,) = (p for p in others if p.spec.label in words)
            assert 0.06 < where[1] - other.y < 0.17
        kind = next((word for word in (" corner", " between") if word in words), "")
        said.add(words.split()[0] + kind)
    assert said == {"put", "put corner", "put between", "move"}


def test_a_thing_put_elsewhere_is_not_arranged(made):
    task, world = made("arrange")
    skill = task.skills[1]
    index = world.index(skill.thing)
    x, y = skill.at
    for off, holds in ((0.0, True), (0.02, True), (0.035, False)):
        task.show(world, replace(skill, at=(x + off, y)))
        assert task.holds(world, skill) is holds
    world.set_object(index, (x, y, 0.2), 0.0)
    mujoco.mj_forward(world.model, world.data)
    assert not task.holds(world, skill)
    with pytest.raises(UnknownNameError, match="unknown subtask 'place the"):
        task.act(world, replace(skill, place="moon"))
