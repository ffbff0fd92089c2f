"""Outlines from above, and the place and turn of the hand for one more thing in the tray."""

import numpy as np
import pytest

from vista.learning.splits import load_splits
from vista.skill import Skill
from vista_sim.experts.tray_berth import GAP_M, YAWS, find_berth
from vista_sim.measure import solve
from vista_sim.objects.outline import DIRECTIONS, apart, points_of, reach, turned
from vista_sim.scenes.scene import TRAY_HALF
from vista_sim.tasks.several import Several
from vista_sim.world import yaw_of


def box(half_x, half_y, yaw=0.0, at=(0.0, 0.0)):
    corners = np.array([[a * half_x, b * half_y, 0.0] for a in (-1, 1) for b in (-1, 1)])
    return reach(corners, np.zeros(4), turned(yaw)) + DIRECTIONS[:, :2] @ np.array(at)


def outline(world, index):
    pose = world.object_pose(index)
    return reach(*points_of(world, index), pose[:3, :3]) + DIRECTIONS[:, :2] @ pose[:2, 3]


@pytest.mark.parametrize(
    ("other", "far"),
    [
        (box(0.01, 0.02, at=(0.05, 0.0)), 0.02),
        (box(0.01, 0.02, yaw=np.pi / 2, at=(0.05, 0.0)), 0.01),
        (box(0.01, 0.02, at=(0.0, 0.025)), -0.005),
        (reach(np.zeros((1, 3)), np.array([0.01]), np.eye(3)) + DIRECTIONS[:, 0] * 0.05, 0.02),
    ],
)
def test_two_outlines_are_as_far_apart_as_they_are(other, far):
    assert apart(box(0.02, 0.01), other) == pytest.approx(far, abs=1e-6)
    assert apart(other, box(0.02, 0.01)) == pytest.approx(far, abs=1e-6)


@pytest.mark.parametrize("label", ["red cube", "orange box", "green can", "yellow ball", "blue mug"])
def test_an_outline_reaches_as_far_as_the_thing(made, label):
    _, world = made("pick_place", 5, label)
    index = world.index(label)
    spec, own = world.scene.objects[index].spec, reach(*points_of(world, index), np.eye(3))
    ahead, aside, behind, other = own[::8]
    assert (aside, other) == (pytest.approx(spec.half_width), pytest.approx(spec.half_width))
    length = spec.geoms[0].size[0]
    assert behind == pytest.approx(length)
    assert ahead == pytest.approx(length + 0.023 if label == "blue mug" else length)


@pytest.mark.parametrize("seed", [200, 201, 203, 204, 207, 211])
def test_things_lie_within_the_walls_and_beside_each_other(made, seed):
    task, world = made("several", seed)
    done = []
    for label in task.targets:
        index = world.index(label)
        task.show(world, Skill("grasp", label))
        found = find_berth(world, index)
        assert found.ground == pytest.approx(0.004)
        task.show(world, Skill("place", label, "in", "tray"))
        assert np.allclose(world.object_pose(index)[:2, 3], found.where)
        assert np.angle(np.exp(1j * (yaw_of(world.ee_pose()) - found.yaw))) == pytest.approx(0.0, abs=0.02)
        shape = outline(world, index)
        assert all(apart(shape, each) > 0.0 for each in done)
        away = shape - DIRECTIONS[:, :2] @ np.array(task.scene.tray)
        assert away[::8].max() < TRAY_HALF - GAP_M + 1e-3
        done.append(shape)


def test_the_answer_stays_while_the_hand_is_on_its_way(choice, kinematics):
    """The hand once stood between two places that were as good as each other, and turned to and fro."""
    task = Several(load_splits().seed("expert", 27), choice)
    assert solve(task).success


def test_the_hand_turns_so_that_its_fingers_meet_nothing(made):
    """Beside a tall can, on the way from one corner to the other: across the line between the two."""
    _, world = made("several", 101, "red cube and green can")
    can, cube = world.index("green can"), world.index("red cube")
    x, y = world.scene.tray
    world.set_object(can, (x - 0.028, y - 0.028, 0.05), 0.0)
    found = find_berth(world, cube)
    assert found.yaw in YAWS
    away = found.where - np.array([x - 0.028, y - 0.028])
    fingers = np.array([np.sin(found.yaw), -np.cos(found.yaw)])
    assert abs(away @ fingers) < 0.8 * np.hypot(*away)


def test_where_nothing_more_fits_it_goes_on_top(made):
    """A box across the middle of the tray leaves no strip that is as wide as a can."""
    _, world = made("several", 100, "orange box and green can")
    box, can = world.index("orange box"), world.index("green can")
    half, wide = (getattr(world.scene.objects[box].spec, n) for n in ("half_height", "half_width"))
    assert TRAY_HALF - wide < 2 * world.scene.objects[can].spec.half_width
    world.set_object(box, (*world.scene.tray, 0.004 + half), 0.0)
    found = find_berth(world, can)
    assert np.allclose(found.where, world.scene.tray)
    assert found.ground == pytest.approx(0.004 + 2 * half)
