"""Generators and benches draw from disjoint parts of the splits."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from vista.errors import InvalidValueError
from vista.splits import load_splits
from vista_sim.generate.pairs import sample_pairs_scene
from vista_sim.measure import lab_choice
from vista_sim.objects import sample_object, slim
from vista_sim.tasks import TASKS, make_task


def test_seed_ranges_do_not_overlap():
    for (a, (low, high)), (b, (low2, high2)) in combinations(load_splits().seeds.items(), 2):
        assert high <= low2 or high2 <= low, (a, b)


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
    from vista_sim.objects import COLOURS, SHAPES, sample_object

    rng = np.random.default_rng(0)
    for shape in SHAPES:
        for colour in COLOURS:
            spec = sample_object(f"{colour} {shape}", rng)
            assert 0.01 < spec.half_width < 0.038
            assert spec.half_height <= 0.05


def test_a_slim_box_is_lower_and_narrower_and_keeps_its_looks():
    rng = np.random.default_rng(3)
    for _ in range(20):
        box = sample_object("orange box", rng)
        flat = slim(box, rng)
        assert (flat.label, flat.rgb, flat.texture) == (box.label, box.rgb, box.texture)
        assert 0.012 <= flat.half_height <= 0.020
        assert 0.012 <= flat.half_width <= 0.020
        assert flat.geoms[0].size[1:] == (flat.half_width, flat.half_height)
        assert flat.half_height + flat.grasp_above >= 0.0119  # the pads stay off the table
    with pytest.raises(InvalidValueError, match="red cube"):
        slim(replace(sample_object("red cube", rng), geoms=()), rng)
