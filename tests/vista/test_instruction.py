"""What a user types is read as goals, a question, an answer or a refusal, and nothing is guessed."""

from __future__ import annotations

import numpy as np
import pytest

from vista.planner.instruction.understanding import understand
from vista.planner.instruction.values import (
    ClearGoal,
    CloseGoal,
    Direction,
    GraspGoal,
    MoveGoal,
    Nameable,
    OpenGoal,
    PlaceGoal,
    Refused,
    Sort,
    Spatial,
    Understood,
    UserAsks,
    UserQuestion,
    Vocabulary,
)
from vista.types.dialogue import Ask, Question, Refusal

POSITIONS = {
    "blue mug": (0.4, -0.1), "red cube": (0.62, -0.1), "green can": (0.5, -0.22), "yellow ball": (0.38, 0.2),
}  # fmt: skip


def thing(name: str, x: float, y: float, **more: object) -> Nameable:
    return Nameable(name, Sort.THING, np.array([x, y, 0.02]), "table", **more)  # type: ignore[arg-type]


PLACES = (
    Nameable("tray", Sort.CONTAINER, np.array([0.5, 0.08, 0.0])),
    Nameable("left drawer", Sort.DRAWER),
    Nameable("right drawer", Sort.DRAWER),
    Nameable("table", Sort.SURFACE),
)
WORLD = Vocabulary((*(thing(name, *at) for name, at in POSITIONS.items()), *PLACES))
MUGS = Vocabulary(
    (
        thing("blue mug", 0.4, 0.1, entity=7),
        thing("red mug", 0.4, -0.1),
        thing("green box", 0.6, 0.0),
        *PLACES,
    )
)


def put(*things: str, relation: Spatial = Spatial.IN, places: tuple[str, ...] = ("tray",)) -> PlaceGoal:
    return PlaceGoal(things, relation, places)


@pytest.mark.parametrize(
    ("says", "goals"),
    [
        ("Would you mind putting the yellow ball in the tray for me?", [put("yellow ball")]),
        ("PUT THE BLUE MUG IN THE TRAY!!", [put("blue mug")]),
        ("the mug should go in the tray, the ball too", [put("blue mug"), put("yellow ball")]),
        ("red cube -> tray", [put("red cube")]),
        ("Put the blue mug and the yellow ball in the tray", [put("blue mug", "yellow ball")]),
        ("Put every object except the ball in the tray", [put("blue mug", "red cube", "green can")]),
        ("Put the mug in the tray but leave the ball alone", [put("blue mug")]),
        ("Leave the mug where it is and put the cube into the tray", [put("red cube")]),
        ("grab the ball, then drop it in the left drawer and shut it",
         [put("yellow ball", places=("left drawer",)), CloseGoal("left drawer")]),
        ("find the ball and put it in the tray", [put("yellow ball")]),
        ("open all the drawers", [OpenGoal("left drawer"), OpenGoal("right drawer")]),
        ("Pull the right drawer open", [OpenGoal("right drawer")]),
        ("pick up the ball", [GraspGoal("yellow ball")]),
        ("empty the tray", [ClearGoal("tray")]),
        ("Stack the cube on the can", [put("red cube", relation=Spatial.ON, places=("green can",))]),
        ("place the cube to the left of the tray", [put("red cube", relation=Spatial.LEFT_OF)]),
        ("put the ball between the mug and the can",
         [put("yellow ball", relation=Spatial.BETWEEN, places=("blue mug", "green can"))]),
        ("I want the ball in the far left corner of the table",
         [put("yellow ball", relation=Spatial.CORNER, places=("back left",))]),
        ("move the sphere about five centimetres to the right",
         [MoveGoal("yellow ball", Direction.RIGHT, 0.05)]),
        ("Slide the mug 10 cm to the left", [MoveGoal("blue mug", Direction.LEFT, 0.1)]),
        ("slide the mug a little closer to you", [MoveGoal("blue mug", Direction.BACKWARD)]),
    ],
)  # fmt: skip
def test_a_task_becomes_goals(says: str, goals: list[object]):
    read = understand(says, WORLD)
    assert isinstance(read, Understood), read
    assert list(read.goals) == goals


@pytest.mark.parametrize(
    ("says", "why"),
    [
        ("don't put the blue mug in the tray", Refusal.NEGATION),
        ("never touch the ball", Refusal.NEGATION),
        ("wash the mug", Refusal.UNKNOWN_ACTION),
        ("pour the mug into the tray", Refusal.UNKNOWN_ACTION),
        ("give me the ball", Refusal.UNKNOWN_ACTION),
        ("put the mug in the tray twice", Refusal.UNSUPPORTED),
        ("put the mug gently in the tray", Refusal.UNSUPPORTED),
        ("throw the ball at the wall", Refusal.UNSUPPORTED),
        ("Setze die blaue Tasse auf das Tablett", Refusal.LANGUAGE),
        ("mets la balle dans le plateau", Refusal.LANGUAGE),
        ("hello there", Refusal.NO_TASK),
        ("...", Refusal.NO_TASK),
        ("put the purple cube in the tray", Refusal.NOT_THERE),
        ("put the yellow mug in the tray", Refusal.NOT_THERE),
        ("if the ball is in the tray, put the mug there too", Refusal.CONDITION),
        ("put the tray in the mug", Refusal.IMPOSSIBLE),
        ("put the cube on the ball", Refusal.IMPOSSIBLE),
    ],
)
def test_what_is_not_understood_is_refused(says: str, why: Refusal):
    read = understand(says, WORLD)
    assert isinstance(read, Refused), read
    assert read.why is why
    assert read.reason


