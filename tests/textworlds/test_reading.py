"""What the worlds say, read: no world is needed for it."""

from __future__ import annotations

import numpy as np
import pytest

from vista.errors import ConfigError
from vista_bench.textworlds import alfred, babyai, express_text
from vista_bench.textworlds.alfred_scene import THINGS, RoomTask, make_scene, make_task, problem
from vista_bench.textworlds.maze import MazePose

ROOM = (
    "You are in the kitchen. In one part of the room you see a stove. You also see a fridge that is closed. "
    "In another part of the room you see a counter that has a chopped raw red potato, and a cookbook on it. "
    "There is also an open cutlery drawer, that is empty. You also see An open box, that contains a knife. "
    "There is also a coin. \n"
    "To the North you see a closed plain door. Through an open wood door, to the East you see the side yard. "
)


def test_a_room_tells_where_everything_is():
    seen = express_text.room_text(ROOM)
    assert {
        ("robot", "in", "kitchen"),
        ("fridge (kitchen)", "is", "closed"),
        ("stove (kitchen)", "makes", "fried"),
        ("red potato", "on", "counter (kitchen)"),
        ("red potato", "cut", "chopped"),
        ("knife", "in", "box (kitchen)"),
        ("coin", "in", "kitchen"),
        ("kitchen north", "is", "closed"),
        ("kitchen east", "leads to", "side yard"),
    } <= seen.facts
    assert not any(o == "raw" for _, _, o in seen.facts)
    assert {"kitchen", "counter (kitchen)", "cutlery drawer (kitchen)", "kitchen east"} <= seen.looked
    assert not {"fridge (kitchen)", "kitchen north"} & seen.looked
    assert seen.kinds["side yard"] == "room"
    assert seen.kinds["cookbook"] == "text"


def test_a_text_that_describes_no_room_tells_nothing():
    assert express_text.room_text("You take the coin.").facts == frozenset()


def test_inventory_is_told_whole():
    seen = express_text.inventory_text("Inventory: \n  some black pepper\n  a grilled red potato\n")
    assert {s for s, r, _ in seen.facts if r == "held by"} == {"black pepper", "red potato"}
    assert ("red potato", "cooked", "grilled") in seen.facts
    empty = express_text.inventory_text("Inventory: \n  Your inventory is currently empty.\n")
    assert empty.facts == frozenset()
    assert empty.looked == {"robot"}


def test_recipes_and_maps():
    recipe = express_text.recipe_text(
        "Gather all.\n\nIngredients:\n  egg\n  salt\n\n"
        "Directions:\n  fry the egg\n  dice the egg\n  prepare meal\n"
    )
    assert recipe == {
        ("meal", "asks for", "egg"), ("meal", "asks for", "salt"),
        ("egg", "must be", "fried"), ("egg", "must be", "diced"),
    }  # fmt: skip
    told = express_text.map_text("The map reads:\n  The side yard connects to the parlor, den and attic.\n")
    assert {o for s, _, o in told if s == "side yard"} == {"parlor", "den", "attic"}
    assert ("den", "connects to", "side yard") in told


def test_alfred_tells_what_is_held_by_what_can_be_examined():
    commands = [
        "examine drawer_1",
        "examine mug_2",
        "go to shelf_1",
        "close drawer_1",
        "move mug_2 to drawer_1",
    ]
    text = "You open the drawer_1. The drawer_1 is open. In it, you see a pen_1, and a cup_3."
    facts, looked, kinds = alfred.read(text, commands)
    assert facts == {
        ("robot", "in", "drawer 1"), ("drawer 1", "is", "open"), ("pen 1", "in", "drawer 1"),
        ("cup 3", "in", "drawer 1"), ("mug 2", "held by", "robot"),
    }  # fmt: skip
    assert looked == {"robot", "drawer 1"}
    assert kinds["shelf 1"] == kinds["drawer 1"] == "place"


def test_alfred_does_not_see_into_what_is_closed():
    commands = ["examine safe_1", "open safe_1", "go to bed_1"]
    facts, looked, _ = alfred.read("You arrive at safe_1. The safe_1 is closed.", commands)
    assert ("safe 1", "is", "closed") in facts
    assert "safe 1" not in looked


@pytest.mark.parametrize("seed", range(20_000, 20_040))
def test_alfred_tasks_leave_something_to_do_and_can_be_done(seed: int):
    scene = make_scene(seed)
    assert scene == make_scene(seed)
    first, second = (make_task(scene, seed, number) for number in (1, 2))
    assert first.thing != second.thing
    for task in (first, second):
        names = [n for n, kind in scene.things.items() if kind == task.thing]
        assert len(names) >= (2 if task.kind == "two" else 1)
        if task.goal:
            assert task.goal in THINGS[scene.room][task.thing]
            assert all(scene.receptacles[scene.where[n]] != task.goal for n in names)
        text = problem(scene, task)
        assert text.count("(") == text.count(")")


class Fact:
    def __init__(self, name: str, *names: str) -> None:
        self.name, self.names = name, names


def test_alfred_progress_counts_conditions_of_the_best_thing():
    task = RoomTask("clean", "mug", "shelf")
    facts = [
        Fact("objecttype", "mug_1", "mugType"), Fact("objecttype", "mug_2", "mugType"),
        Fact("receptacletype", "shelf_1", "shelfType"), Fact("isclean", "mug_2"),
    ]  # fmt: skip
    assert alfred.progress(task, facts) == 0.5
    assert alfred.progress(task, [*facts, Fact("inreceptacle", "mug_1", "shelf_1")]) == 0.5
    assert alfred.progress(task, [*facts, Fact("inreceptacle", "mug_2", "shelf_1")]) == 1.0


def test_missions_are_put_in_order():
    found = babyai.clauses("go to a red door, then pick up the key and open a blue door")
    assert [c.verb for c in found] == ["go to", "pick up", "open"]
    assert [c.kind for c in babyai.clauses("go to the ball after you go to the grey box")] == ["box", "ball"]
    assert babyai.clauses("go to the ball")[0].fits("red ball 3 -4")
    assert not babyai.clauses("go to a grey ball")[0].fits("red ball 3 -4")
    with pytest.raises(ConfigError, match="put the ball next to"):
        babyai.clauses("put the ball next to the box")


def test_the_window_is_turned_the_way_the_robot_looks():
    pytest.importorskip("minigrid", reason="./run setup textworlds brings minigrid")
    image = np.zeros((7, 7, 3), np.uint8)
    image[3, 6] = (1, 0, 0)  # where the robot stands
    image[3, 5] = (1, 0, 0)  # ahead: free floor
    image[3, 4] = (6, 0, 0)  # two ahead: a red ball
    image[4, 6] = (4, 2, 1)  # right: a blue door, closed
    facts, looked, kinds = babyai.read(image, MazePose((10, 10), 0))  # looks along x; y points down
    assert ("red ball 12 10", "in", "cell 12 10") in facts
    assert ("blue door 10 11", "is", "closed") in facts
    assert ("ahead", "is", "free") in facts
    assert "cell 10 10" not in looked, "the robot hides what it stands on"
    assert kinds == {"red ball 12 10": "thing", "blue door 10 11": "door"}
