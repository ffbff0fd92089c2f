"""Data of stack, drawer and search: whole episodes, goals that show what is said, handles that are seen."""

import numpy as np
import pytest

from vista.errors import InvalidValueError, UnknownNameError
from vista.learning.splits import load_splits
from vista.skill import Verb
from vista_sim.experts import drawer_expert
from vista_sim.generate import demos, starts, task_pairs
from vista_sim.generate.filled import RestOfSeveral, fill_tray, has_room
from vista_sim.generate.task_demos import demonstrate_task, make_task_demonstrations
from vista_sim.model.cabinet import DRAWER_NAMES
from vista_sim.tasks import Choice, make_task
from vista_sim.tasks.search import Search
from vista_sim.tasks.several import Several
from vista_sim.world import World, shared_kinematics, top_down


@pytest.mark.parametrize(("task", "segments"), [("stack", 2), ("search", 3)])
def test_a_demonstration_has_every_subtask_and_its_instruction(task, segments):
    seed = load_splits().seed("demonstrations", 999_000)
    arrays = make_task_demonstrations([seed, seed + 1, seed + 2], task)
    episodes = arrays["episode"]
    assert (np.bincount(episodes) == segments).all()
    assert len(arrays["goal"]) == len(arrays["text"]) == len(arrays["instruction"]) == len(episodes)
    assert set(arrays["segment"]) == set(range(len(episodes)))
    assert arrays["text"][0].startswith("grasp the " if task == "stack" else "open the ")
    assert all(str(told).startswith("put the ") for told in arrays["instruction"])
    # A segment ends when its subtask is done, and each does.
    for segment in range(len(episodes)):
        assert arrays["done"][arrays["segment"] == segment][-1]


def test_segments_that_put_one_of_several_things_into_the_tray_are_marked():
    seed = load_splits().seed("demonstrations", 999_000)
    for task in ("several", "stack"):
        arrays = make_task_demonstrations([seed + i for i in range(4)], task)
        placed = np.array([text.startswith("place ") for text in arrays["text"]])
        assert arrays["crowded"].dtype == np.uint8
        assert np.array_equal(arrays["crowded"] == 1, placed & (task == "several"))
        assert placed.any()


def test_the_same_seed_gives_the_same_recovery():
    seed = load_splits().seed("demonstrations", 999_100)
    one, same = (demonstrate_task("stack", seed, recovery=True) for _ in range(2))
    assert (one is None) == (same is None)
    if one is not None:
        assert all(np.array_equal(a[3], b[3]) for a, b in zip(one.rows, same.rows, strict=True))


def test_a_shard_without_a_demonstration_is_refused():
    with pytest.raises(InvalidValueError, match="no demonstration"):
        demos.collect([None, None])


def test_a_pair_says_where_the_object_in_question_ends_up_in_the_image():
    """On a stack below the hand that has let go of it; where a drawer is opened or shut, nowhere."""
    arrays = task_pairs.make_task_pairs(
        [load_splits().seed("world_model", 990_000 + i) for i in range(3)], "stack"
    )
    put = np.array([" on the " in text for text in arrays["text"]])
    assert put.any()
    assert (arrays["object"] >= 0).all()
    assert (arrays["object"][put, 1] > arrays["hand"][put, 1]).all()
    assert (np.abs(arrays["object"][put, 0] - arrays["hand"][put, 0]) < 0.1).all()
    drawers = task_pairs.make_task_pairs([load_splits().seed("world_model", 990_000)], "drawer")
    about_drawer = np.array([text.startswith(("open", "close")) for text in drawers["text"]])
    assert about_drawer.any()
    assert (drawers["object"][about_drawer] == -1).all()
    assert (drawers["object"][~about_drawer] >= 0).all()


@pytest.mark.parametrize("task", task_pairs.TASKS)
def test_pairs_say_what_the_task_needs_and_show_a_change(task):
    arrays = task_pairs.make_task_pairs([load_splits().seed("world_model", 990_000)], task)
    verbs = {str(text).split()[0] for text in arrays["text"]}
    assert verbs == ({"grasp", "place"} if task == "stack" else {"open", "close", "grasp", "place"})
    if task == "stack":
        assert any(" on the " in str(text) for text in arrays["text"])
    source = arrays["image"][arrays["source"]].astype(int)
    change = np.abs(source - arrays["image"][arrays["goal"]]).max(axis=-1) > 40
    assert change.mean(axis=(1, 2)).min() > 0.004
    drawers = (arrays["label"][..., 0] == len(load_splits().shapes) + 1).sum(axis=1)
    assert drawers.max() == {"stack": 0, "drawer": 1, "search": 3}[task]


