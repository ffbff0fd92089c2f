"""Several objects, a drawer that is shut again, a meddler: what counts, and that the expert manages it."""

import numpy as np
import pytest

from vista.errors import InvalidValueError, UnknownNameError
from vista.skill import Skill
from vista_sim.disturb import KINDS, Disturbance
from vista_sim.experts import tray
from vista_sim.experts.tray_berth import find_berth
from vista_sim.measure import MAX_STEPS
from vista_sim.tasks.several import Several
from vista_sim.world import SUBSTEPS


def carry_out(task, world, skill, watch=lambda world: None):
    for _ in range(MAX_STEPS):
        action = task.act(world, skill)
        if action.done:
            return
        world.move_to(action.target, action.gripper)
        watch(world)
    raise AssertionError(f"{skill.sentence()}: not done in {MAX_STEPS} steps")


def test_what_is_left_shrinks_subtask_by_subtask(made):
    task, world = made("several", 100)
    assert task.left(world) == task.targets
    for skill in task.skills[:2]:
        carry_out(task, world, skill)
    assert task.left(world) == task.targets[1:]
    assert not task.success(world)


def test_a_thing_held_over_the_tray_is_not_in_it(made):
    task, world = made("several", 100)
    carry_out(task, world, task.skills[0])
    index = world.index(task.targets[0])
    for _ in range(MAX_STEPS):
        if tray.over_tray(world, index):
            break
        world.move_to(task.act(world, task.skills[1]).target, 0.0)
    assert tray.over_tray(world, index)
    assert not tray.in_tray(world, index)


def test_the_second_goes_where_the_first_is_not(made):
    task, world = made("several", 101, "red cube and green can")
    first, second = (world.index(label) for label in task.targets)
    for index in (first, second):
        found = find_berth(world, index)
        assert found.ground == pytest.approx(0.004)
        world.set_object(index, (*map(float, found.where), 0.03), 0.0)
    apart = np.hypot(*(world.object_pose(first) - world.object_pose(second))[:2, 3])
    assert apart > 0.05


def test_what_is_named_alone_gets_company(choice):
    task = Several(7, choice, "red cube")
    assert task.targets[0] == "red cube"
    assert len(set(task.targets)) == 2


@pytest.mark.parametrize("target", ["red cube and red cube", "a and b and c and d and e"])
def test_the_tray_holds_two_to_four_different_things(choice, target):
    with pytest.raises(InvalidValueError, match="2 to 4"):
        Several(7, choice, target)


def test_a_drawer_is_shut_again_with_the_thing_in_it(made):
    task, world = made("tidy", 3)
    for skill in task.skills:
        assert not task.holds(world, skill)
        carry_out(task, world, skill)
        assert task.holds(world, skill)
    world.step(5 * SUBSTEPS)
    assert task.success(world)
    assert world.drawer_opening(task.drawer) < 0.02


def test_a_skill_of_another_scene_is_refused(made):
    task, world = made("several", 100)
    with pytest.raises(UnknownNameError, match="open the drawer"):
        task.holds(world, Skill("open", "drawer"))


@pytest.mark.parametrize("kind", KINDS)
def test_somebody_meddles_once_while_the_next_grasp_is_on_its_way(made, kind):
    task, world = made("several", 100)
    meddler = Disturbance(kind, task.targets, seed=5)
    for skill in task.skills[:2]:
        carry_out(task, world, skill, meddler)
    assert not meddler.label
    before = {label: world.object_pose(world.index(label))[:2, 3] for label in task.targets}
    for _ in range(25):  # it may take its time
        world.move_to(task.act(world, task.skills[2]).target, 1.0)
        meddler(world)
        if meddler.label:
            break
    assert meddler.label == task.targets[0 if kind == "taken" else 1]
    moved = world.object_pose(world.index(meddler.label))[:2, 3] - before[meddler.label]
    assert np.hypot(*moved) > 0.07
    assert meddler.ignored(world)
    assert task.left(world)[-1] == task.targets[1]
    assert (task.targets[0] in task.left(world)) == (kind == "taken")


def test_an_unknown_kind_of_meddling_is_named():
    with pytest.raises(UnknownNameError, match="taken"):
        Disturbance("stolen", ("red cube",), 0)
