"""Two times on every fact: when it was true, and when it was believed."""

import itertools

import pytest

from robomemory import HashingEmbedder, InvalidQueryError, RoboMemory

S = 10**9


@pytest.fixture
def clock():
    return itertools.count(1_000, 1_000).__next__


@pytest.fixture
def timed(path, clock):
    with RoboMemory(path, embedder=HashingEmbedder(), clock_ns=clock) as memory:
        yield memory


def facts(scene):
    return {str(f) for f in scene.facts}


def test_what_was_true_and_what_was_believed(timed, note):
    timed.remember([note("spatial", "a", 1, says=("mug", "in", "drawer"))])
    first = timed.scene().facts[0].recorded_ns
    timed.remember([note("spatial", "b", 5, says=("mug", "in", "tray"))])
    (now,), (then,) = timed.scene().facts, timed.scene().past
    assert (str(now), now.valid_from_ns, now.valid_until_ns, now.expired_ns) == (
        "mug in tray",
        5 * S,
        None,
        None,
    )
    assert (str(then), then.valid_from_ns, then.valid_until_ns) == ("mug in drawer", 1 * S, 5 * S)
    assert then.recorded_ns == now.recorded_ns > first
    assert then.record_id != now.record_id
    assert facts(timed.scene(at_ns=3 * S)) == {"mug in drawer"}
    assert facts(timed.scene(at_ns=5 * S)) == {"mug in tray"}
    # Before the second note was known, the mug was believed to be in the drawer for good.
    assert facts(timed.scene(at_ns=9 * S, known_ns=first)) == {"mug in drawer"}
    assert facts(timed.scene(at_ns=9 * S, known_ns=first - 1)) == set()
    assert facts(timed.scene(at_ns=9 * S)) == {"mug in tray"}


def test_a_late_note_changes_the_past_but_not_what_was_believed_of_it(timed, note):
    timed.remember([note("spatial", "a", 1, says=("mug", "on", "table"))])
    timed.remember([note("spatial", "b", 9, says=("mug", "in", "tray"))])
    known = timed.scene().facts[0].recorded_ns
    timed.remember([note("spatial", "c", 4, says=("mug", "in", "drawer"))])
    assert facts(timed.scene(at_ns=6 * S)) == {"mug in drawer"}
    assert facts(timed.scene(at_ns=3 * S)) == {"mug on table"}
    assert facts(timed.scene(at_ns=9 * S)) == {"mug in tray"}
    assert facts(timed.scene(at_ns=6 * S, known_ns=known)) == {"mug on table"}
    spans = {str(f): (f.valid_from_ns, f.valid_until_ns) for f in timed.scene().past}
    assert spans == {"mug on table": (1 * S, 4 * S), "mug in drawer": (4 * S, 9 * S)}


def test_the_same_fact_told_late_began_earlier_only_if_nothing_lies_between(timed, note):
    timed.remember([note("spatial", "a", 5, says=("mug", "in", "tray"))])
    timed.remember([note("spatial", "b", 2, says=("mug", "in", "tray"))])
    assert [f.valid_from_ns for f in timed.scene().facts] == [2 * S]
    timed.remember([note("spatial", "c", 9, says=("mug", "in", "box"))])
    timed.remember([note("spatial", "d", 12, says=("mug", "in", "tray"))])
    timed.remember([note("spatial", "e", 7, says=("mug", "in", "tray"))])  # known: it was there from 2 to 9
    assert [f.valid_from_ns for f in timed.scene().facts] == [12 * S]
    assert facts(timed.scene(at_ns=10 * S)) == {"mug in box"}


