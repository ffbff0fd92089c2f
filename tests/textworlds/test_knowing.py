"""What is believed after what was seen: with a memory, with the last views, and over attempts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from robomemory import HashingEmbedder, RoboMemory
from robomemory.planning import ROBOT, seen
from vista_bench.textworlds.maze import Map, MazePose, refine
from vista_bench.textworlds.mind import Recent, Remembering
from vista_bench.textworlds.view import View, WorldBelief

HALL = View(
    "hall",
    frozenset(
        {(ROBOT, "in", "hall"), ("box", "in", "hall"), ("box", "is", "closed"), ("mug", "on", "hall table")}
    ),
    frozenset({"hall", "hall table", ROBOT}),
    {"hall": "room", "box": "holder", "mug": "thing"},
)
OPENED = View(
    "opened",
    frozenset({(ROBOT, "in", "hall"), ("box", "in", "hall"), ("box", "is", "open"), ("pen", "in", "box"),
               ("mug", "held by", ROBOT)}),
    frozenset({"hall", "box", "hall table", ROBOT}),
    {"pen": "thing"},
)  # fmt: skip
YARD = View(
    "yard",
    frozenset({(ROBOT, "in", "yard"), ("mug", "in", "yard")}),
    frozenset({"yard", ROBOT}),
    {"yard": "room"},
)
BACK = View("back", frozenset({(ROBOT, "in", "hall"), ("box", "in", "hall")}), frozenset({"hall", "box"}), {})


@pytest.fixture
def memory() -> Iterator[RoboMemory]:
    with RoboMemory(":memory:", embedder=HashingEmbedder(32)) as opened:
        yield opened


def test_a_memory_and_a_window_that_never_forgets_believe_the_same(memory: RoboMemory):
    remembering, recent = Remembering(memory), Recent(100)
    for view in (HALL, OPENED, YARD, BACK):
        for mind in (remembering, recent):
            mind.see(view, "step")
        assert remembering.belief().facts == recent.belief().facts
        assert remembering.belief().kinds == recent.belief().kinds


def test_the_newer_fact_ends_the_older_and_what_is_gone_is_elsewhere():
    mind = Recent(4)
    for view in (HALL, OPENED, YARD, BACK):
        mind.see(view, "step")
    belief = mind.belief()
    assert belief.at("mug") == "yard"
    assert belief.at("pen") is None, "the box was looked into again and was empty"
    assert (ROBOT, "in", "hall") in belief.facts
    assert ("box", "is", "closed") not in belief.facts


def test_only_what_is_seen_now():
    mind = Recent(1)
    mind.see(OPENED, "step")
    mind.see(YARD, "step")
    assert mind.belief().at("pen") is None
    assert seen("hall") not in mind.belief().facts


def test_a_second_attempt_expects_things_where_they_were_until_it_looks(memory: RoboMemory):
    first = Remembering(memory, 1)
    for view in (HALL, OPENED, YARD, BACK):
        first.see(view, "step")
    second = Remembering(memory, 2)
    second.see(YARD, "begins")
    belief = second.belief()
    assert belief.at("pen") == "box", "it was there before, and nobody looked this time"
    assert seen("yard") in belief.facts
    assert seen("hall") not in belief.facts, "a place seen in another attempt may hold other things"
    assert "hall" in belief.searched
    second.see(BACK, "looks")
    assert second.belief().at("pen") is None


def test_what_was_done_to_a_thing_holds_for_its_attempt(memory: RoboMemory):
    cut = View(
        "cut", frozenset({("egg", "cut", "diced"), ("egg", "in", "pan")}), frozenset(), {"egg": "food"}
    )
    first = Remembering(memory, 1)
    first.see(cut, "dices")
    assert ("egg", "cut", "diced") in first.belief().facts
    second = Remembering(memory, 2)
    assert ("egg", "cut", "diced") not in second.belief().facts
    second.see(cut, "dices")
    assert ("egg", "cut", "diced") in second.belief().facts


def maze(*rows: str) -> tuple[WorldBelief, MazePose]:
    """A belief of cells: "#" wall, "." floor, "d" closed door, "o" open door, "k" key, "R" robot."""
    facts = set()
    pose = MazePose((0, 0), 0)
    for y, row in enumerate(rows):
        for x, char in enumerate(row):
            if char == " ":
                continue
            facts.add((f"cell {x} {y}", "is", "wall" if char == "#" else "floor"))
            if char in "dok":
                name = f"red {'key' if char == 'k' else 'door'} {x} {y}"
                facts.add((name, "in", f"cell {x} {y}"))
                if char != "k":
                    facts.add((name, "is", "closed" if char == "d" else "open"))
            if char == "R":
                pose = MazePose((x, y), 0)
    return WorldBelief(frozenset(facts), {}), pose


def test_the_map_knows_ways_edges_and_doors_on_the_way():
    belief, pose = maze("#######", "#R.d.k#", "#..#..#", "## ####")
    plan = Map(belief, pose)
    assert set(plan.frontiers()) == {(2, 2)}, "the cell beside the gap"
    assert plan.to_object((3, 1)) == 1
    assert plan.to_object((5, 1)) is None, "behind a closed door"
    assert plan.door_towards((5, 1), ["red door 3 1"]) == "red door 3 1"
    assert plan.door_towards((5, 1), []) is None
    assert plan.walk_beside((3, 1)) == ["forward"]
    assert plan.walk((1, 2), facing=(1, 1)) == ["right", "forward", "right", "right"]


def test_an_open_door_is_no_obstacle():
    belief, pose = maze("#######", "#R.o.k#", "#######")
    assert Map(belief, pose).to_object((5, 1)) == 3


def test_a_plan_becomes_steps_that_the_maze_takes():
    from vista_bench.textworlds.maze import MAZE

    belief, pose = maze("#######", "#R.d.k#", "#######")
    steps = refine([MAZE.step("open", "red door 3 1"), MAZE.step("take", "red key 5 1")], Map(belief, pose))
    assert [s.operator for s in steps] == ["forward", "toggle"], "what comes after is planned on the new map"
