"""What every store has to do, whatever it keeps its rows in: one suite for the file and for PostgreSQL.

PostgreSQL is among the long tests, and is skipped with a message where no server can be started.
"""

from __future__ import annotations

import pytest

from robomemory import (
    HashingEmbedder,
    InvalidNoteError,
    InvalidQueryError,
    MemoryKind,
    Note,
    Query,
    RoboMemory,
)
from robomemory.store.backend import Backend
from robomemory.store.exchange import from_lines, to_lines
from tests.robomemory.conftest import S


def says(note, text, t, **more):
    subject, relation, obj = text.split("|")
    return note("spatial", text, t, says=(subject, relation, obj), **more)


def facts(scene):
    return {str(fact) for fact in scene.facts}


@pytest.fixture
def told(memory, note) -> RoboMemory:
    """A mug in the tray, the drawer and the tray again; the drawer came late."""
    for where, t in (("tray", 1), ("tray", 5), ("drawer", 3)):
        memory.remember([says(note, f"mug|in|{where}", t)])
    return memory


def test_it_is_a_backend(memory):
    assert isinstance(memory._store, Backend)


def test_all_kinds_are_remembered_and_recalled(memory, note, both):
    keys = memory.remember(
        [
            note("spatial", "a mug", 1, "mug", at=(0.5, 0, 0)),
            note("temporal", "picked the mug", 2),
            note("episodic", "lifted the mug: success", 3),
            note("semantic", "mugs are fragile", 4),
        ]
    )
    assert len(set(keys)) == 4
    for m in both():
        for key, kind in zip(keys, MemoryKind, strict=True):
            answer = m.recall([Query("mug", kinds={kind})], timeout_s=30)
            assert [r.record.id for r in answer] == [key], (kind, dict(answer.missing))
            assert m.record(key).kind == kind
        assert m.status().records == dict.fromkeys(MemoryKind, 1)


def test_a_call_with_a_bad_note_keeps_nothing(memory, note):
    before = memory.revision()
    with pytest.raises(InvalidNoteError, match="position"):
        memory.remember(
            [note("semantic", "good", 1), note("spatial", "bad", 1, "mug", at=(0, float("nan"), 0))]
        )
    assert memory.records() == ()
    assert memory.revision() == before


