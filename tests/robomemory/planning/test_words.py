"""The words of planning, its grammar, its engine and what is read back from a memory."""

from __future__ import annotations

import pytest

from robomemory import Failure
from robomemory.graph.scene import SceneFact, SceneGraph
from robomemory.planning import (
    BENCHTOP,
    TABLETOP,
    Domain,
    DomainError,
    EngineError,
    Goal,
    InstructionUnclear,
    Lesson,
    LessonRelation,
    Lessons,
    Operator,
    Parameter,
    StepCritic,
    UnifiedEngine,
    WorldState,
    likely_places,
    understand,
)
from robomemory.planning.deadline import within
from robomemory.planning.lessons import Attempt, lesson_of
from robomemory.planning.manipulation import CONTAINER, DRAWER, THING


def names(phrase: str, kind: str) -> str:
    return phrase.removeprefix("the ")


@pytest.mark.parametrize(
    ("says", "facts"),
    [
        ("put the cup in the tray", [{("cup", "in", "tray")}]),
        ("Please bring the cup from the shelf to the table!", [{("cup", "in", "table")}]),
        ("put the cup and the can in the tray", [{("cup", "in", "tray"), ("can", "in", "tray")}]),
        ("open the drawer and put the cup on the box", [{("drawer", "is", "open"), ("cup", "on", "box")}]),
        ("take the cup, then put it in the tray", [{("cup", "held by", "gripper")}, {("cup", "in", "tray")}]),
        ("close the drawer", [{("drawer", "is", "closed")}]),
        ("get the cup out of the drawer", [{("cup", "held by", "gripper")}]),
    ],
)
def test_the_grammar(says, facts):
    intent = understand(says, names)
    assert [set(goal.facts) for goal in intent.goals] == facts


def test_what_an_instruction_tells_besides():
    assert understand("bring the cup from the shelf to the table", names).tells == {("cup", "in", "shelf")}
    assert understand("look for the cup", names).goals == (Goal(find=frozenset({"cup"})),)


@pytest.mark.parametrize("says", ["", " . ", "put", "the cup", "put the cup"])
def test_what_is_no_instruction(says):
    with pytest.raises(InstructionUnclear, match=r"say for example|expected"):
        understand(says, names)


def test_a_domain_says_what_is_wrong_with_it():
    with pytest.raises(DomainError, match="no type 'cup'"):
        Domain("d", {"thing": "", "place": ""}, (Operator("o", (Parameter("x", "cup"),), (), ()),))
    with pytest.raises(DomainError, match=r"\?y"):
        Operator("o", (Parameter("x", "thing"),), (("?y", "is", "open"),), ())
    with pytest.raises(DomainError, match="there are open"):
        TABLETOP.operator("fly")
    with pytest.raises(DomainError, match="expected"):
        TABLETOP.step("open")


def test_the_more_careful_act_stands_in_for_the_easier_one():
    assert TABLETOP.easier("grasp gently") == {"grasp"}
    assert TABLETOP.easier("grasp") == frozenset()
    assert TABLETOP.lookable(DRAWER)
    assert not TABLETOP.lookable(CONTAINER)


def table() -> WorldState:
    facts = {("tray", "is", "open"), ("left drawer", "is", "closed"), ("gripper", "is", "empty")}
    facts |= {("red cube", "in", "left drawer")}
    return WorldState({"tray": CONTAINER, "left drawer": DRAWER, "red cube": THING}, frozenset(facts))


def test_the_engine_plans_caches_and_avoids():
    pytest.importorskip("unified_planning")
    engine = UnifiedEngine(timeout_s=120.0)
    goal = frozenset({("red cube", "in", "tray")})
    plan = engine.solve(TABLETOP, table(), goal)
    assert plan is not None
    facts = table().facts
    for step in plan.steps:
        assert not TABLETOP.unmet(step, facts)
        facts = TABLETOP.after(step, facts)
    assert goal <= facts
    assert len(plan.steps) == 3
    again = engine.solve(TABLETOP, table(), goal)
    assert again is not None
    assert (again.steps, again.seconds) == (plan.steps, 0.0)
    gentle = engine.solve(TABLETOP, table(), goal, {("grasp", "red cube")})
    assert gentle is not None
    assert gentle.steps[1].text == "grasp the red cube gently"
    assert (
        engine.solve(TABLETOP, table(), goal, {("grasp", "red cube"), ("grasp gently", "red cube")}) is None
    )
    assert engine.solve(TABLETOP, table(), frozenset({("tray", "is", "open")})).steps == ()  # type: ignore[union-attr]
    with pytest.raises(DomainError, match="no 'cup'"):
        engine.solve(TABLETOP, table(), frozenset({("cup", "in", "tray")}))