@pytest.mark.parametrize(
    ("says", "kind", "about", "options"),
    [
        ("put the red cubw in the tray", Ask.SPELLING, "cubw", ["cube"]),
        ("put teh red cube in the tray", Ask.SPELLING, "teh", ["the"]),
        ("put it in the tray", Ask.MISSING, "it", []),
        ("put the mug", Ask.MISSING, "the mug", []),
        ("close the drawer", Ask.WHICH, "the drawer", ["left drawer", "right drawer"]),
    ],
)
def test_what_is_unclear_is_asked(says: str, kind: Ask, about: str, options: list[str]):
    read = understand(says, WORLD)
    assert isinstance(read, Question), read
    assert (read.kind, read.about, [option.name for option in read.options]) == (kind, about, options)


def test_two_that_fit_are_told_apart_by_where_they_are_and_by_their_keys():
    read = understand("put the mug in the tray", MUGS)
    assert isinstance(read, Question)
    blue, red = read.options
    assert (blue.name, blue.where, blue.entity) == ("blue mug", "on the left", 7)
    assert (red.name, red.where) == ("red mug", "on the right")
    assert "blue mug on the left" in read.text


@pytest.mark.parametrize("says", ["put the left mug in the tray", "put the mug on the left in the tray"])
def test_a_side_tells_which(says: str):
    assert understand(says, MUGS) == Understood((put("blue mug"),))


@pytest.mark.parametrize(
    ("says", "kind"),
    [
        ("where is the blue mug?", UserAsks.WHERE),
        ("can you see the mug?", UserAsks.IS_IT),
        ("what's in the tray?", UserAsks.WHAT_IS_IN),
        ("which objects can you see?", UserAsks.WHAT_IS_THERE),
        ("how many things are on the table?", UserAsks.HOW_MANY),
        ("what did you do last?", UserAsks.PAST),
    ],
)
def test_a_question_about_the_scene_is_no_task(says: str, kind: UserAsks):
    read = understand(says, WORLD)
    assert isinstance(read, UserQuestion), read
    assert read.kind is kind


def test_another_word_for_a_thing_is_said_back():
    read = understand("put the block in the tray", WORLD)
    assert isinstance(read, Understood)
    assert read.goals == (put("red cube"),)
    assert read.taken == ("'block': taken for cube",)


def test_a_name_that_was_taught_is_a_noun_in_any_spelling():
    mine = Nameable("my screwdriver", Sort.THING, np.array([0.5, 0.0, 0.02]), "table")
    taught = Vocabulary((*WORLD.known, mine), aliases={"driver": "my screwdriver"})
    for says in (
        "put My Screwdriver in the tray",
        "put the screwdriver in the tray",
        "put the driver in the tray",
    ):
        assert understand(says, taught) == Understood((put("my screwdriver"),)), says


def test_what_may_be_hidden_can_be_looked_for():
    hidden = Vocabulary(WORLD.known, labels=frozenset({"white cube"}))
    assert understand("put the white cube in the tray", hidden) == Understood((put("white cube"),))
    read = understand("put the white cube in the tray", WORLD)
    assert isinstance(read, Refused)
    assert read.missing == ("white cube",)


def test_a_thing_too_wide_for_the_gripper_is_refused():
    wide = Vocabulary((thing("red box", 0.4, 0.0, width_m=0.12), *PLACES), most_width_m=0.08)
    read = understand("put the red box in the tray", wide)
    assert isinstance(read, Refused)
    assert read.why is Refusal.IMPOSSIBLE
    assert "12.0 cm wide" in read.reason


def test_what_was_seen_before_and_is_gone_is_no_part_of_everything():
    gone = thing("white mug", 0.4, 0.2, seen=False)
    hidden = Nameable("pink mug", Sort.THING, None, "left drawer", seen=False)
    known = Vocabulary((thing("blue mug", 0.4, -0.1), gone, *PLACES))
    assert understand("put everything in the tray", known) == Understood((put("blue mug"),))
    assert understand("put the mug in the tray", known) == Understood((put("blue mug"),))
    assert understand("put the white mug in the tray", known) == Understood((put("white mug"),))
    known = Vocabulary((*known.known, hidden))
    assert understand("put all mugs in the tray", known) == Understood((put("blue mug", "pink mug"),))


@pytest.mark.parametrize("along", [(0.0, 0.1), (0.1, 0.0)])
def test_the_one_in_the_middle_is_that_of_the_row(along: tuple[float, float]):
    x, y = along
    row = [
        thing(f"{colour} mug", 0.4 + i * x, -0.1 + i * y) for i, colour in enumerate(("red", "blue", "green"))
    ]
    known = Vocabulary((row[2], row[0], row[1], *PLACES))
    assert understand("put the mug in the middle in the tray", known) == Understood((put("blue mug"),))


def test_back_is_a_direction_only_with_a_distance():
    asked = understand("put the blue mug back", WORLD)
    assert isinstance(asked, Question)
    backward = MoveGoal("blue mug", Direction.BACKWARD, 0.1)
    assert understand("move the blue mug 10 cm back", WORLD) == Understood((backward,))
    assert understand("move the blue mug back by 10 cm", WORLD) == Understood((backward,))
