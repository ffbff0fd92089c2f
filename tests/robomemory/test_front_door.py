"""``Memory``, as whoever knows other libraries of this kind uses it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from robomemory import HashingEmbedder, InvalidNoteError, InvalidQueryError, Memory, MemoryClosedError

S = 10**9


@pytest.fixture
def memory(tmp_path):
    clock = itertools.count(1_000 * S, S).__next__
    with Memory(tmp_path / "scene.sqlite3", embedder=HashingEmbedder(), clock_ns=clock) as opened:
        yield opened


def test_what_is_added_is_got_found_and_gone(memory):
    one = memory.add("Anna prefers the left tray", metadata={"user": "anna", "weight": 2})
    two = memory.add("put the mug away: success", kind="episodic", source="agent")
    assert memory.get(one).text == "Anna prefers the left tray"
    assert memory.get(one).metadata == {"user": "anna", "weight": 2}
    assert memory.find("which tray does Anna prefer")[0].id == one
    assert [f.id for f in memory.find(metadata={"user": "anna"})] == [one]
    assert [f.id for f in memory.find(source="agent")] == [two]
    assert memory.find("tray", metadata={"user": "ben"}) == ()
    assert memory.forget(one) == 1
    assert memory.get(one) is None
    assert memory.find("which tray does Anna prefer", kinds={"semantic"}) == ()


def test_a_name_that_two_things_have_gives_two_candidates(memory):
    memory.add("a red mug", about=["red mug"], position=(0.1, 0, 0), stamp_ns=5 * S, source="camera")
    memory.add("a red mug", about=["red mug"], position=(0.1, 0, 0), stamp_ns=9 * S, source="lidar")
    memory.add("a blue mug", about=["blue mug"], position=(0.5, 0, 0), stamp_ns=6 * S, confidence=0.5)
    memory.relate("red mug", "in", "tray", stamp_ns=9 * S)
    red, blue = memory.where("mug")
    assert (red.name, red.position, red.facts) == ("red mug", (0.1, 0, 0), ("red mug in tray",))
    assert (red.first_seen_ns, red.last_seen_ns, red.times, red.age_s) == (5 * S, 9 * S, 3, 0.0)
    assert red.sources == ("camera", "lidar")
    assert (blue.name, blue.confidence, blue.age_s) == ("blue mug", 0.5, 3.0)
    assert all(memory.get(key) is not None for key in (*red.record_ids, *blue.record_ids))
    assert memory.where("unicorn") == ()


def test_facts_begin_end_and_are_taken_back(memory):
    one = memory.relate("mug", "in", "drawer", stamp_ns=1 * S)
    two = memory.relate("mug", "stored in", "the cupboard", stamp_ns=5 * S)
    known = memory.robo.status().updated_ns
    assert memory.at(3 * S).where("mug").facts == ("mug in drawer",)
    assert memory.at(6 * S).inside("cupboard") == ("mug",)
    assert [(c.what, c.text) for c in memory.changes(2 * S)] == [
        ("ended", "mug in drawer"), ("began", "mug in cupboard"),
    ]  # fmt: skip
    memory.retract(two)
    assert memory.where("mug")[0].facts == ("mug in drawer",)
    assert memory.at(6 * S, known=known).where("mug").facts == ("mug in cupboard",)
    assert memory.at(6 * S, known=known).inside("cupboard") == ("mug",)
    memory.relate("mug", "no longer in", "drawer", stamp_ns=9 * S)
    assert memory.where("mug")[0].facts == ()
    assert [s.holder for s in memory.history("mug")] == ["drawer"]
    assert memory.get(one) is not None


def test_a_record_is_corrected(memory):
    key = memory.relate("mug", "in", "drawer", stamp_ns=1 * S, metadata={"shift": "early"})
    assert memory.update(key, metadata={"shift": "late"}) == key
    assert memory.get(key).metadata == {"shift": "late"}
    new = memory.update(key, text="mug in tray", triple=("mug", "in", "tray"))
    assert new != key
    assert memory.get(key) is None
    assert memory.get(new).metadata == {"shift": "late"}
    assert memory.where("mug")[0].facts == ("mug in tray",)
    for call in (
        lambda: memory.update(key, text="gone"), lambda: memory.update(new),
        lambda: memory.update(new, kind="episodic"),
        lambda: memory.update(new, confidence=2.0), lambda: memory.update(new, metadata={"a": [1]}),
    ):  # fmt: skip
        with pytest.raises((InvalidQueryError, InvalidNoteError)):
            call()
    assert memory.where("mug")[0].facts == ("mug in tray",)


def test_a_corrected_position_is_of_the_same_thing(memory):
    one = memory.add("a cup", about=["cup"], position=(0.1, 0, 0), stamp_ns=5 * S)
    two = memory.update(one, position=(9, 9, 9))
    (cup,) = memory.where("cup")
    assert (cup.name, cup.position, cup.record_ids) == ("cup", (9, 9, 9), (two,))
    assert [stay.position for stay in memory.history("cup")] == [(9, 9, 9)]


def test_of_what_was_taken_back_nothing_is_known(memory):
    memory.retract(memory.add("a cup", about=["cup"], position=(0.1, 0, 0), stamp_ns=5 * S))
    assert memory.where("cup") == ()
    assert memory.robo.where_is("cup") is None
    assert not memory.ask("where is the cup?").known
    memory.add("a cup", about=["cup"], position=(1, 0, 0), stamp_ns=6 * S)
    assert [c.name for c in memory.where("cup")] == ["cup"]


def test_numbers_of_numpy_and_names_without_letters(memory):
    memory.add("coffee", about=["\u2615"], position=np.float32([0.5, 0, 0]), stamp_ns=np.int64(5))
    memory.add("coffee is brewed at nine")
    assert len(memory.find("coffee is brewed", k=np.int64(1))) == 1
    assert memory.ask("where is the \u2615?").candidates[0].position == (0.5, 0, 0)


def test_nothing_fits_is_an_answer(memory):
    memory.add("the drawer sticks")
    assert memory.find("where is the unicorn", min_score=0.9) == ()
    assert memory.find("the drawer sticks", min_score=0.9)[0].score > 0.9


def test_finding_by_place_time_and_relation_without_words(memory):
    for i in range(60):
        spot = (0.02 * i, 0, 0) if i < 6 else (1 + 0.05 * i, 0, 0)
        memory.add(f"thing{i}", about=[f"thing{i}"], position=spot, stamp_ns=(i + 1) * S)
    memory.relate("thing0", "left of", "thing1", stamp_ns=61 * S)
    assert len(memory.find(near=((0, 0, 0), 0.2))) == 6
    assert len(memory.find(near=((0, 0, 0), 0.2), k=2)) == 2
    assert len(memory.find(box=((0, -1, -1), (0.05, 1, 1)))) == 3
    assert len(memory.find(between=(1, 60 * S))) == 60
    assert [f.text for f in memory.find(relation="to the left of")] == ["thing0 left of thing1"]


def test_what_is_not_seen(memory):
    memory.add("a mug", about=["mug"], position=(0.1, 0, 0), stamp_ns=1 * S)
    memory.not_seen(((0, 0, 0), 0.5), stamp_ns=5 * S)
    assert memory.where("mug")[0].position is None


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.find(), lambda m: m.find("a", k=0), lambda m: m.find("a", k=True),
        lambda m: m.find(box=5), lambda m: m.find(box=((1, 1, 1), (0, 0, 0))),
        lambda m: m.find("", near=((0, 0, 0), -1)),
        lambda m: m.get(-1), lambda m: m.get("1"), lambda m: m.where(""), lambda m: m.at(-1),
        lambda m: m.at(1, known="now"), lambda m: m.retract(99), lambda m: m.retract(None),
        lambda m: m.forget(), lambda m: m.add(""), lambda m: m.add("a", kind="dream"),
        lambda m: m.add("a", metadata=[1]), lambda m: m.add("a", metadata={"": 1}),
        lambda m: m.add("a", metadata={"x": float("nan")}), lambda m: m.add("a", metadata={"x": "\0"}),
        lambda m: m.relate("mug", "", "tray"), lambda m: m.relate("mug", "in", "tray", confidence=2),
        lambda m: m.find(kinds={"dreams"}, source="a"), lambda m: m.add("a", about="mug"),
    ],
)  # fmt: skip
def test_bad_input_gets_one_clear_sentence(memory, call):
    with pytest.raises((InvalidQueryError, InvalidNoteError)) as told:
        call(memory)
    assert str(told.value).isprintable()
    assert memory.robo.records() == ()


def test_after_closing_it_says_so(memory):
    memory.close()
    with pytest.raises(MemoryClosedError):
        memory.add("a")
