"""A file of schema version 1 opens as one of this version, and nothing in it is lost."""

import json
import sqlite3

import numpy as np
import pytest

from robomemory import HashingEmbedder, MemoryKind, Query, RoboMemory
from tests.robomemory.old_stores import without_frames

S = 10**9
VERSION_1 = """
CREATE TABLE schema_version (version INTEGER NOT NULL);
CREATE TABLE embedder (name TEXT NOT NULL, dim INTEGER NOT NULL);
CREATE TABLE records (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, stamp_ns INTEGER NOT NULL, text TEXT NOT NULL,
    entities TEXT NOT NULL, position TEXT NOT NULL, triple TEXT NOT NULL,
    confidence REAL NOT NULL, source TEXT NOT NULL,
    vector BLOB NOT NULL, retired INTEGER NOT NULL DEFAULT 0);
CREATE TABLE entities (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, ordinal INTEGER NOT NULL, position TEXT NOT NULL,
    position_ns INTEGER NOT NULL, first_seen_ns INTEGER NOT NULL, last_seen_ns INTEGER NOT NULL,
    confidence REAL NOT NULL, vector BLOB NOT NULL);
CREATE TABLE facts (
    id INTEGER PRIMARY KEY, subject INTEGER NOT NULL, relation TEXT NOT NULL, object INTEGER NOT NULL,
    valid_from_ns INTEGER NOT NULL, valid_until_ns INTEGER, confidence REAL NOT NULL,
    record_id INTEGER NOT NULL);
CREATE TABLE sightings (record_id INTEGER PRIMARY KEY, entity_id INTEGER NOT NULL);
"""


def vector(text):
    return HashingEmbedder().embed([text])[0].astype("<f4").tobytes()


@pytest.fixture
def old(path):
    """What version 1 kept of: a mug seen twice, first in a drawer, then in a tray; steps; two memories."""
    db = sqlite3.connect(path)
    db.executescript(VERSION_1)
    db.execute("INSERT INTO schema_version VALUES (1)")
    db.execute("INSERT INTO embedder VALUES ('hashing-512', 512)")

    def record(key, kind, t, text, names=(), at=None, says=None, retired=0):
        said = [json.dumps(value) for value in (names, at, says)]
        values = (key, kind, t * S, text, *said, 0.9, "detector", vector(text), retired)
        db.execute("INSERT INTO records VALUES (?,?,?,?,?,?,?,?,?,?,?)", values)

    record(1, "spatial", 1, "mug in drawer", ("mug",), (0.5, 0.1, 0.0), ("mug", "in", "drawer"))
    record(2, "spatial", 5, "mug in tray", ("mug",), (0.2, 0.1, 0.0), ("mug", "in", "tray"))
    record(3, "temporal", 1, "opened the drawer", retired=1)
    record(4, "temporal", 5, "closed the drawer")
    record(5, "episodic", 6, "put the mug in the tray: success")
    record(6, "semantic", 6, "mugs are fragile")
    for key, name, at, t in ((1, "mug", (0.2, 0.1, 0.0), 5), (2, "drawer", None, 0), (3, "tray", None, 0)):
        values = (key, name, 1, json.dumps(at), t * S, S, 5 * S, 0.9, vector(name))
        db.execute("INSERT INTO entities VALUES (?,?,?,?,?,?,?,?,?)", values)
    db.execute("INSERT INTO facts VALUES (1, 1, 'in', 2, ?, ?, 0.9, 1)", (S, 5 * S))
    db.execute("INSERT INTO facts VALUES (2, 1, 'in', 3, ?, NULL, 0.9, 2)", (5 * S,))
    db.executemany("INSERT INTO sightings VALUES (?, 1)", [(1,), (2,)])
    db.commit()
    db.close()
    return path


def test_a_store_of_version_1_is_brought_up_to_date(old, note):
    for _ in range(2):  # the second time it is one of this version
        with RoboMemory(old, embedder=HashingEmbedder()) as memory:
            assert [r.id for r in memory.records()] == [1, 2, 3, 4, 5, 6]
            assert memory.records(MemoryKind.SPATIAL)[1].position == (0.2, 0.1, 0.0)
            assert {str(f) for f in memory.scene().facts} == {"mug in tray"}
            assert memory.where_is("mug").position == (0.2, 0.1, 0.0)
            assert memory.where_was("mug").facts == ("mug in drawer",)
            assert memory.where_was("mug", 2 * S).position == (0.5, 0.1, 0.0)
            assert memory.inside("drawer", 2 * S) == ("mug",)
            assert [s.text for s in memory.steps()] == ["closed the drawer"]
            assert memory.recall([Query("fragile", kinds={"semantic"})])[0].text == "mugs are fragile"
            assert memory.recall([Query("tray", kinds={"episodic"})])[0].record.id == 5
    with RoboMemory(old, embedder=HashingEmbedder()) as memory:
        memory.remember([note("episodic", "a new one", 9)])
        assert memory.records()[-1].id == 7


def test_a_migration_that_fails_changes_nothing(old):
    with sqlite3.connect(old) as db:
        db.execute("UPDATE entities SET position = 'not json' WHERE id = 1")
    db.close()
    before = dump(old)
    with pytest.raises(ValueError, match="Expecting value"):
        RoboMemory(old, embedder=HashingEmbedder())
    assert dump(old) == before


def dump(path):
    db = sqlite3.connect(path)
    lines = list(db.iterdump())
    db.close()
    return lines


def test_the_embedder_of_a_store_is_chosen_by_its_name(old):
    with RoboMemory(old) as memory:  # not the default one
        assert memory.recall([Query("fragile", kinds={"semantic"})])
        assert np.isclose(
            memory.recall([Query("mugs are fragile", kinds={"semantic"})])[0].score, 0.95, atol=0.01
        )


def test_a_store_of_version_5_gets_an_identity_and_keeps_its_merges(path, note):
    with RoboMemory(path, embedder=HashingEmbedder()) as memory:
        memory.remember(
            [note("spatial", "a", 1, "mug", at=(0, 0, 0)), note("spatial", "b", 2, "cup", at=(1, 0, 0))]
        )
        memory.merge("cup", "mug")
        before = memory.scene()
    with sqlite3.connect(path) as db:
        without_frames(db)
        db.execute("UPDATE schema_version SET version = 5")
    db.close()
    ids = []
    for _ in range(2):  # the second time it is one of this version
        with RoboMemory(path, embedder=HashingEmbedder()) as memory:
            assert memory.scene() == before
            assert {r.frame for r in memory.records()} == {""}
        with sqlite3.connect(path) as db:
            ids += [db.execute("SELECT value FROM about WHERE name = 'store_id'").fetchone()[0]]
            assert db.execute("SELECT gone, kept FROM merges").fetchall() == [(2, 1)]
        db.close()
    assert ids[0]
    assert ids[0] == ids[1]
