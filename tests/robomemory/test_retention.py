"""Forgetting while the robot goes on, by call and by rule."""

import itertools
import math
import random
import threading
import time

import pytest

from robomemory import InvalidQueryError, MemoryKind
from robomemory.retention import forgetter

S = 10**9


def episodes(memory, note, first, last, step=1):
    memory.remember([note("episodic", f"moved box {i}", i) for i in range(first, last, step)])


def test_writers_go_first_between_the_turns(memory, note, monkeypatch):
    """No write waits for all of a long forgetting: many are kept while it runs."""
    monkeypatch.setattr(forgetter, "TURN_S", 0.01)
    for start in range(0, 600, 200):
        memory.remember(
            [note("spatial", f"mug {i}", i, "mug", at=(i, 0, 0)) for i in range(start, start + 200)]
        )
    kept, done = [], threading.Event()

    def write():
        while not done.is_set():
            kept.append(memory.remember([note("episodic", f"extra {len(kept)}", 5_000 + len(kept))])[0])

    writer = threading.Thread(target=write)
    writer.start()
    while not kept:
        time.sleep(0.001)
    turns, forget = [], memory._store.forget

    def in_turn(*what):
        turns.append(len(kept))
        forget(*what)

    memory._store.forget = in_turn
    assert memory.forget(before_ns=300 * S, kinds={"spatial"}) == 300
    done.set()
    writer.join()
    assert len(set(turns)) >= 3  # something was written between the turns
    assert memory.history("mug")[0].from_ns == 300 * S
    assert len(memory.records(MemoryKind.EPISODIC)) == len(kept)


def test_what_is_said_again_meanwhile_is_not_old(memory, note, monkeypatch):
    memory.remember([note("spatial", "a mug", 1, "mug", at=(0, 0, 0))])
    memory.remember([note("spatial", "a box", 1, "box", at=(1, 0, 0))])
    weights, calls = memory._store.weights, []

    def between(keys):
        found = weights(keys)
        if not calls:  # what is forgotten is chosen, and nothing is forgotten yet
            calls.append(keys)
            memory.remember([note("spatial", "a mug", 50, "mug", at=(0, 0, 0))])
        return found

    monkeypatch.setattr(memory._store, "weights", between)
    assert memory.forget(before_ns=10 * S) == 1
    assert memory.where_is("box") is None
    assert memory.where_is("mug").stamp_ns == 50 * S


def test_the_words_of_what_is_forgotten_leave_the_index(memory, note, both):
    episodes(memory, note, 0, 300)
    memory.forget(before_ns=290 * S)
    for m in both():
        assert len(list(m.recall(["moved box 5"], k=50))) == 10


