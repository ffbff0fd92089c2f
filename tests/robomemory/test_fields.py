"""Steps, failures and lessons are fields: kept, recalled, written out, read from the texts of old stores."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace

import pytest

from robomemory import (
    Failure,
    HashingEmbedder,
    InvalidNoteError,
    MemoryKind,
    MemoryRecord,
    Note,
    Query,
    RoboMemory,
    StepDone,
)
from robomemory.store.backup import backup_store
from robomemory.store.exchange import from_lines, to_lines
from robomemory.store.old_texts import fields_of
from tests.robomemory.old_stores import without_evidence

PLACED = StepDone("place", "red cube", "in", "tray", "reached")
FAILURES = (Failure("grasp", "red cube", "on table", "it slipped; twice"), Failure("open", "box", "", ""))
LESSON = ("red cube", "is usually kept in the", "left drawer")
NOTES = (
    Note("temporal", "the cube is in its place", 1, run=1, step=PLACED),
    Note("episodic", "tidy up: failure (why)", 2, ("red cube",), run=1, failures=FAILURES),
    Note("semantic", "the cube lives in the drawer", 3, triple=LESSON, run=1),
    Note("spatial", "a mug in the box", 4, triple=("mug", "in", "box"), run=1),
)
OLD_TEXTS = {
    "temporal": "place the red cube in the tray: reached after 3.2 s",
    "episodic": (
        "put it away: failure (why); done: open the box;"
        " failed step: grasp | red cube | on table | it slipped; failed step: open | box |  | unknown"
    ),
    "semantic": "lesson: red cube is usually kept in the left drawer",
}


def check(memory: RoboMemory) -> None:
    temporal, episodic, semantic, spatial = memory.records()
    assert (temporal.step, temporal.failures) == (PLACED, ())
    assert (episodic.step, episodic.failures) == (None, FAILURES)
    assert semantic.triple == LESSON
    assert spatial.triple == ("mug", "in", "box")
    for record in (temporal, episodic, semantic):
        (found,) = memory.recall([Query(record.text, {record.kind}, k=1)])
        assert found.record == record
    assert memory.steps() == (temporal,)


def test_fields_are_kept_and_recalled(both, memory):
    memory.remember(NOTES)
    for each in both():
        check(each)


def test_fields_go_out_as_lines_and_come_back(memory):
    memory.remember(NOTES)
    lines = list(to_lines(memory))
    with RoboMemory(":memory:", embedder=HashingEmbedder()) as copy:
        assert from_lines(copy, lines) == len(NOTES)
        check(copy)
        assert list(to_lines(copy)) == lines


def test_lines_of_an_older_version_are_read_by_their_texts(memory):
    lines = []
    for stamp, (kind, text) in enumerate(OLD_TEXTS.items(), 1):
        record = MemoryRecord(0, MemoryKind(kind), stamp, text)
        old = ("kind", "text", "stamp_ns", "entities", "position", "triple", "confidence", "source")
        lines.append(json.dumps({name: getattr(record, name) for name in old}))
    assert from_lines(memory, lines) == 3
    check_old(memory)


@pytest.mark.parametrize("field", ["step", "failures"])
def test_a_line_with_a_field_that_is_none_is_named(memory, field):
    memory.remember(NOTES[:1])
    (line,) = to_lines(memory)
    for wrong in ("words", 5, {"act": "grasp"}, [5]):
        with pytest.raises(InvalidNoteError, match="line 1"):
            from_lines(memory, [json.dumps(json.loads(line) | {field: wrong})])


def test_a_lesson_does_not_leak_into_the_graph(memory):
    memory.remember(NOTES)
    scene = memory.scene()
    assert [str(fact) for fact in scene.facts] == ["mug in box"]
    assert {thing.name for thing in scene.objects} == {"mug", "box"}
    assert memory.where_is("red cube") is None
    assert memory.recall([Query("red cube", {"spatial"})]) == []


def test_a_lesson_in_words_alone_gives_way_to_the_same_with_values(memory):
    text = OLD_TEXTS["semantic"]
    memory.remember([Note("semantic", text, 1)])
    memory.remember([Note("semantic", text, 2, triple=LESSON)])
    memory.remember([Note("semantic", text, 3)])
    (found,) = memory.recall([Query(text, {"semantic"})])
    assert (found.record.triple, found.record.stamp_ns) == (LESSON, 3)


# --- stores written before ---
def check_old(memory: RoboMemory) -> None:
    temporal, episodic, semantic = memory.records()
    assert temporal.step == PLACED
    assert episodic.failures == (
        Failure("grasp", "red cube", "on table", "it slipped"),
        Failure("open", "box", "", "unknown"),
    )
    assert semantic.triple == LESSON
    assert [r.text for r in memory.records()] == list(OLD_TEXTS.values())


@pytest.fixture
def old(path):
    """A store of version 3: as one of this version, without the fields."""
    with RoboMemory(path, embedder=HashingEmbedder()) as memory:
        memory.remember([Note(kind, text, 1) for kind, text in OLD_TEXTS.items()])
    with sqlite3.connect(path) as db:
        without_evidence(db)
        for column in ("step", "failures"):
            db.execute(f"ALTER TABLE records DROP COLUMN {column}")
        db.execute("UPDATE schema_version SET version = 3")
    db.close()
    return path


def test_a_store_of_version_3_gets_fields_from_its_texts(old, tmp_path):
    copy = backup_store(old, tmp_path / "copy.sqlite3")  # of the old version, too
    for path in (old, old, copy):
        with RoboMemory(path, embedder=HashingEmbedder()) as memory:
            check_old(memory)
            (found,) = memory.recall([Query("where is the red cube kept", {"semantic"})])
            assert found.record.triple == LESSON


def test_a_texts_form_is_read_in_the_migration_only(memory):
    memory.remember([Note(kind, text, 1) for kind, text in OLD_TEXTS.items()])
    assert all((r.triple, r.step, r.failures) == (None, None, ()) for r in memory.records())


@pytest.mark.long
def test_a_scene_on_a_server_gets_fields_from_its_texts():
    from tests.postgres import server

    url = server().url()
    with RoboMemory(url, embedder=HashingEmbedder()) as memory:
        memory.remember([Note(kind, text, 1) for kind, text in OLD_TEXTS.items()])
        with memory._store._links.use("change") as db:
            without_evidence(db)
            for column in ("step", "failures"):
                db.execute(f"ALTER TABLE records DROP COLUMN {column}")
            db.execute("UPDATE schema_version SET version = 2")
    for _ in range(2):
        with RoboMemory(url, embedder=HashingEmbedder()) as memory:
            check_old(memory)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("semantic", "note: lesson: red cube is usually kept in the left drawer"),
        ("semantic", "lesson: \u200b needs the act \u200b"),
        ("temporal", "Earlier: place the red cube in the tray: reached"),
        ("temporal", "place the red cube in the tray: failed"),
        ("temporal", "place the \u200b in the tray: reached"),
        ("episodic", "failed step: grasp | blue mug | on table | x: success (done)"),
        ("spatial", "lesson: red cube needs the act grasp gently"),
    ],
)
def test_a_text_of_another_form_has_no_fields(kind, text):
    assert fields_of(kind, text) == (None, None, ())


# --- the note ---
def test_a_memory_makes_its_own_notes(memory):
    step = ("place", "red cube", "in", "tray", "reached")
    note = memory.note(
        "temporal", "done", 5, entities=("red cube",), position=(0.1, 0.2, 0.3), source="agent", run=2,
        step=step, failures=(("grasp", "red cube", "on table", "it slipped"),),
    )  # fmt: skip
    assert note == Note(
        "temporal", "done", 5, ("red cube",), (0.1, 0.2, 0.3), None, 1.0, "agent", 2, StepDone(*step),
        (Failure("grasp", "red cube", "on table", "it slipped"),),
    )  # fmt: skip
    assert memory.note("semantic", "x", 1, triple=LESSON).triple == LESSON
    assert memory.note("temporal", "x", 1, step=(*step, "seen")).step == replace(PLACED, cause="seen")


@pytest.mark.parametrize(
    "more",
    [
        {"step": ("place", "red cube")},
        {"step": "place the red cube"},
        {"step": ("", "red cube", "in", "tray", "reached")},
        {"step": ("place", 5, "in", "tray", "reached")},
        {"failures": "grasp"},
        {"failures": (("grasp", "red cube"),)},
        {"failures": (("", "red cube", "", ""),)},
        {"failures": [("grasp", "a\0b", "", "")]},
        {"failures": [("grasp", "x", "", "")] * 1_001},
    ],
)
def test_what_is_no_step_and_no_failure_is_refused(memory, more):
    with pytest.raises(InvalidNoteError, match=r"step|failures|StepDone|Failure"):
        memory.note("temporal", "x", 1, **more)
    with pytest.raises(InvalidNoteError, match=r"notes\[0\]"):
        memory.remember([replace(Note("temporal", "x", 1), **more)])
    assert memory.records() == ()


def test_a_note_of_another_type_needs_no_fields_of_ours(memory):
    class Duck:
        kind, text, stamp_ns, entities, position = "episodic", "quack", 1, (), None
        triple, confidence, source = None, 1.0, ""

    memory.remember([Duck()])
    (record,) = memory.records()
    assert (record.step, record.failures, record.run) == (None, (), 0)
