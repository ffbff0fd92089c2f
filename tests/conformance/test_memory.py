"""What every ``Memory`` keeps."""

import time

import pytest

from robomemory import Note
from tests.conformance.fixtures import over
from tests.conformance.implementations import MEMORIES
from vista.protocols import Memory

made = over(MEMORIES)


def note(kind="episodic", text="put the blue mug in the tray: success", stamp_ns=1, **more):
    return Note(kind, text, stamp_ns, source="test", **more)


def test_an_empty_memory_recalls_nothing(made):
    _, memory = made
    assert isinstance(memory, Memory)
    assert list(memory.recall(["where is the blue mug"])) == []


@pytest.mark.parametrize("kind", ["spatial", "temporal", "episodic", "semantic"])
def test_what_is_remembered_is_recalled(made, kind):
    _, memory = made
    more = {"entities": ("blue mug",), "position": (0.5, 0.1, 0.02)} if kind == "spatial" else {}
    memory.remember([note(kind, "the blue mug stands at the tray", **more)])
    items = memory.recall(["where is the blue mug"])
    assert any("blue mug" in item.text for item in items), items
    assert all(item.kind and isinstance(item.score, float) for item in items)


def test_what_fits_best_comes_first_and_no_more_than_k(made):
    _, memory = made
    memory.remember([note(text=f"wipe the window number {i}", stamp_ns=i) for i in range(8)])
    memory.remember([note(text="put the blue mug in the tray: success", stamp_ns=99)])
    items = memory.recall(["put the blue mug in the tray"], k=3)
    assert 1 <= len(items) <= 3
    assert "blue mug" in items[0].text
    scores = [item.score for item in items]
    assert scores == sorted(scores, reverse=True)


def test_nothing_to_remember_is_fine(made):
    _, memory = made
    memory.remember([])
    assert list(memory.recall(["anything"])) == []


def test_recall_keeps_its_deadline(made):
    _, memory = made
    memory.remember([note(stamp_ns=i, text=f"moved cube {i}") for i in range(50)])
    memory.recall(["cube"])  # the first call may load a model
    start = time.monotonic()
    memory.recall(["cube"], timeout_s=0.5)
    assert time.monotonic() - start < 1.5


def test_a_run_has_a_number_and_the_next_one_another(made):
    _, memory = made
    first = memory.begin_run(0)
    memory.remember([note(text="put the red mug in the tray", stamp_ns=90, run=first)])
    second = memory.begin_run(0)
    memory.remember([note(text="put the blue mug in the tray", stamp_ns=1, run=second)])
    assert 1 <= first < second
    assert len(memory.recall(["put the mug in the tray"])) == 2
