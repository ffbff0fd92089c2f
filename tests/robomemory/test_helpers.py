"""The background worker: deadlines, batches, a bound, and helpers of the other memories."""

import threading
import time

import pytest

from robomemory import (
    DeleteEdge,
    HashingEmbedder,
    Helpers,
    InvalidQueryError,
    Keep,
    MemoryKind,
    Revision,
    RevisionAction,
    RoboMemory,
)
from tests.robomemory.resolvers import edge, edit_of, facts, once


@pytest.mark.parametrize("answer", ["nonsense", None, 7, ZeroDivisionError])
def test_a_helper_that_fails_is_ignored(helped, note, answer, caplog):
    def resolve(local):
        if answer is ZeroDivisionError:
            raise answer("the key is sk-1\nof\x1b[1m many lines")
        return answer

    memory = helped(resolve=resolve)
    memory.remember([note("spatial", "d", 4, says=("ladder", "bolted to", "wall"))])
    assert memory.settle(20)
    assert facts(memory) == {"ladder bolted to wall"}
    assert "\x1b" not in caplog.text
    assert answer is None or "resolve" in caplog.text


@pytest.mark.parametrize("times", [1, 2])
def test_a_graph_that_changes_meanwhile_is_asked_about_once_more(helped, note, caplog, times):
    memory = None

    def edits(local):
        found = DeleteEdge(edge(local, "mug on table").key)
        if len(resolve.seen) <= times:
            says = ("mug", f"touches {len(resolve.seen)}", "table")
            memory.remember([note("spatial", "x", 10, says=says)])
        return [found]

    resolve = once(
        lambda local: edits(local) if any(e.relation == "on" and e.new for e in local.edges) else []
    )
    memory = helped(resolve=resolve)
    memory.remember([note("spatial", "a", 1, says=("mug", "on", "table"))])
    assert memory.settle(20)
    assert ("changed under it twice" in caplog.text) == (times == 2)
    assert ("mug on table" in facts(memory)) == (times == 2)
    assert len(edit_of(memory)) == (times == 1)


def test_notes_are_handled_together(helped, note):
    first, go = threading.Event(), threading.Event()

    def edits(local):
        first.set()
        go.wait(20)
        return [Keep(e.key) for e in local.edges]

    resolve = once(edits)
    memory = helped(resolve=resolve)
    for i in range(8):
        memory.remember([note("spatial", f"n{i}", i, says=("mug", f"touches {i}", "wall"))])
        assert first.wait(20)
    go.set()
    assert memory.settle(20)
    assert [sum(e.new for e in local.edges) for local in resolve.seen] == [1, 7]


def test_a_helper_may_revise_the_semantic_memory(helped, note):
    def update(candidate, known):
        told = {r.text: r.id for r in known}
        if "easily" in candidate.text:
            return Revision(RevisionAction.UPDATE, told["mugs break"])
        if "mugs are fragile" in candidate.text:
            return Revision(RevisionAction.NOOP, told["mugs break easily"])
        if "right" in candidate.text:
            return Revision(RevisionAction.ADD)
        return Revision(RevisionAction.UPDATE, 10**6) if "glass" in candidate.text else None

    memory = helped(update=update)
    memory.remember([note("semantic", "mugs break", 1), note("semantic", "Anna prefers the left tray", 1)])
    memory.remember([note("semantic", "mugs break easily", 2)])
    assert memory.settle(20)
    told = {r.text: r for r in memory.recall(["mugs"], k=9)}
    assert told.keys() >= {"mugs break easily"}
    assert "mugs break" not in told
    kept = next(r for r in memory.records("semantic") if r.text == "mugs break easily")
    assert kept.metadata["revised_by"] == "updater:update"
    memory.remember([note("semantic", "mugs are fragile break", 3)])
    memory.remember([note("semantic", "Anna prefers the right tray", 3)])
    memory.remember([note("semantic", "mugs are made of glass", 4)])  # what it answers is not on offer
    assert memory.settle(20)
    assert {r.text for r in memory.recall(["mugs break tray Anna"], k=9)} == {
        "mugs break easily", "Anna prefers the left tray", "Anna prefers the right tray",
        "mugs are made of glass",
    }  # fmt: skip
    memory.retract(kept.id)
    assert "mugs break" in {r.text for r in memory.recall(["mugs"], k=9)}


