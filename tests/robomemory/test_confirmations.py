"""How a record is known: how often it was said, since when, and by whom."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from robomemory import Confirmation, InvalidQueryError, MemoryKind, Note, RoboMemory
from robomemory.embed.embedder import HashingEmbedder
from robomemory.timestamps import Moment
from tests import postgres

S = 10**9


@pytest.fixture(params=["file", "server"])
def memory(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RoboMemory]:
    if request.param == "file":
        path = str(tmp_path / "a.sqlite3")
    elif postgres.installed() is None:
        pytest.skip("no PostgreSQL here")
    else:
        path = postgres.server().url()
    with RoboMemory(path, embedder=HashingEmbedder()) as each:
        yield each


def seen(stamp_s: int, source: str = "", confidence: float = 0.5, run: int = 0, x: float = 0.5) -> Note:
    return Note(
        "spatial", "mug in tray", stamp_s * S, ("mug",), (x, 0.0, 0.0), ("mug", "in", "tray"), confidence,
        source, run,
    )  # fmt: skip


def test_every_note_that_says_it_again_counts(memory: RoboMemory):
    said = [(5, "camera", 0.5), (9, "camera", 0.7), (3, "Kim", 0.6)]
    ids = [memory.remember([seen(*each)])[0] for each in said]
    assert len(set(ids[:2])) == 1
    known = memory.confirmations(ids)[ids[0]]
    assert (known.last, known.confidence) == (Moment(0, 9 * S), 0.7)
    every = memory.confirmations(ids).values()
    assert sum(each.times for each in every) == 3
    assert min(each.first for each in every) == Moment(0, 3 * S)
    assert {source for each in every for source in each.sources} == {"Kim", "camera"}


def test_one_note_with_a_fact_and_places_is_one_confirmation(memory: RoboMemory):
    (key,) = memory.remember([seen(1, "camera")])
    assert memory.confirmations([key]) == {key: Confirmation(1, Moment(0, S), Moment(0, S), ("camera",), 0.5)}
    assert memory.remember([seen(2, "camera"), seen(4, "camera")]) == [key, key]
    assert memory.confirmations([key])[key].times == 3


def test_a_later_run_is_later_whatever_its_clock_says(memory: RoboMemory):
    first = memory.begin_run(0)
    (key,) = memory.remember([seen(100, run=first)])
    second = memory.begin_run(0)
    assert memory.remember([seen(1, run=second)]) == [key]
    known = memory.confirmations([key])[key]
    assert (known.first, known.last) == (Moment(first, 100 * S), Moment(second, S))


def test_what_ends_a_fact_confirms_its_own_record_only(memory: RoboMemory):
    (held,) = memory.remember([seen(1, "camera")])
    (ended,) = memory.remember(
        [Note("spatial", "taken out", 2 * S, ("mug",), triple=("mug", "no longer in", "tray"), source="Kim")]
    )
    known = memory.confirmations([held, ended])
    assert (known[held].times, known[held].sources) == (1, ("camera",))
    assert (known[ended].times, known[ended].sources) == (1, ("Kim",))


def test_other_memories_have_the_confirmation_of_their_note(memory: RoboMemory):
    keys = memory.remember(
        [Note(kind, "the mug fell", 7 * S, source="agent", confidence=0.25)
         for kind in ("temporal", "episodic", "semantic")]
    )  # fmt: skip
    one = Confirmation(1, Moment(0, 7 * S), Moment(0, 7 * S), ("agent",), 0.25)
    assert memory.confirmations(keys) == dict.fromkeys(keys, one)


def test_what_was_never_true_has_none(memory: RoboMemory):
    (key,) = memory.remember([seen(1)])
    (other,) = memory.remember([Note("semantic", "mugs are for drinking", S)])
    memory.retract(key)
    assert memory.confirmations([key, other, 10**9]).keys() == {other}
    assert memory.confirmations([]) == {}
    with pytest.raises(InvalidQueryError, match=r"confirmations: record_ids.*'mug'"):
        memory.confirmations("mug")  # type: ignore[arg-type]


def test_recall_tells_how_each_record_is_known(memory: RoboMemory):
    memory.remember([seen(1, "camera"), Note("episodic", "put the mug in the tray: success", S)])
    for times in (1, 2, 3):  # what was counted is kept, and only what came since is counted
        found = {item.kind: item for item in memory.recall(["mug in tray"], timeout_s=20.0)}
        assert found[MemoryKind.SPATIAL].evidence.times == times
        assert found[MemoryKind.EPISODIC].evidence.times == 1
        memory.remember([seen(times + 1, "camera")])
    memory.forget(kinds=["spatial"], everything=True)
    (key,) = memory.remember([seen(9, "Kim")])
    assert memory.confirmations([key])[key].sources == ("Kim",)


def test_a_count_that_takes_too_long_costs_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    go = threading.Event()

    def slow(self: object, since: object) -> list[object]:
        go.wait(20.0)
        return []

    with RoboMemory(tmp_path / "a.sqlite3", embedder=HashingEmbedder()) as memory:
        memory.remember([seen(1, "camera")])
        monkeypatch.setattr(type(memory._store), "evidence_counts", slow)
        answer = memory.recall(["mug in tray"], timeout_s=0.5)
        go.set()
        assert [(item.kind, item.evidence) for item in answer] == [(MemoryKind.SPATIAL, None)]
        assert not answer.missing