def test_late_notes_fall_into_their_place(told, both):
    for m in both():
        stays = [(s.holder, s.from_ns // S, s.until_ns and s.until_ns // S) for s in m.history("mug")]
        assert stays == [("tray", 1, 3), ("drawer", 3, 5), ("tray", 5, None)]


def test_scenes_of_another_time(told, both):
    for m in both():
        assert facts(m.scene()) == {"mug in tray"}
        assert facts(m.scene(at_ns=4 * S)) == {"mug in drawer"}
        assert m.inside("drawer", 4 * S) == ("mug",)
        assert m.where_was("mug", 4 * S).facts == ("mug in drawer",)


def test_what_was_known_at_another_time(memory, note, both):
    memory.remember([says(note, "mug|in|tray", 1)])
    known = memory._store.latest().recorded_ns
    (wrong,) = memory.remember([says(note, "mug|in|sink", 2)])
    error = memory._store.latest().recorded_ns
    memory.retract(wrong)
    for m in both():
        assert facts(m.scene()) == {"mug in tray"}
        assert facts(m.scene(known_ns=known)) == {"mug in tray"}
        assert facts(m.scene(known_ns=error)) == {"mug in sink"}


def test_changes(told, both):
    for m in both():
        found = [(c.stamp_ns // S, c.what, c.text) for c in m.changes(2 * S)]
        assert found == [
            (3, "ended", "mug in tray"), (3, "began", "mug in drawer"),
            (5, "ended", "mug in drawer"), (5, "began", "mug in tray"),
        ]  # fmt: skip


def test_what_is_forgotten_is_gone(memory, note, both):
    keys = memory.remember([says(note, "mug|in|tray", 1), note("episodic", "secret lift", 2)])
    (other,) = memory.remember([says(note, "mug|in|drawer", 3)])
    assert memory.forget(ids=[other, keys[1]]) == 2
    for m in both():
        assert facts(m.scene()) == {"mug in tray"}
        assert m.scene().past == ()
        assert m.where_is("drawer") is None
        assert [r.id for r in m.records()] == [keys[0]]
        assert not m.recall([Query("secret lift", kinds={"episodic"})], timeout_s=30)
    with pytest.raises(InvalidQueryError, match="no rule"):
        m.forget()


def test_what_is_retracted_was_never_true(told, note, both):
    (wrong,) = told.remember([says(note, "mug|in|sink", 7)])
    told.retract(wrong)
    with pytest.raises(InvalidQueryError, match="no record that stands"):
        told.retract(wrong)
    for m in both():
        assert facts(m.scene()) == {"mug in tray"}
        assert len(m.history("mug")) == 3
        assert m.record(wrong) is None
        assert wrong in {r.id for r in m.records()}


def test_a_merge_and_its_undoing(memory, note, both):
    memory.remember([says(note, "mug|in|drawer", 1)])
    memory.remember([says(note, "cup|on|table", 2)])
    alone = memory.scene()
    (key,) = memory.remember([says(note, "cup|same as|mug", 3)])
    for m in both():
        assert facts(m.scene()) == {"mug on table"}
        assert m.where_is("cup") == m.where_is("mug")
    known = m._store.latest().recorded_ns
    m.remember([says(note, "cup|not the same as|mug", 9)])
    assert facts(m.scene()) == {"mug in drawer", "cup on table"}
    assert facts(m.scene(known_ns=known)) == {"mug on table"}
    m.retract(m.records()[-1].id)
    assert facts(m.scene()) == {"mug on table"}
    m.retract(key)
    assert (m.scene().objects, facts(m.scene())) == (alone.objects, facts(alone))


def test_an_empty_region(memory, note, both):
    memory.remember([note("spatial", "mug", 1, "mug", at=(0.5, 0, 0))])
    memory.not_seen(((0.5, 0, 0), 0.2), 2 * S)
    for m in both():
        assert m.where_is("mug").position is None
        assert m.where_was("mug", S).position == (0.5, 0, 0)


def test_export_and_import(told, note, both):
    told.remember([note("episodic", "lifted the mug", 6), says(note, "cup|same as|mug", 7)])
    for m in both():
        lines = list(to_lines(m))
        with RoboMemory(":memory:", embedder=HashingEmbedder()) as copy:
            assert from_lines(copy, lines) == len(lines) == 5
            assert list(to_lines(copy)) == lines
            assert copy.scene() == m.scene()


def test_runs_are_numbered_and_a_later_one_is_newer(memory, note, reopen):
    assert memory.begin_run(0) == 1
    memory.remember([says(note, "mug|in|drawer", 100)])
    assert memory.begin_run(0) == 2
    memory.remember([says(note, "mug|in|tray", 1)])
    memory = reopen()
    assert memory.begin_run(0) == 3
    assert facts(memory.scene()) == {"mug in tray"}
    assert facts(memory.scene(at_ns=200 * S, run=1)) == {"mug in drawer"}
    memory.remember([Note("spatial", "late", 150 * S, triple=("mug", "in", "sink"), run=1)])
    assert facts(memory.scene()) == {"mug in tray"}
    assert [s.holder for s in memory.history("mug")] == ["drawer", "sink", "tray"]


def test_metadata(memory, note, both):
    (key,) = memory.remember([note("semantic", "mugs are fragile", 1)])
    memory.annotate(key, {"room": "kitchen", "floor": 2})
    for m in both():
        assert m.record(key).metadata == {"room": "kitchen", "floor": 2}
    with pytest.raises(InvalidQueryError, match="no record that stands"):
        m.annotate(key + 1, {})


def test_common_words_decide_among_many_that_hold_a_rare_one(memory, note, both):
    """Word by word "red" is too common to be looked up, and "torch" is held by sixty."""
    texts = [f"a red box number {i}" for i in range(320)] + [f"a blue torch number {i}" for i in range(59)]
    for start in range(0, len(texts), 100):
        memory.remember([note("episodic", text, start + 1) for text in texts[start : start + 100]])
    (key,) = memory.remember([note("episodic", "quite a long text on how one red torch was found", 500)])
    for m in both():
        assert m._store.by_words(MemoryKind.EPISODIC, "where is the red torch", 18)[0] == key