def test_rules_are_kept_and_applied(reopen, note):
    memory = reopen()
    episodes(memory, note, 0, 100)
    memory.remember([note("semantic", "mugs are grasped at the rim", 5)])
    assert memory.retain(episodic=10, semantic="1h") == {"episodic": 10, "semantic": "1h"}
    assert memory.settle(20)
    assert len(memory.records(MemoryKind.EPISODIC)) == 10
    assert len(memory.records(MemoryKind.SEMANTIC)) == 1
    memory = reopen()
    assert memory.retain() == {"episodic": 10, "semantic": "1h"}
    episodes(memory, note, 5_000, 5_030)
    assert memory.retain(semantic="30m", temporal=None) == {"episodic": 10, "semantic": "30m"}
    assert memory.settle(20)
    assert memory.records(MemoryKind.SEMANTIC) == ()
    assert {r.stamp_ns // S for r in memory.records()} == set(range(5_020, 5_030))
    assert memory.retain(episodic=None, semantic=None) == {}


def test_an_earlier_run_goes_once_this_one_has_lasted_as_long(memory, note):
    memory.begin_run(0)
    episodes(memory, note, 0, 50)
    memory.begin_run(0)
    memory.remember([note("episodic", "began again", 1)])
    memory.retain(episodic="60s")
    assert memory.settle(20)
    assert len(memory.records()) == 51
    memory.remember([note("episodic", "goes on", 100)])
    memory.retain(episodic="60s")
    assert memory.settle(20)
    assert [r.text for r in memory.records()] == ["goes on"]


@pytest.mark.parametrize(
    "rules", [{"dreams": 5}, {"episodic": "7"}, {"episodic": "7 y"}, {"episodic": -1}, {"episodic": True},
              {"episodic": 1.5}, {"episodic": "0d"}, {"episodic": "9" * 12 + "w"}],
)  # fmt: skip
def test_a_rule_that_is_none_is_told(memory, rules):
    with pytest.raises(InvalidQueryError, match="retain"):
        memory.retain(**rules)
    assert memory.retain() == {}


def test_a_ball_holds_what_was_carried_into_it_after_any_change(memory, note):
    """Only what changed is looked at again; compared with looking at everything."""
    rng, names = random.Random(7), [f"thing {i}" for i in range(12)]
    for t in range(1, 60):
        name, other = rng.sample(names, 2)
        spot = (rng.choice((0.0, 0.4, 3.0)), rng.choice((0.0, 3.0)), 0.0)
        at, says = rng.choice(
            ((spot, None), (None, (name, "in", other)), (None, (name, "no longer in", other)))
        )
        key = memory.remember([note("spatial", f"{name} {t}", t, name, at=at, says=says)])[0]
        if t % 9 == 0:
            memory.forget(ids=[key])
        spatial = memory._parts.spatial
        places = {e.label: spatial.whereabouts(e) for e in spatial._state.entities.values()}
        for center in ((0, 0, 0), (3, 3, 0)):
            near = {n for n, p in places.items() if p.position and math.dist(p.position, center) <= 1}
            found = spatial.places_within(center, 1.0)
            assert {spatial._state.entities[k].label for k in found} == near, t


def rows_read_to_forget_half(memory, note, first, frames):
    """Rows that the store gives while the older half of ``frames`` at 5 Hz goes."""
    notes = []
    for i in range(frames):
        t, name, place = first + i / 5, f"mug {i % 3}", ("tray", "shelf")[i // 90 % 2]
        notes.append(note("spatial", name, t, name, at=(i // 60 * 0.1, i % 3, 0)))
        notes.append(note("spatial", f"{name} in {place}", t, says=(name, "in", place)))
    for start in range(0, len(notes), 200):
        memory.remember(notes[start : start + 200])
    read, count = memory._store._all, [0]

    def counted(sql, values=()):
        rows = read(sql, values)
        count[0] += len(rows)
        return rows

    memory._store._all = counted
    assert memory.forget(before_ns=round((first + frames / 10) * S)) > 0
    memory._store._all = read
    memory.forget(everything=True)
    return count[0]


def test_forgetting_the_older_half_is_linear(memory, note, monkeypatch):
    steady = itertools.count(0.0, forgetter.TURN_S).__next__  # every turn takes as long as it should
    monkeypatch.setattr(forgetter, "perf_counter", steady)
    one = rows_read_to_forget_half(memory, note, 0, 900)
    two = rows_read_to_forget_half(memory, note, 10_000, 1_800)
    assert two < 3 * one


def test_what_was_lost_stays_lost_when_an_earlier_sighting_comes_late(reopen, note):
    memory = reopen()
    memory.remember([note("spatial", "a mug", 10, "mug", at=(0, 0, 0))])
    memory.not_seen(((0, 0, 0), 0.1), 11 * S)
    memory = reopen()  # nothing is at hand of what was folded
    memory.remember([note("spatial", "a mug there", 2, "mug", at=(0.5, 0, 0))])
    assert memory.where_is("mug").position is None
    assert [s.from_ns // S for s in memory.history("mug")] == [2, 10]
