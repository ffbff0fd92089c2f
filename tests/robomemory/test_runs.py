"""A clock that begins anew: what is of a later run is newer, whatever its stamps say."""

import sqlite3

import pytest

from robomemory import (
    HashingEmbedder,
    InvalidNoteError,
    InvalidQueryError,
    MemoryKind,
    MemoryRecord,
    Query,
    RoboMemory,
)
from robomemory.store.exchange import from_lines, to_lines
from robomemory.timestamps import MAX_RUN, MOST_AHEAD, WALL_NS
from tests.postgres import server
from tests.robomemory.old_stores import without_evidence

S = 10**9


def facts(scene):
    return {str(f) for f in scene.facts}


def test_an_earlier_stamp_of_a_later_run_wins(memory, note, both):
    assert memory.begin_run(0) == 1
    memory.remember([note("spatial", "a", 100, "mug", at=(0.1, 0, 0), says=("mug", "in", "drawer"))])
    assert memory.begin_run(0) == 2
    memory.remember([note("spatial", "b", 5, "mug", at=(0.7, 0, 0), says=("mug", "in", "tray"))])
    for m in both():
        assert facts(m.scene()) == {"mug in tray"}
        assert m.where_is("mug").position == (0.7, 0, 0)
        assert (m.where_is("mug").stamp_ns, m.where_is("mug").run) == (5 * S, 2)
        assert m.where_was("mug").facts == ("mug in drawer",)
        assert [(s.holder, s.run, s.from_ns) for s in m.history("mug") if s.holder] == [
            ("drawer", 1, 100 * S),
            ("tray", 2, 5 * S),
        ]
        (ended,) = m.scene().past
        assert (ended.run, ended.until_run, ended.valid_until_ns) == (1, 2, 5 * S)
        assert [r.record.run for r in m.recall([Query("mug", kinds={"spatial"})], timeout_s=30)][:1] == [2]


def test_a_late_note_stays_late_within_its_run(memory, note, both):
    memory.begin_run(0)
    memory.remember([note("spatial", "a", 900, "mug", at=(0.1, 0, 0), says=("mug", "in", "drawer"))])
    memory.begin_run(0)
    memory.remember([note("spatial", "b", 9, "mug", at=(0.7, 0, 0), says=("mug", "in", "tray"))])
    memory.remember([note("spatial", "c", 4, "mug", at=(0.4, 0, 0), says=("mug", "in", "box"))])
    for m in both():
        assert facts(m.scene()) == {"mug in tray"}
        assert m.where_is("mug").position == (0.7, 0, 0)
        assert facts(m.scene(at_ns=5 * S)) == {"mug in box"}
        assert facts(m.scene(at_ns=1 * S)) == facts(m.scene(at_ns=950 * S, run=1)) == {"mug in drawer"}


def test_a_note_that_names_an_earlier_run_is_late(memory, note, both):
    first = memory.begin_run(0)
    second = memory.begin_run(0)
    assert (first, second) == (1, 2)
    new = MemoryRecord(0, MemoryKind.SPATIAL, 1, "a", (), None, ("mug", "in", "tray"), run=second)
    old = MemoryRecord(0, MemoryKind.SPATIAL, 9 * S, "b", (), None, ("mug", "in", "drawer"), run=first)
    memory.remember([new])
    memory.remember([old])
    for m in both():
        assert facts(m.scene()) == {"mug in tray"}
        assert facts(m.scene(at_ns=9 * S, run=1)) == {"mug in drawer"}


def test_steps_recall_and_retention_follow_the_runs(memory, note, both):
    for run in (1, 2, 3):
        assert memory.begin_run(0) == run
        memory.remember(
            [note(kind, f"wiped table {run} {i}", 100 - run * 10 + i) for i in range(3)
             for kind in ("temporal", "episodic")]
        )  # fmt: skip
    for m in both():
        assert [r.text for r in m.steps()] == [
            f"wiped table {run} {i}" for run in (1, 2, 3) for i in range(3)
        ]
        last = m.recall([Query("the last table that was wiped", kinds={"episodic"}, k=3)], timeout_s=30)
        assert last[0].text.startswith("wiped table 3"), [r.text for r in last]
        span = (0, 10**12)
        within = m.recall([Query("wiped", kinds={"episodic"}, k=50, between=span, run=2)], timeout_s=30)
        assert {r.record.run for r in within} == {2}
        assert {r.record.run for r in m.recall([Query("wiped", k=50, between=span)], timeout_s=30)} == {3}
    assert m.forget(kinds={"episodic"}, keep=4) == 5
    assert [r.run for r in m.records(MemoryKind.EPISODIC)] == [2, 3, 3, 3]
    assert m.forget(kinds={"episodic"}, before_ns=0) == 1  # whatever their stamps, older runs are older
    assert m.forget(kinds={"temporal"}, before_ns=10**12, run=1) == 3