def test_where_was_it_before_and_what_was_inside(timed, note):
    timed.remember([note("spatial", "d", 1, "drawer", at=(0.7, 0.3, 0.1))])
    timed.remember([note("spatial", "a", 1, says=("mug", "in", "drawer"))])
    timed.remember([note("spatial", "b", 2, says=("spoon", "in", "mug"))])
    assert timed.inside("drawer") == ("mug", "spoon")
    timed.remember([note("spatial", "c", 5, "mug", at=(0.2, 0.2, 0.0), says=("mug", "on", "table"))])
    assert timed.inside("drawer") == ()
    assert timed.inside("drawer", 3 * S) == ("mug", "spoon")
    before = timed.where_was("mug")
    assert (before.facts, before.position, before.via) == (("mug in drawer",), (0.7, 0.3, 0.1), "drawer")
    assert timed.where_was("mug", 6 * S).position == (0.2, 0.2, 0.0)
    assert timed.where_was("mug", S // 2) is None
    assert timed.where_was("spoon") is None  # it was nowhere else
    assert timed.where_was("fork") is None
    assert [(s.relation, s.holder, s.until_ns) for s in timed.history("mug") if s.holder] == [
        ("in", "drawer", 5 * S),
        ("on", "table", None),
    ]
    with pytest.raises(InvalidQueryError):
        timed.where_was("mug", -1)


def test_what_changed_since(timed, note):
    timed.remember([note("spatial", "a", 1, "mug", at=(0.5, 0, 0), says=("mug", "in", "drawer"))])
    timed.remember([note("spatial", "b", 5, "mug", at=(0.1, 0, 0), says=("mug", "in", "tray"))])
    changes = timed.changes(2 * S)
    assert [(c.what, c.text) for c in changes] == [
        ("ended", "mug in drawer"),
        ("began", "mug in tray"),
        ("seen", "mug at (0.10, 0.00, 0.00) m"),
    ]
    assert {c.stamp_ns for c in changes} == {5 * S}
    assert len({c.record_id for c in changes}) == 1  # all three are known from the second note
    assert timed.changes(5 * S) == ()
    assert [c.what for c in timed.changes(0, 2 * S)] == ["began", "seen"]


def test_a_recording_clock_that_is_set_back_does_not_confuse_the_order(path, note):
    times = iter([5_000, 100, 100, 100])
    with RoboMemory(path, embedder=HashingEmbedder(), clock_ns=lambda: next(times)) as memory:
        for t, where in enumerate(("drawer", "tray", "box"), 1):
            memory.remember([note("spatial", where, t, says=("mug", "in", where))])
        recorded = [f.recorded_ns for f in memory.scene().past]
        assert sorted(recorded) == recorded == [5_001, 5_002]


def test_facts_not_said_for_long_end_wherever_they_are(path, note):
    with RoboMemory(path, embedder=HashingEmbedder(), expire_s=100) as memory:
        memory.remember([note("spatial", "a", 1, says=("spoon", "in", "far drawer"))])
        memory.remember([note("spatial", "b", 50, says=("mug", "in", "tray"))])
        memory.remember([note("spatial", "b", 90, says=("mug", "in", "tray"))])
        memory.remember([note("spatial", "other", 140, says=("cup", "on", "shelf"))])
        assert facts(memory.scene()) == {"mug in tray", "cup on shelf"}
        (ended,) = memory.scene().past
        assert (str(ended), ended.valid_until_ns) == ("spoon in far drawer", 101 * S)
    with RoboMemory(path, embedder=HashingEmbedder(), expire_s=100) as memory:
        memory.remember([note("spatial", "c", 195, "fork", at=(0, 0, 0))])
        assert facts(memory.scene()) == {"cup on shelf"}


def test_a_vertex_without_facts_and_place_leaves_the_graph_and_comes_back(memory, note, both):
    memory.remember([note("spatial", "a", 1, says=("mug", "on", "table"))])
    memory.remember([note("spatial", "b", 2, says=("mug", "in", "tray"))])
    for m in both():
        assert {t.name for t in m.scene().objects} == {"mug", "tray"}
    memory = m
    memory.remember([note("spatial", "c", 3, says=("cup", "on", "table"))])
    assert {t.name for t in memory.scene().objects} == {"mug", "tray", "cup", "table"}


def test_opposite_relations_end_each_other(memory, note):
    memory.remember([note("spatial", "a", 1, says=("mug", "left of", "box"))])
    memory.remember([note("spatial", "b", 2, says=("box", "left of", "mug"))])
    assert facts(memory.scene()) == {"box left of mug"}
    memory.remember([note("spatial", "c", 3, says=("box", "right of", "mug"))])
    assert facts(memory.scene()) == {"box right of mug"}


def test_a_record_that_only_names_a_thing_is_recalled(memory, note, both):
    for t in range(1, 50):
        memory.remember([note("spatial", "the spoon is bent", t, "spoon")])
    for m in both():
        assert [r.text for r in m.recall(["spoon"])] == ["the spoon is bent"]
        assert len(m.records()) == 1
