"""The front door: what is remembered is recalled, across reopening, and bad input is refused whole."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from robomemory import (
    EmbeddingError,
    HashingEmbedder,
    InvalidNoteError,
    InvalidQueryError,
    MemoryClosedError,
    MemoryKind,
    Query,
    RoboMemory,
)
from vista.protocols import Memory

ROOT = Path(__file__).parents[2]


def fill(memory, note):
    memory.remember(
        [
            note(
                "spatial",
                "blue mug in the tray",
                1,
                "blue mug",
                at=(0.5, 0.1, 0.0),
                says=("blue mug", "in", "tray"),
            ),
            note("temporal", "grasped the blue mug", 2),
            note("episodic", "put the blue mug in the tray: success", 3),
            note("semantic", "a mug is grasped at its rim", 4),
        ]
    )


def test_it_is_the_memory_of_the_loop(memory):
    assert isinstance(memory, Memory)


def test_import_loads_neither_torch_nor_matplotlib_nor_vista():
    code = "import sys, robomemory; print([m for m in ('torch', 'matplotlib', 'vista') if m in sys.modules])"
    out = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert out.stdout.strip() == "[]"


def test_all_memories_answer_best_first(memory, note):
    fill(memory, note)
    answer = memory.recall(["where is the blue mug"])
    assert {item.kind for item in answer} == set(MemoryKind)
    assert [item.rank for item in answer] == list(range(len(answer)))
    assert [item.score for item in answer] == sorted((item.score for item in answer), reverse=True)
    assert not answer.partial
    assert not any(item.partial for item in answer)
    assert answer[0].text == "blue mug in the tray"
    assert answer[0].kind == "spatial"


def test_everything_is_there_after_reopening(reopen, note):
    memory = reopen()
    fill(memory, note)
    before = [(r.record, round(r.score, 5)) for r in memory.recall(["blue mug", "grasp"])]
    scene = memory.scene()
    memory = reopen()
    assert [(r.record, round(r.score, 5)) for r in memory.recall(["blue mug", "grasp"])] == before
    assert memory.scene() == scene
    fill(memory, note)  # keys go on where they ended
    ids = [record.id for record in memory.records()]
    assert len(set(ids)) == len(ids)


def test_kinds_and_k_narrow_the_answer(memory, note):
    fill(memory, note)
    memory.remember([note("episodic", f"moved cube {i}", i) for i in range(20)])
    assert {r.kind for r in memory.recall([Query("mug", kinds={"semantic", "episodic"})])} == {
        "semantic",
        "episodic",
    }
    assert len(memory.recall(["cube"], k=3)) == 3
    assert len(memory.recall([Query("cube", k=7)], k=3)) == 7
    twice = memory.recall(["cube", "the cube"], k=3)
    assert len({r.record.id for r in twice}) == len(twice)


def test_near_and_between_narrow_the_answer(memory, note):
    memory.remember([note("episodic", f"wiped spot {i}", i, at=(0.1 * i, 0, 0)) for i in range(10)])
    near = memory.recall([Query("wiped spot", near=((0.5, 0, 0), 0.11), k=10)])
    assert {r.text for r in near} == {"wiped spot 4", "wiped spot 5", "wiped spot 6"}
    then = memory.recall([Query("wiped spot", between=(2 * 10**9, 3 * 10**9))])
    assert {r.text for r in then} == {"wiped spot 2", "wiped spot 3"}
    assert memory.recall([Query("wiped spot", near=((9, 9, 9), 0.1))]) == []


def test_a_known_semantic_text_is_refreshed_not_added(memory, note):
    memory.remember([note("semantic", "The mug is fragile.", 1, confidence=0.4)])
    memory.remember(
        [note("semantic", "the mug is fragile", 9, confidence=0.9), note("semantic", "mug is fragile", 5)]
    )
    (record,) = memory.records(MemoryKind.SEMANTIC)
    assert (record.stamp_ns, record.confidence) == (9 * 10**9, 1.0)
    assert memory.recall(["fragile mug"])[0].record == record


def test_the_same_words_in_another_order_are_another_fact(memory, note):
    memory.remember([note("semantic", "put the mug on the box"), note("semantic", "put the box on the mug")])
    assert len(memory.records()) == 2


def test_confidence_lowers_the_score(memory, note):
    memory.remember([note("episodic", "tray red", 1, confidence=0.1), note("episodic", "tray red now", 2)])
    assert [r.text for r in memory.recall(["tray red"])] == ["tray red now", "tray red"]


def test_scenes_are_files_of_their_own(tmp_path, note):
    for scene in ("kitchen", "lab"):
        with RoboMemory.for_scene(tmp_path / "memory", scene, embedder=HashingEmbedder()) as memory:
            memory.remember([note("episodic", f"cleaned the {scene}")])
    with RoboMemory.for_scene(tmp_path / "memory", "lab", embedder=HashingEmbedder()) as memory:
        assert [r.text for r in memory.records()] == ["cleaned the lab"]
    with pytest.raises(InvalidQueryError, match="allowed are"):
        RoboMemory.for_scene(tmp_path, "../escape", embedder=HashingEmbedder())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"kind": "visual"}, "unknown kind 'visual'; allowed are spatial, temporal, episodic, semantic"),
        ({"text": "  "}, "text: '  ' is empty"),
        ({"text": "x" * 10_001}, "at most 10000"),
        ({"text": "a\udc00b"}, "surrogate"),
        ({"text": None}, "expected text"),
        ({"stamp_ns": -1}, "stamp_ns: -1"),
        ({"stamp_ns": 1.5}, "whole nanoseconds"),
        ({"stamp_ns": 2**63}, "2\\*\\*63"),
        ({"position": (0.0, float("nan"), 0.0)}, "position .* finite"),
        ({"position": (0.0, 1.0)}, "3 finite numbers"),
        ({"triple": ("mug", "in")}, "subject, relation, object"),
        ({"triple": ("mug", "", "tray")}, r"triple\[1\]"),
        ({"confidence": 1.5}, "confidence: 1.5, expected 0 to 1"),
        ({"confidence": float("inf")}, "confidence"),
        ({"entities": "mug"}, "sequence of names"),
        ({"entities": ()}, "neither entities nor a triple"),
    ],
)
def test_a_bad_note_is_named_and_nothing_of_the_call_is_kept(memory, note, change, says):
    good = note("episodic", "all went well")
    fields = {"kind": "spatial", "text": "mug", "stamp_ns": 1, "entities": ("mug",), "position": None}
    fields |= {"triple": None, "confidence": 1.0, "source": ""}
    with pytest.raises(InvalidNoteError, match=says) as caught:
        memory.remember([good, SimpleNamespace(**(fields | change))])
    assert "notes[1]" in str(caught.value)
    assert memory.records() == ()
    assert memory.recall(["all went well"]) == []


@pytest.mark.parametrize("notes", ["a text", 7, [object()]])
def test_what_is_no_note_is_refused(memory, notes):
    with pytest.raises(InvalidNoteError):
        memory.remember(notes)


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.recall("a text"),
        lambda m: m.recall([" "]),
        lambda m: m.recall([3]),
        lambda m: m.recall(["mug"], k=0),
        lambda m: m.recall(["mug"], k=True),
        lambda m: m.recall(["mug"], timeout_s=0),
        lambda m: m.recall(["mug"], timeout_s=float("nan")),
        lambda m: m.where_is(""),
        lambda m: Query("mug", kinds={"visual"}),
        lambda m: Query("mug", near=((0, 0, 0), -1)),
        lambda m: Query("mug", near=((0, float("nan"), 0), 1)),
        lambda m: Query("mug", between=(5, 1)),
        lambda m: Query("mug", k=-1),
    ],
)
def test_a_bad_query_is_refused(memory, call):
    with pytest.raises(InvalidQueryError):
        call(memory)


class Broken:
    name = "broken"
    dim = 8

    def __init__(self, give):
        self.give = give

    def embed(self, texts):
        return self.give(len(texts))


@pytest.mark.parametrize(
    ("give", "says"),
    [
        (lambda n: np.ones((n, 7)), r"shape \(1, 7\), expected \(1, 8\)"),
        (lambda n: np.full((n, 8), np.nan), "NaN"),
        (lambda n: np.zeros((n, 8)), "zeros"),
    ],
)
def test_an_embedder_that_lies_is_named_at_once(path, give, says):
    with pytest.raises(EmbeddingError, match=says):
        RoboMemory(path, embedder=Broken(give))


def test_a_closed_memory_says_so(memory, note):
    memory.close()
    memory.close()
    for call in (
        lambda: memory.remember([note("episodic", "x")]),
        lambda: memory.recall(["x"]),
        memory.scene,
    ):
        with pytest.raises(MemoryClosedError, match="closed"):
            call()


def test_nothing_to_do_is_fine(memory):
    memory.remember([])
    assert memory.recall([]) == []
    assert memory.recall(["anything"]) == []
    assert memory.where_is("mug") is None
