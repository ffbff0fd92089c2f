"""Suite ``memory``: hands each cell to its module, and the cells latency and recall measure what they say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from robomemory.embed.embedder import CachedEmbedder, HashingEmbedder
from robomemory.records import MemoryKind
from vista.errors import UnknownNameError
from vista_bench.jobs import BenchProgress
from vista_bench.suites import BenchSettings, make_suite
from vista_bench.suites.memory import make_cell
from vista_bench.suites.memory.house import make_run
from vista_bench.suites.memory.synthetic import SHARES, NeighbourhoodEmbedder, notes, question


@pytest.fixture(autouse=True)
def no_model(monkeypatch: pytest.MonkeyPatch):
    embedder = CachedEmbedder(HashingEmbedder(), 50_000)
    monkeypatch.setattr("vista_bench.suites.memory.synthetic.default_embedder", lambda: embedder)
    monkeypatch.setattr("vista_bench.suites.memory.recall._embedder", lambda: embedder)


def test_unknown_cells_and_methods_are_named(tmp_path: Path):
    with pytest.raises(UnknownNameError, match="latency"):
        make_suite("memory").measure(BenchSettings(cells=("speed",)), tmp_path, BenchProgress())
    with pytest.raises(UnknownNameError, match="sequential"):
        make_suite("memory").measure(
            BenchSettings(cells=("latency",), methods=("magic",)), tmp_path, BenchProgress()
        )


def test_a_method_of_one_cell_leaves_the_others_out(tmp_path: Path):
    settings = BenchSettings(cells=("latency", "recall"), methods=("no-validity",), episodes=1)
    cells = make_suite("memory").measure(settings, tmp_path, BenchProgress())
    assert [(c["cell"], c["method"]) for c in cells] == [("recall", "no-validity")]


def test_recall_is_counted_by_questions_and_resumed(tmp_path: Path):
    settings = BenchSettings(cells=("recall",), methods=("robomemory", "vectors"), episodes=2)
    first = make_cell("recall").measure(settings, tmp_path, BenchProgress())
    lines = (tmp_path / "episodes.jsonl").read_text()
    assert make_cell("recall").measure(settings, tmp_path, BenchProgress()) == first
    assert (tmp_path / "episodes.jsonl").read_text() == lines
    ours, vectors = first
    assert ours["n"] == vectors["n"] == 2 * 28
    assert ours["success_rate"] > 0.8 > 0.5 > vectors["success_rate"]


def test_a_run_is_the_same_for_the_same_seed_and_its_answers_are_in_it():
    run = make_run(5)
    assert run == make_run(5)
    assert run != make_run(6)
    told = {r.text for batch in run.batches for r in batch}
    for asked in run.questions:
        if asked.kind in ("identifier", "latest"):
            assert asked.right[0][0] in told


def test_latency_rows_hold_what_they_promise(tmp_path: Path):
    cells = make_cell("latency").measure(
        BenchSettings(records=(200, 400), episodes=2), tmp_path, BenchProgress()
    )
    timed = [c for c in cells if c.get("what") in ("index", "text", "update")]
    assert {(c["records"], c["method"], c["what"]) for c in timed} == {
        (size, method, what)
        for size in (200, 400)
        for method in ("parallel", "sequential", "temporal")
        for what in ("index", "text", "update")
    }
    assert all(0 < c["min_ms"] <= c["p50_ms"] <= c["p99_ms"] for c in timed)
    (ratio,) = [c for c in cells if c.get("what") == "index, 50 ms wait" and c["method"] == "parallel"]
    assert ratio["p50_ms"] >= 50
    assert ratio["speedup"] > 1
    assert [c["recall_at_10"] for c in cells if "recall_at_10" in c] == [1.0, 1.0]
    stored = [c["stored"] for c in cells if "stored" in c]  # with lines that steps were drawn into
    assert [size <= n <= 1.05 * size for size, n in zip((200, 400), stored, strict=True)] == [True, True]
    assert json.loads((tmp_path / "rows.json").read_text()) == cells
    assert (tmp_path / "latency.svg").read_bytes().startswith(b"<?xml")
    assert (tmp_path / "latency.png").read_bytes().startswith(b"\x89PNG")
    assert not list(tmp_path.glob("store-*"))


def test_synthetic_notes_have_their_shares_and_near_neighbours():
    found = list(notes(0, 4_000))
    for kind, share in SHARES.items():
        assert sum(r.kind is kind for r in found) / 4_000 == pytest.approx(share, abs=0.03)
    texts = [r.text for r in found if r.kind is MemoryKind.EPISODIC][:50]
    embedder = NeighbourhoodEmbedder()
    vectors = embedder.embed(texts)
    sentences = embedder.embed([text.rpartition(" #")[0] for text in texts])
    assert 0.85 < float((vectors * sentences).sum(axis=1).mean()) < 0.97
    assert len({question(i) for i in range(100)}) == 100
