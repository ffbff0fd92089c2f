"""A skill is values; its sentence is written and read in one place."""

import pytest

from vista.errors import InvalidValueError
from vista.skill import Relation, Skill, Verb, network_text, unnamed_text
from vista.types import Subtask

MUG_IN_TRAY = Skill(Verb.PLACE, "blue mug", Relation.IN, "tray")


@pytest.mark.parametrize(
    ("sentence", "skill"),
    [
        ("grasp the blue mug", Skill(Verb.GRASP, "blue mug")),
        ("  Pick up  the blue mug. ", Skill(Verb.GRASP, "blue mug")),
        ("take the blue mug", Skill(Verb.GRASP, "blue mug")),
        ("grasp the blue mug in the left drawer", Skill(Verb.GRASP, "blue mug", Relation.IN, "left drawer")),
        ("place the blue mug in the tray", MUG_IN_TRAY),
        ("put the blue mug into the tray!", MUG_IN_TRAY),
        ("place the red cube on the blue box", Skill(Verb.PLACE, "red cube", Relation.ON, "blue box")),
        ("open the left drawer", Skill(Verb.OPEN, "left drawer")),
        ("shut the drawer", Skill(Verb.CLOSE, "drawer")),
    ],
)
def test_a_sentence_is_read_into_values_and_written_again(sentence, skill):
    assert Skill.parse(sentence) == skill
    assert Skill.parse(skill.sentence()) == skill
    assert Subtask.said(sentence).skill == skill


@pytest.mark.parametrize(
    "sentence",
    [
        "",
        "grasp",
        "grasp the ",
        "don't put the blue mug in the tray",
        "place the blue mug",
        "open the drawer in the tray",
        "place the mug next to the bowl",
        "wipe the table",
        "put the mug in the tray then open the drawer",
        "where is the mug",
    ],
)
def test_what_is_no_skill_is_not_taken_for_one(sentence):
    assert Skill.find(sentence) is None
    with pytest.raises(InvalidValueError, match="is no skill"):
        Skill.parse(sentence)


def test_a_sentence_that_is_no_skill_stays_a_sentence():
    subtask = Subtask.said("wipe the table")
    assert (subtask.skill, subtask.text, subtask.network_text) == (None, "wipe the table", "wipe the table")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (("push", "mug"), "Skill.verb"),
        (("grasp", " "), "what to grasp"),
        (("place", "mug"), "without a place"),
        (("place", "mug", "in"), "both or neither"),
        (("place", "mug", None, "tray"), "both or neither"),
        (("place", "mug", "under", "tray"), "Skill.relation"),
        (("open", "drawer", "in", "tray"), "has no place"),
        (("grasp", 3), "Skill.thing"),
        (("grasp", "mug", None, "", (0.5, 0.1)), "Skill.at: .*expected none to grasp"),
        (("place", "mug", "on", "table", (0.5,)), "Skill.at"),
        (("place", "mug", "on", "table", (0.5, float("nan"))), "Skill.at"),
        (("place", "mug", "on", "table", (0.5, 1e9)), "Skill.at: .*metres"),
    ],
)
def test_values_that_make_no_skill_are_refused_by_name(fields, said):
    with pytest.raises(InvalidValueError, match=said):
        Skill(*fields)


def test_networks_are_told_what_they_were_trained_with():
    assert network_text(MUG_IN_TRAY) == "place the blue mug in the tray"
    assert [unnamed_text(Skill.parse(s)) for s in (
        "grasp the blue mug", "place the blue mug in the tray", "place the mug on the cube",
        "open the drawer",
    )] == ["grasp", "place in the tray", "place on", "open the drawer"]  # fmt: skip


def test_a_point_is_kept_as_numbers():
    skill = Skill("place", "mug", "on", "table", [0.5, 0])
    assert skill.at == (0.5, 0.0)
    assert skill.sentence() == "place the mug on the table"
    assert skill != Skill("place", "mug", "on", "table")
    assert hash(skill) == hash(Skill("place", "mug", "on", "table", (0.5, 0.0)))