def test_a_search_that_takes_too_long_is_ended():
    ended: list[bool] = []

    def forever() -> None:
        try:
            while True:
                pass
        finally:
            ended.append(True)

    with pytest.raises(EngineError, match=r"within 0\.05 s"):
        within(0.05, forever)
    import threading

    for thread in threading.enumerate():
        if thread.name == "plan":
            thread.join(30.0)
    assert ended == [True]
    with pytest.raises(ZeroDivisionError):
        within(30.0, lambda: 1 // 0)


def test_how_hard_a_plan_is_looked_for_is_counted_in_states_not_in_time():
    pytest.importorskip("unified_planning")
    goal = frozenset({("red cube", "in", "tray")})
    with pytest.raises(EngineError, match="no plan among 4 states"):
        UnifiedEngine(states=4).solve(TABLETOP, table(), goal)
    assert UnifiedEngine(states=100).solve(TABLETOP, table(), goal) is not None


def test_lessons_are_values_and_the_newest_counts():
    first, second = (Lesson("red cube", LessonRelation.KEPT_IN, p) for p in ("left drawer", "tray"))
    assert lesson_of(first.triple) == first
    assert first.text == "lesson: red cube is usually kept in the left drawer"
    lessons = Lessons([first])
    assert str(lessons.learn(first)) == "noop"
    assert str(lessons.learn(second)) == "update"
    assert lessons.value("the Red Cube", LessonRelation.KEPT_IN) == "tray"
    forgotten = Lesson("red cube", LessonRelation.KEPT_IN, "")
    assert str(lessons.learn(forgotten)) == "remove"
    assert lesson_of(forgotten.triple) == forgotten
    assert lessons.subjects(LessonRelation.KEPT_IN) == {}


@pytest.mark.parametrize("triple", [None, ("red cube", "in", "tray"), ("user", "prefers", "the left tray")])
def test_another_triple_is_no_lesson(triple):
    assert lesson_of(triple) is None


def test_failures_are_values_and_an_instruction_cannot_forge_one():
    failures = (Failure("grasp", "red cube", "on table", "it slipped; twice"), Failure("open", "box", "", ""))
    attempt = Attempt("put it; failed step: grasp | blue mug | on table | x", "failure", "why", (), failures)
    note = attempt.note(1)
    assert note.failures == (failures[0], Failure("open", "box", "", "unknown"))
    assert note.text == (
        "put it, failed step: grasp | blue mug | on table | x: failure (why);"
        " failed step: grasp | red cube | on table | it slipped, twice; failed step: open | box |  | unknown"
    )


def test_a_step_has_the_values_of_its_operator():
    placed = TABLETOP.step("place, in", "red cube", "tray")
    assert (placed.verb, placed.thing, placed.relation, placed.place) == ("place", "red cube", "in", "tray")
    for operator in ("grasp, on", "grasp gently, on"):
        grasped = TABLETOP.step(operator, "red cube", "table")
        assert (grasped.verb, grasped.thing, grasped.relation, grasped.place) == ("grasp", "red cube", "", "")
    on_top = BENCHTOP.step("place, upon", "red cube", "blue cube")
    assert (on_top.verb, on_top.relation, on_top.place) == ("place", "on", "blue cube")
    assert BENCHTOP.step("close", "left drawer").verb == "close"
    with pytest.raises(DomainError, match="no second parameter"):
        Operator("put", (Parameter("x", "thing"),), (), (), relation="in")


def test_the_critic_knows_what_was_done_and_what_failed():
    critic = StepCritic(TABLETOP)
    step = TABLETOP.step("open", "left drawer")
    facts = table().facts
    assert critic.review(step, facts) is None
    critic.tried(step, facts)
    assert "before" in str(critic.review(step, facts))
    critic.reset()
    failed = Failure("open", "left drawer", "is closed", "it is locked")
    assert "locked" in str(critic.review(step, facts, [failed]))
    assert "does not hold" in str(critic.review(TABLETOP.step("place, in", "red cube", "tray"), facts))


def test_places_are_weighed_by_history_lessons_and_vain_looks():
    def fact(s: str, r: str, o: str, since: int, until: int | None = None) -> SceneFact:
        return SceneFact(s, r, o, since, until, 1.0)

    places = ("left", "middle", "right")
    scene = SceneGraph((), (fact("robot", "has seen", "middle", 5),), (fact("cup", "in", "right", 1, 2),))
    ranked = likely_places("the cup", places, scene, Lessons())
    assert [each.place for each in ranked] == ["right", "left", "middle"]
    assert sum(each.probability for each in ranked) == pytest.approx(1.0)
    kept = Lessons([Lesson("cup", LessonRelation.KEPT_IN, "left")])
    assert likely_places("cup", places, scene, kept)[0].place == "left"
