"""RoboMemory, as a robot's loop uses it: ``remember``, ``recall``, ``retract``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from robomemory import Note, Query, RoboMemory
from vista_bench.peers.drivers.protocol import AskedQuestion, FoundNote, ToldNote, Vector, serve

NAME = "all-minilm-l6-v2-int8"  # whose vectors are looked up


class LookupEmbedder:
    """Gives the vectors that the bench handed over; KeyError for any other text."""

    name = NAME

    def __init__(self, dim: int, vectors: Mapping[str, Vector]) -> None:
        self.dim = dim
        self.vectors = dict(vectors)

    def embed(self, texts: Sequence[str]) -> Vector:
        """Unit rows, f32 (len(texts), dim)."""
        return np.stack([self.vectors[text] for text in texts])


class RoboMemorySystem:
    version = "this repository"

    def __init__(self, folder: Path, dim: int, known: Mapping[str, Vector]) -> None:
        self._embedder = LookupEmbedder(dim, known)
        self._memory = RoboMemory(folder / "notes.sqlite3", embedder=self._embedder)

    def add(self, notes: Sequence[ToldNote], vectors: Mapping[str, Vector]) -> list[str]:
        self._embedder.vectors = dict(vectors)
        told = [
            Note(
                note.kind, note.text, note.stamp_ns, entities=(note.thing,) if note.thing else (),
                position=note.position, triple=(note.thing, "in", note.place) if note.thing else None,
                confidence=0.9, source="bench",
            )
            for note in notes
        ]  # fmt: skip
        return [str(key) for key in self._memory.remember(told)]

    def ask(self, question: AskedQuestion, vectors: Mapping[str, Vector]) -> list[FoundNote]:
        self._embedder.vectors = dict(vectors)
        between = (question.at_ns, question.at_ns) if question.at_ns else None
        answer = self._memory.recall([Query(question.text, None, question.k, None, between)], timeout_s=60.0)
        if answer.missing:
            raise TimeoutError(f"recall is partial: {dict(answer.missing)}")
        found = []
        for item in answer:
            thing, _, place = item.record.triple or ("", "", "")
            found.append(FoundNote(item.text, item.record.stamp_ns, thing, place))
        return found[: question.k]

    def retract(self, keys: Sequence[str]) -> None:
        for key in keys:
            self._memory.retract(int(key))

    def missing(self, keys: Sequence[str]) -> list[str]:
        there = {str(record.id) for record in self._memory.records()}
        return [key for key in keys if key not in there]

    def settle(self) -> None:
        if not self._memory.settle(600.0):
            raise TimeoutError("the index is still being built after 600 s")

    def close(self) -> None:
        self._memory.close()


if __name__ == "__main__":
    serve(RoboMemorySystem)
