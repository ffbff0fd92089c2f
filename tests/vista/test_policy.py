"""The guard's policy: which rule decides about a skill, and files that cannot be right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.mocks import MockRobot
from vista.errors import ConfigError, InvalidValueError
from vista.guard.policy import GuardPolicy, Permit, PolicyRule, load_policy
from vista.loop.policed import PolicedPlanner
from vista.perception import DetectorBase
from vista.skill import Skill
from vista.types import Ask, Detection, Impossible, Observation, Question, Refusal, Subtask

KITCHEN = Path(__file__).resolve().parents[2] / "examples/guard/kitchen.yaml"
RIGHT, LEFT = np.array([0.5, -0.1, 0.02]), np.array([0.5, 0.2, 0.02])
FREE, ASK, FORBID = Permit


def judged(
    sentence: str, policy: GuardPolicy, approved: tuple[str, ...] = (), **where: object
) -> tuple[str, str]:
    skill = Skill.parse(sentence)
    found = {name.replace("_", " "): position for name, position in where.items()}
    ruling = policy.judge(skill, found, frozenset(approved))
    return ruling.permit.value, ruling.rule


def test_the_example_forbids_the_drawer_asks_before_the_knife_and_keeps_the_left_half_free():
    kitchen = load_policy(KITCHEN)
    assert judged("open the left drawer", kitchen, left_drawer=RIGHT) == ("forbid", "drawers stay shut")
    assert judged("grasp the bread knife", kitchen, bread_knife=RIGHT) == ("ask", "sharp things")
    assert judged("grasp the blue mug", kitchen, blue_mug=LEFT) == ("forbid", "left half is free")
    assert judged("grasp the blue mug", kitchen, blue_mug=RIGHT) == ("allow", "otherwise")
    assert judged("place the blue mug in the tray", kitchen, tray=LEFT) == ("forbid", "left half is free")


def test_a_person_approves_a_rule_by_its_name_and_no_forbidden_one():
    kitchen = load_policy(KITCHEN)
    yes = ("sharp things", "left half is free", "drawers stay shut")
    assert judged("grasp the bread knife", kitchen, yes, bread_knife=RIGHT) == ("allow", "sharp things")
    assert judged("grasp the bread knife", kitchen, yes, bread_knife=LEFT) == ("forbid", "left half is free")
    assert judged("open the left drawer", kitchen, yes, left_drawer=RIGHT)[0] == "forbid"


def test_what_nobody_knows_the_place_of_may_lie_in_any_zone():
    assert judged("grasp the blue mug", load_policy(KITCHEN), blue_mug=None) == (
        "forbid",
        "left half is free",
    )


def test_otherwise_forbid_lets_only_through_what_a_rule_allows():
    least = GuardPolicy((PolicyRule("mugs", FREE, things=("* mug",)),), FORBID)
    assert judged("grasp the blue mug", least) == ("allow", "mugs")
    assert judged("grasp the knife", least) == ("forbid", "otherwise")


@pytest.mark.parametrize("otherwise", Permit)
@pytest.mark.parametrize("order", [1, -1])
def test_a_further_file_only_narrows(order: int, otherwise: Permit):
    wide = GuardPolicy(
        (PolicyRule("all mugs", FREE, things=("*mug",)), PolicyRule("no pens", FORBID, things=("pen",)))
    )
    least = GuardPolicy((PolicyRule("blue", FREE, things=("blue*",)),), FORBID)
    one, other = (wide, least)[::order]
    both = one.narrowed(other)
    for name in ("blue mug", "red mug", "pen", "blue pen", "cup"):
        sentence = f"grasp the {name}"
        strictest = max(judged(sentence, each)[0] for each in (wide, least))  # allow < ask < forbid
        assert judged(sentence, both)[0] == strictest, name
    with pytest.raises(InvalidValueError, match="rule blue stands in two files"):
        both.narrowed(least)


def test_only_a_zone_that_is_always_forbidden_is_one_for_links():
    (zone,) = load_policy(KITCHEN).zones
    assert zone.name == "policy left half is free"
    assert zone.links == ()
    box = np.array([[0, 0, 0], [1, 1, 1]])
    assert (
        GuardPolicy((PolicyRule("a", ASK, zone=box), PolicyRule("b", FORBID, things=("x",), zone=box))).zones
        == ()
    )


RULES = "version: 1\nrules:\n"
OPEN = "  - {name: a, decide: ask, verbs: [open]}\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rules: []", "`version` is missing"),
        ("version: 2\nrules: []", "line 1: version: 2, expected 1"),
        ("version: 1\nrules: {a: 1}", "line 2: rules: {'a': 1}, expected a list"),
        (
            RULES + "  - {name: a, decide: maybe, verbs: [open]}",
            "unknown 'maybe'; known: allow, ask",
        ),
        (RULES + "  - {name: a, decide: ask, verbs: [throw]}", "unknown 'throw'; known: grasp"),
        (RULES + "  - {name: a, decide: ask}", "line 3: rules[0]: no condition"),
        (RULES + "  - {name: a, decide: ask, thing: [x]}", "unknown key 'thing'"),
        (RULES + "  - {name: a, decide: ask, things: x}", "'x', expected a list of texts"),
        (
            RULES + "  - {name: a, decide: ask, zone: [[0, 0, 0], [1, 1]]}",
            "zone[1]: [1, 1], expected 3",
        ),
        (
            RULES + "  - {name: a, decide: ask, zone: [[1, 0, 0], [0, 1, 1]]}",
            "the lower corner first",
        ),
        (
            RULES + OPEN + OPEN,
            "line 4: rules[1].name: 'a' stands twice",
        ),
        ("version: 1\nrules: []\notherwise: yes", "otherwise: unknown True"),
    ],
)
def test_a_file_that_cannot_be_right_is_refused_with_its_line(tmp_path: Path, text: str, said: str):
    (tmp_path / "rules.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_policy(tmp_path / "rules.yaml")
    assert said in str(caught.value)
    assert "rules.yaml" in str(caught.value)


class Fixed:
    """A planner that always says the same."""

    def __init__(self, said: str) -> None:
        self.step = Subtask.said(said)

    def reset(self) -> None: ...

    def next(self, *_: object) -> Subtask:
        return self.step


class Sees(DetectorBase):
    """Sees everything at one place."""

    def __init__(self, position: np.ndarray) -> None:
        self._position = position

    def detect(self, obs: Observation) -> list[Detection]:
        return []

    def find(self, obs: Observation, label: str) -> Detection:
        return Detection(label, 1.0, np.array([0.1, 0.1, 0.2, 0.2]), self._position, 0.01)


def policed(said: str, position: np.ndarray = RIGHT) -> PolicedPlanner:
    return PolicedPlanner(Fixed(said), load_policy(KITCHEN), Sees(position))


def test_a_planner_is_stopped_by_the_rule_before_the_arm_moves():
    obs = MockRobot().observe()
    assert policed("grasp the blue mug").next(obs, "", ()) == Subtask.said("grasp the blue mug")
    refused = policed("grasp the blue mug", LEFT).next(obs, "", ())
    assert isinstance(refused, Impossible)
    assert refused.why is Refusal.FORBIDDEN
    assert "rule 'left half is free': the blue mug is in its zone" in refused.reason
    planner = policed("grasp the bread knife")
    asked = planner.next(obs, "", ())
    assert isinstance(asked, Question)
    assert (asked.kind, asked.options[0].name) == (Ask.APPROVAL, "sharp things")
    planner.approved = frozenset({"sharp things"})
    assert planner.next(obs, "", ()) == Subtask.said("grasp the bread knife")
    vague = policed("tidy up a bit").next(obs, "", ())
    assert isinstance(vague, Impossible), "what is no skill cannot be judged"


def test_a_sentence_that_is_no_skill_and_a_place_that_nobody_told_free_nothing():
    kitchen = load_policy(KITCHEN)
    assert kitchen.judge(None, {}).permit is FORBID
    assert GuardPolicy().judge(None, {}).permit is FREE
    assert judged("grasp the blue mug", kitchen) == ("forbid", "left half is free")
    assert judged("place the blue mug in the tray", kitchen, tray=RIGHT) == ("allow", "otherwise")
    far = np.array([0.5, 0.2, np.nan])
    assert judged("place the blue mug in the tray", kitchen, tray=far)[0] == "forbid"
