"""Cell ``peers``: the protocol of the drivers, with the systems that are here; and those that are not."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robomemory.embed.embedder import HashingEmbedder
from vista.cli import main as cli
from vista.errors import ConfigError
from vista_bench.jobs import BenchProgress
from vista_bench.peers.corpus import BELIEF, KINDS, make_corpus, stamp
from vista_bench.peers.driver_process import DriverProcess, PeerDriverError
from vista_bench.peers.drivers.protocol import FoundNote
from vista_bench.peers.systems import SYSTEMS, ComparedSystem
from vista_bench.peers.trial import START, newest
from vista_bench.peers.vectors import VectorFile
from vista_bench.suites import BenchSettings
from vista_bench.suites.memory import make_cell

HERE = tuple(SYSTEMS[name] for name in ("robomemory", "faiss"))


@pytest.fixture(autouse=True)
def no_model(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("vista_bench.peers.cell.default_embedder", HashingEmbedder)


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch):
    """A machine without the environment of the peers."""
    monkeypatch.setattr("vista_bench.peers.systems.resource_roots", lambda: ())
    monkeypatch.delenv("VISTA_PEERS_PYTHON", raising=False)


class Store:
    """A system, a small corpus, and its vectors."""

    def __init__(self, system: ComparedSystem, folder: Path) -> None:
        self.system, self.folder = system, folder
        self.corpus = make_corpus(120, 80, 5, seed=3)
        self.vectors = VectorFile(folder / "vectors", HashingEmbedder())
        self.vectors.add([START, *self.corpus.texts()])
        every = (*self.corpus.notes, *self.corpus.extra)
        self.notes = [note.told(n, self.vectors.rows) for n, note in enumerate(every)]

    def open(self) -> DriverProcess:
        known = {START: self.vectors.rows[START]}
        store, log = self.folder / "store", self.folder / "log"
        return DriverProcess(self.system, store, self.vectors.path, self.vectors.dim, known, log)


@pytest.mark.parametrize("system", HERE, ids=lambda system: system.name)
def test_a_driver_adds_asks_takes_back_and_opens_again(system: ComparedSystem, tmp_path: Path):
    store = Store(system, tmp_path)
    driver = store.open()
    try:
        keys, seconds = driver.add(store.notes[:100])
        singles = list(driver.stream(store.notes[100:120]))
        keys += [key for key, _ in singles]
        assert len(keys) == 120
        assert seconds > 0
        assert all(spent > 0 for _, spent in singles)
        lesson = next(each for each in store.corpus.asked if each.kind == "likeness")
        found, _ = driver.ask(lesson.text, store.vectors.rows[lesson.text], 5, 0)
        assert found[0].text == lesson.text
        assert driver.call("missing", keys=[*keys, "999999"])["missing"] == ["999999"]
        false = store.corpus.false[0]
        driver.call("retract", keys=[keys[false]])
        then = next(each for each in store.corpus.asked if each.kind == "then")
        found, _ = driver.ask(then.question, store.vectors.rows[then.question], 5, then.at_ns)
        if system.name == "robomemory":  # a fact that held then may have been confirmed later
            assert then.fits(found[0])
        else:
            assert len(found) == 5
            assert all(note.stamp_ns <= then.at_ns for note in found)
        assert driver.call("status")["rss_mb"] > driver.empty_mb / 2 > 0
        driver.stop()
        driver = store.open()
        kept = [key for n, key in enumerate(keys) if n != false]
        assert driver.call("missing", keys=kept)["missing"] == []
    finally:
        driver.kill()


def test_a_kill_loses_what_plain_faiss_had_not_written_and_nothing_of_ours(tmp_path: Path):
    lost = {}
    for system in HERE:
        store = Store(system, tmp_path / system.name)
        driver = store.open()
        keys = []
        for key, _ in driver.stream(store.notes):
            keys.append(key)
            if len(keys) == 50:
                break
        keys += driver.kill_now()
        driver = store.open()
        try:
            lost[system.name] = len(driver.call("missing", keys=keys)["missing"])
        finally:
            driver.kill()
        assert len(keys) >= 50
    assert lost["robomemory"] == 0
    assert lost["faiss"] >= 50


def test_a_refusal_and_an_end_of_a_driver_are_told(tmp_path: Path):
    store = Store(SYSTEMS["faiss"], tmp_path)
    driver = store.open()
    driver.add(store.notes[:1])
    with pytest.raises(PeerDriverError, match="faiss: 'add' failed: IntegrityError"):
        driver.add(store.notes[:1])
    with pytest.raises(PeerDriverError, match="unknown op 'dance'"):
        driver.call("dance")
    driver.kill()
    with pytest.raises(PeerDriverError, match="faiss: the driver"):
        driver.call("status")
    (tmp_path / "store" / "notes.faiss").write_bytes(b"nonsense")
    with pytest.raises(PeerDriverError, match="'open' failed: RuntimeError"):
        store.open()


def test_the_cell_measures_what_is_here_and_names_what_is_not(tmp_path: Path, nobody: None):
    settings = BenchSettings(cells=("peers",), records=(300,), episodes=5)
    cell = make_cell("peers")
    rows = cell.measure(settings, tmp_path, BenchProgress())
    by_name = {str(row["method"]): row for row in rows}
    assert list(by_name) == list(SYSTEMS)
    for name in ("mem0", "chroma", "lancedb"):
        assert by_name[name]["skipped"] == "not installed; ./run setup peers"
    ours, faiss = by_name["robomemory"], by_name["faiss"]
    assert (ours["n"], faiss["n"]) == (25, 25)
    assert (ours["lost"], ours["opened"], ours["lost_on_close"], faiss["lost_on_close"]) == (0, 3, 0, 0)
    assert min(ours["acknowledged"], faiss["acknowledged"]) >= 3 * 60
    for row in (ours, faiss):
        assert 0 < row["add_p50_ms"] <= row["add_p99_ms"]
        assert 0 < row["ask_p50_ms"] <= row["ask_p95_ms"]
        assert row["rss_mb"] > 10
    believed = {
        name: sum(by_name[name]["first"][kind] for kind in BELIEF) for name in ("robomemory", "faiss")
    }
    assert believed["robomemory"] > believed["faiss"]
    text = (tmp_path / "peers.md").read_text()
    assert text.strip() == cell.markdown(rows)
    assert "| 300 | mem0 | not installed; ./run setup peers |" in text
    assert "x 1, ask x 1" in text
    assert not list(tmp_path.glob("store-*"))
    # A finished row is not measured again; one of other figures' making is.
    kept = tmp_path / "rows" / "faiss-300.json"
    told = json.loads(kept.read_text())
    alone = replace(settings, methods=("faiss",))
    for mark, dates in ((told["mark"], ["never"]), ("another", [])):
        kept.write_text(json.dumps({"mark": mark, "row": told["row"] | {"date": "never"}}))
        again = cell.measure(alone, tmp_path, BenchProgress())
        assert [row["date"] for row in again if row["date"] == "never"] == dates


def test_nothing_installed_is_one_sentence(tmp_path: Path, nobody: None, capsys: pytest.CaptureFixture[str]):
    settings = BenchSettings(cells=("peers",), methods=("mem0",), records=(1_000,))
    with pytest.raises(ConfigError, match=r"mem0 not installed; \./run setup peers"):
        make_cell("peers").measure(settings, tmp_path, BenchProgress())
    call = ["bench", "--suite", "memory", "--cell", "peers", "--method", "mem0", "--out", str(tmp_path)]
    assert cli.main(call) == 2
    assert "./run setup peers" in capsys.readouterr().err


def test_another_python_is_asked_for_its_packages(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("VISTA_PEERS_PYTHON", sys.executable)
    assert SYSTEMS["mem0"].installed() is None
    assert ComparedSystem("numpy", "", "numpy", True).installed() == np.__version__
    assert str(Path.cwd()) not in SYSTEMS["mem0"].environment()["PYTHONPATH"].split(":")


def test_a_corpus_holds_the_answers_to_its_questions():
    corpus = make_corpus(3_000, 100, 40, seed=1)
    assert corpus == make_corpus(3_000, 100, 40, seed=1)
    assert corpus != make_corpus(3_000, 100, 40, seed=2)
    assert len(corpus.notes) == 3_000
    assert {each.kind: sum(e.kind == each.kind for e in corpus.asked) for each in corpus.asked} == {
        kind: 40 for kind in KINDS
    }
    told = [text for text in (note.text for note in corpus.notes) if " is in the " not in text]
    assert len(set(told)) == len(told)
    false = set(corpus.false)
    for asked in corpus.asked:
        if not asked.thing:
            assert asked.text in told
            continue
        seen = [
            note.place for n, note in enumerate(corpus.notes)
            if note.thing == asked.thing and n not in false and (not asked.at_ns or stamp(n) <= asked.at_ns)
        ]  # fmt: skip
        assert seen[-1] == asked.place
        if asked.kind == "retracted":
            assert any(corpus.notes[n].thing == asked.thing for n in false)


def test_an_interrupted_embedding_goes_on(tmp_path: Path):
    texts = [f"text {i}" for i in range(10)]
    first = VectorFile(tmp_path, HashingEmbedder())
    assert first.add(texts[:6])[0] == 6
    with first.path.open("ab") as file:
        file.write(b"torn")
    with (tmp_path / "hashing-512.texts.jsonl").open("a") as file:
        file.write('"half a te')
    again = VectorFile(tmp_path, HashingEmbedder())
    assert again.rows == first.rows
    assert again.add(texts)[0] == 4
    rows = np.fromfile(again.path, dtype=np.float32).reshape(-1, 512)
    for text in texts:
        np.testing.assert_allclose(rows[again.rows[text]], HashingEmbedder().embed([text])[0], atol=1e-6)


def test_the_newest_is_taken_among_sightings():
    notes = [FoundNote("b", 9, "", ""), FoundNote("a", 1, "mug", "tray"), FoundNote("c", 5, "mug", "sink")]
    assert newest(notes) == notes[2]
    assert newest(notes[:1]) is None
