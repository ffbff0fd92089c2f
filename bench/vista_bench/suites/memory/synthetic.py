"""Memories of any size for measuring: notes as a robot takes them, with vectors as sentences have them.

A text "… #7" has the vector of its sentence plus a little noise of its own: as near to its neighbours as
real embeddings are, at a cost that lets a million be made. Any other text is embedded by the real model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from robomemory.embed.available import default_embedder
from robomemory.embed.embedder import F32, Embedder
from robomemory.records import MemoryKind, MemoryRecord

SHARES = {
    MemoryKind.EPISODIC: 0.60,
    MemoryKind.SPATIAL: 0.25,
    MemoryKind.TEMPORAL: 0.10,
    MemoryKind.SEMANTIC: 0.05,
}
NOISE = 0.4  # length of the noise on a unit vector: a cosine of about 0.93 to the sentence
THINGS = 500
_COLOURS = ("red", "blue", "green", "white", "black", "yellow", "grey", "orange", "brown", "purple")
_SHAPES = ("mug", "cube", "bowl", "bottle", "spoon", "plate", "box", "can", "lid", "brush")
_PLACES = ("tray", "top drawer", "bottom drawer", "shelf", "table", "basket", "sink", "rack")
_DEEDS = (
    "put the {} into the {}: success",
    "could not put the {} into the {}: it slipped",
    "looked for the {} in the {}: it was not there",
    "took the {} out of the {} and held it",
)


def sentences() -> list[str]:
    """3,200 sentences about things, places and deeds."""
    things = [f"{colour} {shape}" for colour in _COLOURS for shape in _SHAPES]
    return [deed.format(thing, place) for deed in _DEEDS for thing in things for place in _PLACES]


class NeighbourhoodEmbedder:
    """See the module; ``inner`` embeds the sentences and the questions."""

    def __init__(self, inner: Embedder | None = None) -> None:
        self.inner = default_embedder() if inner is None else inner
        self.name = f"neighbourhood-of-{self.inner.name}"
        self.dim = self.inner.dim
        self._known = {text: i for i, text in enumerate(sentences())}
        self._base = self.inner.embed(list(self._known))

    def embed(self, texts: Sequence[str]) -> F32:
        """Unit rows, f32 (len(texts), dim)."""
        out = np.empty((len(texts), self.dim), dtype=np.float32)
        for row, text in zip(out, texts, strict=True):
            sentence, _, number = text.rpartition(" #")
            if sentence in self._known:
                noise = np.random.default_rng(int(number)).standard_normal(self.dim, dtype=np.float32)
                row[:] = self._base[self._known[sentence]] + NOISE * noise / np.linalg.norm(noise)
                row /= np.linalg.norm(row)
            else:
                row[:] = self.inner.embed([text])[0]
        return out


def notes(start: int, stop: int) -> Iterator[MemoryRecord]:
    """Records number ``start`` to ``stop``, each memory with its share, a second apart."""
    told = sentences()
    kinds = list(SHARES)
    edges = np.cumsum(list(SHARES.values()))
    for i in range(start, stop):
        rng = np.random.default_rng(i + 2**32)
        kind = kinds[int(np.searchsorted(edges, rng.random() * edges[-1]))]
        stamp = (i + 1) * 10**9
        text = f"{told[int(rng.integers(len(told)))]} #{i}"
        if kind is MemoryKind.SPATIAL:
            thing, place = f"thing {int(rng.integers(THINGS))}", _PLACES[int(rng.integers(len(_PLACES)))]
            x, y, z = (round(float(v), 3) for v in rng.random(3))
            says = (thing, "in", place)
            yield MemoryRecord(0, kind, stamp, " ".join(says), (thing,), (x, y, z), says, 0.9, "bench")
        else:
            yield MemoryRecord(0, kind, stamp, text, confidence=0.9, source="bench")


def question(i: int) -> str:
    """A question that was not asked before, of words that the memory knows."""
    rng = np.random.default_rng(i + 2**33)
    colour, shape, place = (str(rng.choice(words)) for words in (_COLOURS, _SHAPES, _PLACES))
    thing = int(rng.integers(THINGS))
    return f"when did I put the {colour} {shape} into the {place}, and where is thing {thing}, {i}?"
