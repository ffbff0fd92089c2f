"""``Memory.ask``: questions in words as a stranger types them, answered from the graph."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import datetime

import pytest

from robomemory import Answer, AnswerKind, HashingEmbedder, InvalidQueryError, Memory
from robomemory.timestamps import Moment
from tests.postgres import server

S = 10**9


@pytest.fixture
def memory(tmp_path) -> Iterator[Memory]:
    clock = itertools.count(10_000 * S, S).__next__
    with Memory(tmp_path / "scene.sqlite3", embedder=HashingEmbedder(), clock_ns=clock) as opened:
        yield opened


@pytest.fixture
def house(memory: Memory) -> Memory:
    return kitchen(memory)


def kitchen(memory: Memory) -> Memory:
    """``memory`` with a kitchen in its second run, 40 s old."""
    robo = memory.robo
    robo.begin_run(0)
    memory.relate("teapot", "on", "shelf", stamp_ns=90 * S, source="camera")
    assert robo.begin_run(0) == 2
    memory.relate("spoon", "in", "drawer", stamp_ns=1 * S, source="ben")
    memory.relate("red mug", "in", "drawer", stamp_ns=2 * S, source="ben", position=(0.1, 0.5, 0.0))
    memory.relate("drawer", "is", "closed", stamp_ns=3 * S, source="camera")
    memory.relate("user", "left", "kitchen", stamp_ns=20 * S, source="door")
    memory.relate("red mug", "in", "tray", stamp_ns=30 * S, source="camera", position=(0.5, -0.2, 0.02))
    memory.add("blue mug", about=["blue mug"], position=(0.55, -0.1, 0), stamp_ns=31 * S, source="camera")
    memory.relate("blue mug", "next to", "red mug", stamp_ns=31 * S, source="camera")
    memory.relate("drawer", "is", "open", stamp_ns=32 * S, source="camera")
    memory.relate("fork", "in", "drawer", stamp_ns=33 * S, source="anna")
    step = ("grasp", "blue mug", "", "", "failed", "slipped")
    robo.remember([robo.note("temporal", "grasped the blue mug: it slipped", 34 * S, step=step)])
    failed = [("grasp", "blue mug", "", "slipped out of the gripper")]
    robo.remember([robo.note("episodic", "put the blue mug away: failure", 35 * S, failures=failed)])
    memory.add("the spare batteries are kept in the hall cupboard", stamp_ns=36 * S, source="anna")
    memory.add("red mug", about=["red mug"], position=(0.5, -0.2, 0.02), stamp_ns=40 * S, source="lidar")
    return memory


def names(answer: Answer) -> list[str]:
    return [c.name for c in answer.candidates]


RED, MUGS, FORK = ["red mug"], ["red mug", "blue mug"], ["fork"]
WHERE = [
    ("Where is the red mug?", RED), ("where is red mug", RED), ("WHERE IS THE RED MUG", RED),
    ("where's the red mug??", RED), ("wheres the red mug", RED), ("wher is the red mug", RED),
    ("whre is teh red mug", RED), ("where is the redd mug", RED), ("where is the red mgu?", RED),
    ("where are the red mugs", RED), ("Can you tell me where the red mug is?", RED),
    ("could you please tell me where the red mug is", RED), ("do you know where the red mug is?", RED),
    ("I'd like to know where the red mug is", RED), ("hey robot, where is the red mug please?", RED),
    ("Where can I find the red mug?", RED), ("where did you put the fork", FORK), ("find the fork", FORK),
    ("I can't find the fork", FORK), ("Where has the fork gone?", FORK),
    ("where is the fork right now", FORK),
    ("location of the fork", FORK), ("what is the position of the fork?", FORK), ("fork?", FORK),
    ("which drawer is the fork in?", FORK), ("Where is the mug?", MUGS), ("where are the mugs", MUGS),
    ("where are my mugs", MUGS), ("is there a fork somewhere?", FORK), ("where did I leave the fork", FORK),
    ("hey, where'd you put the red mug?", RED), ("where on earth is the red mug", RED),
    ("what's the red mug's location?", RED), ("any idea where the fork might be?", FORK),
    ("give me the position of the red mug", RED),
    ("Where do you keep the forks?", FORK), ("is the fork in the tray or in the drawer", FORK),
    ("i'm looking for the fork", FORK), ("where are the fork and the red mug?", ["fork", "red mug"]),
]  # fmt: skip


@pytest.mark.parametrize(("question", "things"), WHERE)
def test_where_in_the_words_of_a_stranger(house: Memory, question: str, things: list[str]):
    answer = house.ask(question)
    assert answer.kind in (AnswerKind.WHERE, AnswerKind.SEVERAL)
    assert names(answer) == things
    assert answer.known
    for thing in things:
        assert thing in answer.text


def held(answer: Answer) -> list[str]:
    return sorted(answer.things)


INSIDE = [
    ("what is in the drawer", AnswerKind.INSIDE, ["fork", "spoon"]),
    ("Whats in teh drawer?", AnswerKind.INSIDE, ["fork", "spoon"]),
    ("What does the drawer contain?", AnswerKind.INSIDE, ["fork", "spoon"]),
    ("which things are in the drawer now", AnswerKind.INSIDE, ["fork", "spoon"]),
    ("contents of the drawer", AnswerKind.INSIDE, ["fork", "spoon"]),
    ("can you list everything in the drawer", AnswerKind.INSIDE, ["fork", "spoon"]),
    ("is there anything in the drawer?", AnswerKind.INSIDE, ["fork", "spoon"]),
    ("what's on the tray please", AnswerKind.INSIDE, ["red mug"]),
    ("What was in the drawer before?", AnswerKind.INSIDE_BEFORE, ["red mug"]),
    ("what was in the drawer", AnswerKind.INSIDE_BEFORE, ["red mug"]),
    ("what used to be in the drawer", AnswerKind.INSIDE_BEFORE, ["red mug"]),
    ("previously, what was in the drawer?", AnswerKind.INSIDE_BEFORE, ["red mug"]),
    ("what was in the drawer 25 seconds ago", AnswerKind.INSIDE_BEFORE, ["red mug", "spoon"]),
    ("What was in the drawer at first?", AnswerKind.INSIDE_BEFORE, ["spoon"]),
    ("what was in the drawer at 5 s", AnswerKind.INSIDE_BEFORE, ["red mug", "spoon"]),
    ("what was on the shelf in the last run", AnswerKind.INSIDE_BEFORE, ["teapot"]),
    ("an hour ago what was in the drawer?", AnswerKind.INSIDE_BEFORE, []),
    ("Anything on the tray?", AnswerKind.INSIDE, ["red mug"]),
    ("Is anything in the drawer?", AnswerKind.INSIDE, ["fork", "spoon"]),
    ("tell me everything that's in the drawer", AnswerKind.INSIDE, ["fork", "spoon"]),
    ("does the tray hold anything", AnswerKind.INSIDE, ["red mug"]),
    ("what stood next to the red mug", AnswerKind.NEAR, ["blue mug"]),
    ("drawer contents?", AnswerKind.INSIDE, ["fork", "spoon"]),
    ("What do we have in the drawer?", AnswerKind.INSIDE, ["fork", "spoon"]),
    ("list the mugs", AnswerKind.COUNT, ["blue mug", "red mug"]),
    ("what is next to the blue mug", AnswerKind.NEAR, ["red mug"]),
    ("what's near the red mug?", AnswerKind.NEAR, ["blue mug"]),
    ("what is the red mug next to", AnswerKind.NEAR, ["blue mug"]),
    ("how many mugs do you know?", AnswerKind.COUNT, ["blue mug", "red mug"]),
    ("How many things are in the drawer?", AnswerKind.COUNT, ["fork", "spoon"]),
    ("how many mugs are there in the tray", AnswerKind.COUNT, ["red mug"]),
]


@pytest.mark.parametrize(("question", "kind", "things"), INSIDE)
def test_what_is_and_was_there(house: Memory, question: str, kind: AnswerKind, things: list[str]):
    answer = house.ask(question)
    assert (answer.kind, held(answer)) == (kind, things)
    assert answer.known == bool(things)
    if kind is AnswerKind.COUNT:
        assert answer.count == len(things)


IS_IT = [
    ("is the red mug in the drawer?", False), ("Is the red mug in the tray", True),
    ("is the fork still in the drawer", True), ("is there a fork in the drawer?", True),
    ("does the drawer contain a fork", True), ("are the mugs in the tray", True),
    ("was the red mug ever in the drawer", True), ("was the fork in the tray", False),
    ("was the red mug in the drawer 20 seconds ago", True), ("is the drawer open", True),
    ("is the drawer still open?", True),
    ("is the drawer closed now?", False), ("was the drawer open 15 s ago", False),
    ("is the drawer empty?", False), ("is the blue mug next to the red mug", True),
    ("was there ever a mug in the drawer?", True), ("is my fork in the drawer", True),
    ("could you check whether the fork is in the drawer", True),
    ("is the red mug dirty", None), ("is the blue mug in the drawer", None),
]  # fmt: skip


@pytest.mark.parametrize(("question", "holds"), IS_IT)
def test_yes_no_and_not_known(house: Memory, question: str, holds: bool | None):
    answer = house.ask(question)
    assert (answer.kind, answer.holds) == (AnswerKind.IS_IT, holds)
    assert answer.known == (holds is not None)


BEFORE = [
    ("where was the red mug before", "drawer"), ("where was the red mug?", "drawer"),
    ("where did the red mug use to be", "drawer"), ("Where was the red mug at first?", "drawer"),
    ("where was the red mug 15 seconds ago", "drawer"), ("where was the red mug 5 s ago", "tray"),
    ("Where did the red mug come from?", "drawer"), ("where was the red mug originally", "drawer"),
    ("where was the teapot in the previous run", "shelf"),
]  # fmt: skip


@pytest.mark.parametrize(("question", "holder"), BEFORE)
def test_where_it_was(house: Memory, question: str, holder: str):
    answer = house.ask(question)
    assert answer.kind is AnswerKind.WHERE_BEFORE
    assert holder in {s.holder for s in answer.stays}
    assert {s.holder for s in answer.stays} <= {holder, ""}


@pytest.mark.long
def test_a_shared_memory_answers_the_same(memory: Memory):
    kitchen(memory)
    with Memory(server().url(), embedder=HashingEmbedder(), clock_ns=memory.robo.clock_ns) as shared:
        kitchen(shared)
        tables = (WHERE, INSIDE, IS_IT, BEFORE)
        questions = [row[0] for table in tables for row in table] + CHANGES
        for question in [*questions, "where is the red mug, since when, who saw it", "who saw the fork"]:
            one, other = memory.ask(question), shared.ask(question)
            assert one.text == other.text, question
            assert [c.times for c in one.candidates] == [c.times for c in other.candidates]
            assert (one.tellers, one.moment, one.stays) == (other.tellers, other.moment, other.stays)


def test_nothing_was_before(house: Memory):
    answer = house.ask("where was the fork before?")
    assert (answer.kind, answer.known) == (AnswerKind.WHERE_BEFORE, False)
    assert names(answer) == FORK


CHANGES = [
    "what changed since I left?", "What has changed since I left the kitchen", "anything new since i left",
    "which things changed since I left", "Any news since I left?", "what's been moved since I went out?",
    "did anything change while I was away", "what changed in my absence?", "since I left what changed",
]  # fmt: skip


@pytest.mark.parametrize("question", CHANGES)
def test_what_changed_since_the_person_left(house: Memory, question: str):
    answer = house.ask(question)
    assert (answer.kind, answer.moment) == (AnswerKind.CHANGES, Moment(2, 20 * S))
    assert {c.text for c in answer.changes if c.what == "began"} == {
        "red mug in tray", "blue mug next to red mug", "drawer is open", "fork in drawer",
    }  # fmt: skip
    assert {c.text for c in answer.changes if c.what == "ended"} == {"red mug in drawer", "drawer is closed"}


def test_what_changed_of_other_spans(house: Memory):
    def began(question: str, **more: int) -> set[str]:
        return {c.text for c in house.ask(question, **more).changes if c.what == "began"}

    assert began("what changed in the last 9 seconds") == {"drawer is open", "fork in drawer"}
    assert began("what changed?", since_ns=32 * S) == {"fork in drawer"}
    assert "spoon in drawer" in began("what changed in this run?")
    assert "teapot on shelf" not in began("what changed in this run?")
    assert "teapot on shelf" in began("what changed since the last run")
    assert began("what changed with the drawer since I left") == {"drawer is open", "fork in drawer"}
    assert house.ask("what changed in the last 0.5 s").text == "In the last 0.5 s nothing changed."


def test_since_when_who_and_when_seen(house: Memory):
    for question in ("since when is the fork in the drawer", "How long has the fork been in the drawer?",
                     "when was the fork put in the drawer", "when did the fork get there"):  # fmt: skip
        answer = house.ask(question)
        assert (answer.kind, answer.moment) == (AnswerKind.SINCE_WHEN, Moment(2, 33 * S)), question
    for question in ("who says that the fork is in the drawer", "who told you about the fork?",
                     "who put the fork in the drawer", "How do you know about the fork"):  # fmt: skip
        answer = house.ask(question)
        assert (answer.kind, [t.source for t in answer.tellers]) == (AnswerKind.WHO, ["anna"]), question
    assert house.ask("Since when has the drawer been open?").moment == Moment(2, 32 * S)
    assert house.ask("How long's the red mug been there?").moment == Moment(2, 30 * S)
    who = house.ask("who saw the red mug?").tellers
    assert [(t.source, t.saw) for t in who] == [("lidar", 1), ("camera", 1), ("ben", 1)]
    for question in ("when did you last see the red mug", "When was the red mug last seen?",
                     "when did you see the red mug for the last time", "have you seen the red mug",
                     "have you ever seen the red mug?"):  # fmt: skip
        answer = house.ask(question)
        assert (answer.kind, answer.moment) == (AnswerKind.WHEN_SEEN, Moment(2, 40 * S)), question
    stays = house.ask("where has the red mug been?")
    assert stays.kind is AnswerKind.HISTORY
    assert [s.holder for s in stays.stays if s.holder] == ["drawer", "tray"]


def test_a_source_counts_each_note_once_and_none_that_was_retracted(memory: Memory):
    for t in range(1, 6):
        memory.add("cup", about=["cup"], position=(t * 0.001, 0, 0), stamp_ns=t * S, source="camera")
    memory.relate("cup", "on", "desk", position=(0, 0, 0), stamp_ns=6 * S, source="camera")
    wrong = memory.relate("cup", "in", "box", stamp_ns=7 * S, source="ben")
    assert [(t.source, t.saw, t.said) for t in memory.ask("who saw the cup").tellers] == [
        ("ben", 0, 1), ("camera", 6, 0),
    ]  # fmt: skip
    assert [t.source for t in memory.ask("who says that the cup is on the desk").tellers] == ["camera"]
    memory.retract(wrong)
    (camera,) = memory.ask("who saw the cup").tellers
    assert (camera.first, camera.last) == (Moment(0, 1 * S), Moment(0, 6 * S))


def test_several_questions_at_once(house: Memory):
    for question in ("where is the red mug, since when, who saw it",
                     "Where is the red mug? Since when? And who saw it?",
                     "where is the red mug and since when and who saw it"):  # fmt: skip
        answer = house.ask(question)
        assert [p.kind for p in answer.parts] == [AnswerKind.WHERE, AnswerKind.SINCE_WHEN, AnswerKind.WHO]
        assert answer.candidates[0].position == (0.5, -0.2, 0.02)
        assert answer.parts[1].moment == Moment(2, 30 * S)
        assert {t.source for t in answer.tellers} == {"lidar", "camera", "ben"}
    both = house.ask("is the fork in the drawer and since when")
    assert (both.parts[0].holds, both.parts[1].moment) == (True, Moment(2, 33 * S))


def test_what_was_done_and_why_it_failed(house: Memory):
    assert house.ask("what did you do last?").found[0].record.step.verb == "grasp"
    for question in ("why did it fail?", "what went wrong", "why did grasping the blue mug fail"):
        answer = house.ask(question)
        assert answer.kind is AnswerKind.WHY_FAILED, question
        assert answer.found[0].record.failures[0].cause == "slipped out of the gripper"
    assert house.ask("why did the teapot fail?").kind is AnswerKind.NOTHING


def test_nothing_fits_is_an_answer(house: Memory):
    for question in ("where is the unicorn", "have you seen my keys?", "what is the capital of France",
                     "where is it", "what are you holding?", "who saw the unicorn"):  # fmt: skip
        answer = house.ask(question)
        assert (answer.kind, answer.known, answer.found) == (AnswerKind.NOTHING, False, ()), question
    notes = house.ask("where are the spare batteries kept?")
    assert notes.kind is AnswerKind.NOTES
    assert [r.text for r in notes.found] == ["the spare batteries are kept in the hall cupboard"]
    assert house.ask("where are the spare batteries kept?", min_score=0.999).kind is AnswerKind.NOTHING


def test_two_things_of_one_name_are_both_answered(memory: Memory):
    robo = memory.robo
    seen = [robo.note("spatial", "cup", S, entities=("cup",), position=(x, 0, 0)) for x in (0.0, 0.4)]
    robo.remember(seen)  # both in one frame
    memory.relate("cup #2", "in", "bowl", stamp_ns=2 * S)
    answer = memory.ask("where is the cup?")
    assert sorted(names(answer)) == ["cup", "cup #2"]
    assert names(memory.ask("where is cup #2")) == ["cup #2"]
    assert memory.ask("what is in the bowl").things == ("cup #2",)
    assert names(memory.ask("where is the cup rack?")) == []


def test_whose_it_is_counts(memory: Memory):
    memory.relate("your mug", "in", "tray", stamp_ns=1 * S)
    assert memory.ask("where is my mug?").kind is AnswerKind.NOTHING
    assert names(memory.ask("where is your mug?")) == ["your mug"]


def test_bad_questions_are_refused_in_one_sentence(house: Memory, memory: Memory):
    for call, said in (
        (lambda: house.ask(""), "ask: question"),
        (lambda: house.ask(7), "ask: question: int"),  # type: ignore[arg-type]
        (lambda: house.ask("what changed", since_ns=-1), "ask: since_ns: -1"),
        (lambda: house.ask("where", k=0), "ask: k: 0"),
        (lambda: house.ask("where", min_score=float("nan")), "ask: min_score"),
        (lambda: house.ask("what changed since yesterday"), "say since_ns"),
        (lambda: house.ask("what changed since Anna left"), "no record says when anna left"),
    ):
        with pytest.raises(InvalidQueryError, match=said):
            call()


def test_since_i_left_without_a_record(memory: Memory):
    memory.robo.begin_run(0)
    memory.relate("mug", "in", "tray", stamp_ns=1 * S)
    with pytest.raises(InvalidQueryError, match="no record says when you left; say since_ns"):
        memory.ask("what changed since I left")
    assert memory.ask("what changed since I left", since_ns=0).changes[0].text == "mug in tray"
    memory.robo.begin_run(0)
    memory.relate("mug", "in", "sink", stamp_ns=0)
    texts = [c.text for c in memory.ask("what changed since I left").changes]
    assert texts == ["mug in tray", "mug in sink"]


def test_a_wall_clock_knows_yesterday(tmp_path):
    noon = datetime.now().replace(hour=12, minute=0, second=0, microsecond=0)  # "yesterday" ends at midnight
    now = int(noon.timestamp()) * S
    with Memory(tmp_path / "wall.sqlite3", embedder=HashingEmbedder(), clock_ns=lambda: now) as memory:
        memory.relate("mug", "in", "drawer", stamp_ns=now - 30 * 3600 * S)
        memory.relate("mug", "in", "tray", stamp_ns=now - 60 * S)
        assert memory.ask("what was in the drawer 2 hours ago").things == ("mug",)
        assert memory.ask("where was the mug yesterday").stays[0].holder == "drawer"
        changed = memory.ask("what changed in the last 10 minutes").changes
        assert [c.text for c in changed] == ["mug in drawer", "mug in tray"]
        assert len(memory.ask("what changed since yesterday").changes) >= 2
        assert len(memory.ask("what changed").changes) == 2


def test_any_text_gets_an_answer(house: Memory):
    odd = ["?", "and", "where", "who", "where is", "(((", "[a-z]+ \\1", "what is in", "x" * 5_000]
    odd += ["where is the " + "very " * 90 + "red mug", "\u202ewhere is the mug", "wo ist die Tasse?"]
    for text in odd:
        assert house.ask(text).text