def test_a_helper_may_write_the_line_of_old_steps(path, note):
    helpers = Helpers(summarize=lambda steps: f"{len(steps)} steps of\x00 cleaning")
    with RoboMemory(path, embedder=HashingEmbedder(), steps=4, helpers=helpers) as memory:
        memory.remember([note("temporal", f"wiped {i}", i) for i in range(5)])
        by_rule = memory.steps()[0]
        assert by_rule.text.startswith("Earlier: wiped 0")
        assert memory.settle(20)
        line = memory.steps()[0]
        assert line.text == "Earlier: 3 steps of cleaning"
        assert line.metadata["raised_by"] == str(by_rule.id)
    with RoboMemory(path, embedder=HashingEmbedder(), steps=4) as memory:
        assert [r.text for r in memory.steps()] == ["Earlier: 3 steps of cleaning", "wiped 3", "wiped 4"]
        memory.retract(memory.steps()[0].id)
        assert memory.steps()[0].text == by_rule.text
        memory.forget(ids=[next(r.id for r in memory.records("temporal") if r.text == "wiped 1")])
        assert memory.steps()[0].text == "Earlier: wiped 0; wiped 2"


def test_bad_helpers_are_refused_by_name():
    with pytest.raises(InvalidQueryError, match=r"Helpers.resolve: 7, expected a callable"):
        Helpers(resolve=7)
    with pytest.raises(InvalidQueryError, match=r"Helpers.timeout_s: 0 s, expected > 0"):
        Helpers(timeout_s=0)
    assert not Helpers()


def test_what_is_still_to_be_asked_is_dropped_at_the_end(helped, note, caplog):
    hang = threading.Event()
    memory = helped(resolve=lambda local: hang.wait(60), timeout_s=60)
    for i in range(3):
        memory.remember([note("spatial", f"n{i}", i, says=("mug", f"touches {i}", "wall"))])
    started = time.monotonic()
    memory.close()
    assert time.monotonic() - started < 2
    assert "questions to its helpers are dropped" in caplog.text
    hang.set()


def test_edits_that_come_one_by_one_have_the_same_deadline(helped, note, caplog):
    hang = threading.Event()

    def resolve(local):
        yield DeleteEdge(local.edges[0].key)
        hang.wait(60)

    memory = helped(resolve=resolve, timeout_s=0.2)
    memory.remember([note("spatial", "a", 1, says=("mug", "in", "tray"))])
    assert memory.settle(20)
    assert "resolve did not answer within 0.2" in caplog.text
    assert facts(memory) == {"mug in tray"}
    hang.set()


def test_the_backlog_has_a_bound(helped, note, monkeypatch, caplog):
    monkeypatch.setattr("robomemory.resolving.worker.MOST_QUEUED", 5)
    first, go = threading.Event(), threading.Event()

    def edits(local):
        first.set()
        go.wait(20)
        return []

    resolve = once(edits)
    memory = helped(resolve=resolve)
    memory.remember([note("spatial", "a", 1, says=("mug", "in", "tray"))])
    assert first.wait(20)
    for i in range(9):
        memory.remember([note("spatial", f"n{i}", i, says=("mug", f"touches {i}", "wall"))])
    go.set()
    assert memory.settle(20)
    assert "the oldest questions are dropped" in caplog.text
    last = resolve.seen[-1]
    newest = {last.words(e) for e in last.edges if e.new}
    assert newest == {f"mug touches {i} wall" for i in range(4, 9)}
    assert MemoryKind.SPATIAL in {r.kind for r in memory.records()}