def test_the_newer_truth_is_the_one_of_the_later_run(memory, note, both):
    memory.begin_run(0)
    memory.remember([note("semantic", "Anna prefers the left tray", 50)])
    memory.begin_run(0)
    memory.remember([note("semantic", "Anna prefers the right tray", 2)])
    for m in both():
        known = m.recall([Query("which tray does Anna prefer", kinds={"semantic"})], timeout_s=30)
        assert [r.text for r in known] == ["Anna prefers the right tray"]


def test_a_wall_clock_begins_no_run_of_its_own(memory, reopen):
    assert memory.begin_run(0) == 1
    assert memory.begin_run(WALL_NS) == 2
    assert memory.begin_run(WALL_NS + 5) == 2
    assert reopen().begin_run(WALL_NS + 7) == 2  # another robot, or another day
    assert reopen().begin_run(3) == 3
    assert reopen().begin_run(WALL_NS) == 4


@pytest.mark.parametrize("start", [-1, 2**63, 1.5, None, "0", True, float("nan"), 10**30])
def test_a_bad_start_of_a_run_is_told(memory, start):
    with pytest.raises(InvalidQueryError, match="begin_run: start_ns"):
        memory.begin_run(start)
    assert memory.begin_run(0) == 1


def test_a_run_that_a_note_names_and_nobody_began(memory, note, reopen):
    memory.remember([MemoryRecord(0, MemoryKind.EPISODIC, 1, "from far away", run=7)])
    assert reopen().begin_run(0) == 8
    for run in (-1, MAX_RUN + 1, 1.5):
        with pytest.raises(ValueError, match="run"):
            memory.remember([MemoryRecord(0, MemoryKind.EPISODIC, 1, "a", run=run)])


def test_no_note_uses_up_the_numbers_of_runs(memory, note, both):
    memory.begin_run(0)
    for run in (MAX_RUN, MAX_RUN - 1, MOST_AHEAD + 2):
        far = MemoryRecord(0, MemoryKind.EPISODIC, 1, "from nowhere", run=run)
        with pytest.raises(InvalidNoteError, match=rf"notes\[1\]: run {run}, expected at most 1000001"):
            memory.remember([note("episodic", "a"), far])
    for m in both():
        assert m.records() == ()
    memory = m
    assert memory.begin_run(0) == 2


def test_facts_of_an_earlier_run_end_once_this_one_has_lasted_long_enough(reopen, note):
    memory = reopen(expire_s=100)
    memory.begin_run(0)
    memory.remember([note("spatial", "a", 1000, says=("spoon", "in", "drawer"))])
    memory.begin_run(0)
    memory.remember([note("spatial", "b", 50, says=("mug", "in", "tray"))])
    assert facts(memory.scene()) == {"spoon in drawer", "mug in tray"}  # nobody knows how old that is
    memory.remember([note("spatial", "c", 120, says=("cup", "on", "shelf"))])
    assert facts(memory.scene()) == {"mug in tray", "cup on shelf"}


def test_an_export_keeps_the_runs(memory, note, tmp_path):
    memory.begin_run(0)
    memory.remember([note("spatial", "a", 100, says=("mug", "in", "drawer"))])
    memory.begin_run(0)
    memory.remember([note("spatial", "b", 5, says=("mug", "in", "tray"))])
    lines = list(to_lines(memory))
    with RoboMemory(tmp_path / "copy.sqlite3", embedder=HashingEmbedder()) as copy:
        assert from_lines(copy, lines) == 2
        assert [(r.run, r.text) for r in copy.records()] == [(1, "a"), (2, "b")]
        assert facts(copy.scene()) == {"mug in tray"}
        assert copy.begin_run(0) == 3
    with RoboMemory(tmp_path / "old.sqlite3", embedder=HashingEmbedder()) as old:
        old.begin_run(0)
        assert (
            from_lines(old, [line.replace(', "run": 1', "").replace(', "run": 2', "") for line in lines]) == 2
        )
        assert {r.run for r in old.records()} == {0}  # written before runs had numbers