def test_pairs_hold_nothing_that_is_held_out():
    splits = load_splits()
    for i in range(30):
        for task in task_pairs.TASKS:
            scene = task_pairs.sample_task_scene(task, i, splits.world_objects, splits.world_patterns)
            assert {p.spec.label for p in scene.objects} <= set(splits.world_objects)
            assert len({p.spec.label for p in scene.objects}) == len(scene.objects)


def test_an_unknown_task_is_named():
    with pytest.raises(UnknownNameError, match="stack"):
        demonstrate_task("juggle", 0)
    with pytest.raises(UnknownNameError, match="stack"):
        task_pairs.sample_task_scene("juggle", 0, ("red cube",), ("flat",))


@pytest.mark.parametrize("task", ["stack", "tidy"])
def test_recoveries_begin_within_the_task_and_touch_nothing(task):
    """Some begin with the thing in the hand, some before it is grasped; every one is brought to its end."""
    first = set()
    for i in range(12):
        episode = demonstrate_task(task, load_splits().seed("demonstrations", 999_200 + i), recovery=True)
        if episode is not None:
            first.add(episode.skills[0].verb)
            assert episode.rows[0][4][2] in (0.0, 1.0)
    assert {Verb.GRASP, Verb.PLACE} <= first


def test_a_hand_in_a_thing_is_seen_to_touch_it():
    choice = Choice(load_splits().demo_objects, load_splits().demo_patterns)
    task = make_task("stack", load_splits().seed("demonstrations", 999_300), choice)
    world = World(task.scene, shared_kinematics().spec, shared_kinematics())
    assert not starts.touches(world)
    x, y, z = world.object_pose(0)[:3, 3]
    starts.put_hand(world, top_down(float(x), float(y), float(z), 0.0), 0.0)
    assert starts.touches(world)


def lab(task, seed, **how):
    splits = load_splits()
    choice = Choice(splits.demo_objects, splits.demo_patterns, distractors=3)
    made = task(seed, choice, **how)
    return made, World(made.scene, shared_kinematics().spec, shared_kinematics())


def test_what_opens_in_vain_is_every_drawer_but_the_one_with_the_thing():
    opened = []
    for seed in range(30):
        search, world = lab(Search, seed)
        done = starts.open_in_vain(world, search.drawer, np.random.default_rng(seed))
        out = [world.drawer_opening(i) >= drawer_expert.OPEN for i in range(len(DRAWER_NAMES[3]))]
        assert not out[search.drawer]
        assert done == any(out)
        opened.append(sum(out))
    assert set(opened) == {0, 1, 2}


def test_the_rest_of_several_begins_with_all_but_the_last_in_the_tray_and_needs_room_beside_them():
    for seed in range(12):
        several, _ = lab(Several, seed, count=3)
        rest, world = lab(RestOfSeveral, seed, count=3)
        assert (rest.scene, rest.instruction) == (several.scene, several.instruction)
        assert rest.targets == several.targets
        rest.prepare(world)
        assert rest.left(world) == rest.targets[-1:]
        first, second, last = (world.index(label) for label in rest.targets)
        if not has_room(world, last):
            continue
        grasp, place = rest.skills
        rest.show(world, grasp)
        rest.show(world, place)
        at = [world.object_pose(i)[:2, 3] for i in (first, second, last)]
        assert min(np.linalg.norm(at[2] - at[0]), np.linalg.norm(at[2] - at[1])) > 0.025
        assert rest.success(world) or world.object_speed(last) > 0.1


def test_the_first_thing_lies_about_the_middle_of_the_tray():
    offsets = []
    for seed in range(40):
        several, world = lab(Several, seed)
        index = world.index(several.target)
        fill_tray(world, [index], np.random.default_rng(seed))
        offsets.append(np.abs(world.object_pose(index)[:2, 3] - np.array(several.scene.tray)).max())
    assert max(offsets) < 0.035
    assert 0.4 < np.mean(np.array(offsets) < 0.012) < 0.95
