"""Vectors at scale: lists are built beside, answers stay right, saved indices are not trusted blindly."""

import json
import shutil
import sqlite3
import threading
from functools import partial

import numpy as np
import pytest

from robomemory import HashingEmbedder, MemoryKind, Query, RoboMemory
from robomemory.memory_parts import MemoryParts
from robomemory.vectors.index import VectorIndex
from robomemory.vectors.ivf_index import IvfIndex

SMALL = partial(MemoryParts.build, flat_limit=300)


def index_of(memory):
    return memory._parts.long_term[MemoryKind.EPISODIC].index


def unit(n, dim=32, seed=0):
    rows = np.random.default_rng(seed).normal(size=(n, dim)).astype("f4")
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_lists_take_over_and_find_what_exact_search_finds():
    rows = unit(2_000)
    index, exact = VectorIndex(32, flat_limit=1_000), VectorIndex(32)
    for start in range(0, 2_000, 100):
        keys = range(start, start + 100)
        index.put(keys, rows[start : start + 100])
        exact.put(keys, rows[start : start + 100])
    assert index.wait(60)
    assert (index.method, exact.method) == ("ivf", "flat")
    queries = unit(50, seed=1)
    hits = sum(
        len({k for k, _ in index.search(q, 10)} & {k for k, _ in exact.search(q, 10)}) for q in queries
    )
    assert hits / 500 >= 0.95
    assert index.search(rows[7], 1)[0][0] == 7
    index.remove([7])
    assert index.search(rows[7], 1)[0][0] != 7
    index.put([7], rows[7][None])
    assert index.search(rows[7], 1)[0][0] == 7
    few = [key for key, _ in index.search(rows[7], 5, allowed=[3, 11, 1_999])]
    assert few == [key for key, _ in exact.search(rows[7], 5, allowed=[3, 11, 1_999])]


def test_what_changes_while_lists_are_built_is_not_lost():
    rows = unit(3_000)
    index = VectorIndex(32, flat_limit=500, built=lambda lists, mark: gate.wait(30))
    gate = threading.Event()
    index.put(range(1_000), rows[:1_000])
    for i in range(1_000, 3_000):  # the builder waits at the gate meanwhile
        index.put([i], rows[i][None])
    index.remove(range(0, 1_000, 2))
    index.put([1], rows[0][None])
    assert index.method == "flat"
    gate.set()
    assert index.wait(60)
    assert index.method == "ivf"
    assert len(index) == 2_500
    assert index.search(rows[0], 1)[0][0] == 1
    assert all(index.search(rows[i], 1)[0][0] == i for i in range(1_001, 3_000, 97))
    assert {k for i in range(0, 1_000, 50) for k, _ in index.search(rows[i], 3)}.isdisjoint(
        range(0, 1_000, 2)
    )


def test_searches_while_lists_are_built_do_not_crash():
    rows = unit(4_000)
    index, stop = VectorIndex(32, flat_limit=400), threading.Event()
    index.put(range(100), rows[:100])
    wrong = []

    def search():
        while not stop.is_set():
            if index.search(rows[5], 1)[0][0] != 5:
                wrong.append(1)

    readers = [threading.Thread(target=search) for _ in range(2)]
    for reader in readers:
        reader.start()
    for i in range(100, 4_000, 50):
        index.put(range(i, i + 50), rows[i : i + 50])
    assert index.wait(60)
    stop.set()
    for reader in readers:
        reader.join(30)
    assert wrong == []


@pytest.fixture
def large(path, note):
    """A store whose episodic index has become one of lists and was saved."""
    with RoboMemory(path, embedder=HashingEmbedder(), make_parts=SMALL) as memory:
        memory.remember([note("episodic", f"moved box {i} to shelf {i * 7}", i) for i in range(1_500)])
        assert index_of(memory).wait(60)
        assert index_of(memory).method == "ivf"
    return path


def opened(path):
    return RoboMemory(path, embedder=HashingEmbedder(), make_parts=SMALL)


def finds(memory, i):
    return memory.recall([Query(f"moved box {i} to shelf {i * 7}", kinds={"episodic"}, k=1)])[0].text


def test_a_saved_index_is_used_and_brought_up_to_date(large, note, monkeypatch):
    label = json.loads((large.parent / f"{large.name}-index" / "episodic.json").read_text())
    with opened(large) as memory:
        assert index_of(memory).method == "ivf"
        memory.remember([note("episodic", f"moved box {i} to shelf {i * 7}", i) for i in range(1_500, 1_600)])
        memory.forget(query="moved box 3 to shelf 21")
        monkeypatch.setattr(
            "robomemory.vectors.index_files.IndexFiles.save", lambda *_: None
        )  # as if it were killed
    assert json.loads((large.parent / f"{large.name}-index" / "episodic.json").read_text()) == label
    with opened(large) as memory:
        assert index_of(memory).method == "ivf"
        assert len(index_of(memory)) == 1_599
        assert all(finds(memory, i).startswith(f"moved box {i} ") for i in (0, 1_499, 1_500, 1_599))
        assert not finds(memory, 3).startswith("moved box 3 ")


@pytest.mark.parametrize("harm", ["torn", "other bytes", "no label", "label of another", "too few"])
def test_a_saved_index_that_is_not_whole_is_rebuilt(large, harm):
    folder = large.parent / f"{large.name}-index"
    (file,) = folder.glob("episodic-*.faiss")
    label = folder / "episodic.json"
    if harm == "torn":
        file.write_bytes(file.read_bytes()[:-100])
    elif harm == "other bytes":
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 255
        file.write_bytes(data)
    elif harm == "no label":
        label.unlink()
    elif harm == "label of another":
        label.write_text(json.dumps(json.loads(label.read_text()) | {"embedder": "another"}))
    else:  # whole, but it does not hold what the store holds
        from robomemory.vectors.index_files import IndexFiles

        lists = IvfIndex.trained(512, 10, HashingEmbedder().embed([f"text {i}" for i in range(10)]))
        (store_id,) = (
            sqlite3.connect(large).execute("SELECT value FROM about WHERE name = 'store_id'").fetchone()
        )
        IndexFiles(str(large), "hashing-512", 512, store_id).save("episodic", lists, 10**6, 0)
    with opened(large) as memory:
        assert len(index_of(memory)) == 1_500
        assert all(finds(memory, i).startswith(f"moved box {i} ") for i in range(0, 1_500, 300))


def test_an_index_beside_another_history_of_equal_length_is_rebuilt(large, note, tmp_path, caplog):
    other = tmp_path / "other" / "scene.sqlite3"
    other.parent.mkdir()
    with RoboMemory(other, embedder=HashingEmbedder(), make_parts=SMALL) as memory:
        memory.remember([note("episodic", f"washed cup {i} in sink {i * 7}", i) for i in range(1_500)])
        assert index_of(memory).wait(60)
    shutil.rmtree(f"{other}-index")
    shutil.copytree(f"{large}-index", f"{other}-index")
    with caplog.at_level("WARNING"), opened(other) as memory:
        assert "it is the index of another store" in caplog.text
        found = memory.recall([Query("washed cup 7 in sink 49", kinds={"episodic"}, k=1)])[0]
        assert (found.text, round(found.score, 2)) == ("washed cup 7 in sink 49", 1.0)