def test_a_store_of_version_2_holds_run_0(path, note):
    with RoboMemory(path, embedder=HashingEmbedder()) as memory:
        memory.remember([note("spatial", "a", 100, "mug", at=(0, 0, 0), says=("mug", "in", "drawer"))])
        memory.remember([note("episodic", "put the mug in the drawer", 100), note("temporal", "done", 100)])
        now = dump(path)
    db = sqlite3.connect(path)
    without_evidence(db)
    for table, columns in {
        "records": ("run", "step", "failures"), "sightings": ("run",), "state": ("run", "mark"),
        "facts": ("from_run", "until_run", "seen_run"),
        "entities": ("position_run", "first_seen_run", "last_seen_run"),
    }.items():  # fmt: skip
        for (index,) in db.execute(
            "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql LIKE '%run,%'",
            (table,),
        ).fetchall():
            sql = db.execute("SELECT sql FROM sqlite_master WHERE name = ?", (index,)).fetchone()[0]
            db.execute(f"DROP INDEX {index}")
            for column in ("from_run, ", "until_run, ", " run, ", "(run, "):
                sql = sql.replace(column, column[0] if column[0] in "( " else "")
            db.execute(sql)
        for column in columns:
            db.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
    db.execute("DROP TABLE runs")
    db.execute("DROP TABLE whole")
    db.execute("UPDATE schema_version SET version = 2")
    db.commit()
    db.close()
    with RoboMemory(path, embedder=HashingEmbedder()) as memory:
        assert dump(path) == now
        assert {r.run for r in memory.records()} == {0}
        assert memory.begin_run(0) == 1
        memory.remember([note("spatial", "b", 5, says=("mug", "in", "tray"))])
        assert facts(memory.scene()) == {"mug in tray"}


def dump(path):
    """The tables and indices, in their order."""
    db = sqlite3.connect(path)
    names = db.execute("SELECT type, name FROM sqlite_master ORDER BY name").fetchall()
    columns = {
        n: sorted(c[1] for c in db.execute(f"PRAGMA table_info({n})")) for t, n in names if t == "table"
    }
    indices = {n: [c[2] for c in db.execute(f"PRAGMA index_info({n})")] for t, n in names if t == "index"}
    db.close()
    return columns, indices


@pytest.mark.long
def test_a_scene_of_version_1_on_a_server_is_brought_up(note):
    import psycopg

    url = server().url()
    with RoboMemory(url, embedder=HashingEmbedder()) as memory:
        memory.remember([note("spatial", "a", 100, says=("mug", "in", "drawer"))])
        schema = memory._store._links._address.schema
        conninfo = memory._store._links._address.conninfo
    with psycopg.connect(conninfo, autocommit=True) as db:
        db.execute(f'SET search_path = "{schema}", public')
        without_evidence(db)
        for table, columns in {
            "records": ("run", "step", "failures"), "sightings": ("run",), "state": ("run",),
            "facts": ("from_run", "until_run", "seen_run"),
            "entities": ("position_run", "first_seen_run", "last_seen_run"),
        }.items():  # fmt: skip
            for column in columns:
                db.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        db.execute("DROP TABLE runs")
        for index, on in {
            "records_time": "records (kind, stamp_ns)", "facts_from": "facts (valid_from_ns)",
            "facts_until": "facts (valid_until_ns)", "sightings_entity": "sightings (entity_id, stamp_ns)",
            "sightings_time": "sightings (stamp_ns)",
        }.items():  # fmt: skip
            db.execute(f"CREATE INDEX IF NOT EXISTS {index} ON {on}")
        db.execute("UPDATE schema_version SET version = 1")
    for run in (1, 2):
        with RoboMemory(url, embedder=HashingEmbedder()) as memory:
            assert memory.begin_run(0) == run
            memory.remember([note("spatial", "b", 5 - run, says=("mug", "in", f"tray {run}"))])
            assert facts(memory.scene()) == {f"mug in tray {run}"}
