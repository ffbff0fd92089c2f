"""Generators and benches draw from disjoint parts of the splits."""

from itertools import combinations

import numpy as np
import pytest

from vista.errors import InvalidValueError
from vista.learning.splits import load_splits
from vista.robot.contract import load_robot
from vista_sim.experts import tabletop
from vista_sim.generate.pairs import sample_pairs_scene
from vista_sim.measure import lab_choice
from vista_sim.objects.specs import fallen, low, sample_object
from vista_sim.scenes.scene import sample_tabletop
from vista_sim.tasks import TASKS, make_task
from vista_sim.world import World, yaw_of


def test_seed_ranges_do_not_overlap():
    for (a, (first, end)), (b, (first2, end2)) in combinations(load_splits().seeds.items(), 2):
        assert end <= first2 or end2 <= first, (a, b)


def test_demonstrated_novel_and_held_out_objects_do_not_overlap():
    splits = load_splits()
    groups = (splits.demo_objects, splits.novel_objects, splits.heldout_combinations)
    for a, b in combinations(groups, 2):
        assert not set(a) & set(b)
    patterns = (splits.demo_patterns, splits.novel_patterns, splits.heldout_patterns)
    for c, d in combinations(patterns, 2):
        assert not set(c) & set(d)


@pytest.mark.parametrize("name", TASKS)
def test_a_task_shows_only_what_it_was_given(name):
    choice = lab_choice()
    for index in range(20):
        scene = make_task(name, load_splits().seed("tuning", index), choice).scene
        assert {p.spec.label for p in scene.objects} <= set(choice.labels)
        assert scene.pattern in choice.patterns


def test_the_world_models_scenes_never_show_what_is_held_out():
    splits = load_splits()
    first = splits.seeds["world_model"][0]
    for seed in range(first, first + 60):
        scene = sample_pairs_scene(seed, splits.world_objects, splits.world_patterns)
        labels = {p.spec.label for p in scene.objects}
        assert not labels & set(splits.heldout_combinations)
        assert not {p.spec.shape for p in scene.objects} & set(splits.heldout_shapes)
        assert scene.pattern not in splits.heldout_patterns


def test_an_objects_size_stays_in_the_gripper():
    from vista_sim.objects.specs import COLOURS, SHAPES, sample_object

    rng = np.random.default_rng(0)
    for shape in SHAPES:
        for colour in COLOURS:
            spec = sample_object(f"{colour} {shape}", rng)
            assert 0.01 < spec.half_width < 0.038
            assert spec.half_height <= 0.05


@pytest.mark.parametrize("label", ["orange box", "green can", "blue mug"])
def test_a_low_object_is_lower_and_keeps_its_looks(label: str):
    rng = np.random.default_rng(3)
    for _ in range(20):
        tall = sample_object(label, rng)
        flat = low(tall, rng)
        assert (flat.label, flat.rgb, flat.texture) == (tall.label, tall.rgb, tall.texture)
        assert 0.012 <= flat.half_height <= 0.022
        assert flat.geoms[0].size[-1] == pytest.approx(flat.half_height)
        assert max(abs(z) for g in flat.geoms for z in g.fromto[2::3] or (0.0,)) <= flat.half_height
        assert flat.half_height + flat.grasp_above >= 0.0119  # the pads stay off the table
        if label == "orange box":
            assert 0.012 <= flat.half_width == pytest.approx(flat.geoms[0].size[1])
        else:
            assert flat.half_width == tall.half_width
    with pytest.raises(InvalidValueError, match="red cube"):
        low(sample_object("red cube", rng), rng)


def test_a_can_that_fell_over_lies_and_keeps_its_looks():
    rng = np.random.default_rng(4)
    for _ in range(20):
        upright = sample_object("green can", rng)
        lying = fallen(upright, rng)
        assert (lying.label, lying.rgb) == (upright.label, upright.rgb)
        assert lying.rolls
        assert lying.half_height == lying.half_width == lying.geoms[0].size[0] <= 0.025
        assert lying.geoms[0].fromto[3] > lying.half_width
    with pytest.raises(InvalidValueError, match="blue mug"):
        fallen(sample_object("blue mug", rng), rng)


def test_what_lies_is_grasped_across_and_lifted():
    rng = np.random.default_rng(5)
    can = fallen(sample_object("green can", rng), rng)
    scene = sample_tabletop(7, ["green can", "red cube"], ["flat"], count=2, library={"green can": can},
                            required=("green can",))  # fmt: skip
    world = World(scene, load_robot("panda"))
    for _ in range(60):
        action = tabletop.grasp(world, 0)
        if action.done:
            break
        world.move_to(action.target, action.gripper)
    assert action.done
    assert tabletop.is_held(world, 0)
    across = tabletop.grasp_yaw(world, 0, yaw_of(world.ee_pose())) - yaw_of(world.ee_pose())
    assert abs(across) < 0.15
