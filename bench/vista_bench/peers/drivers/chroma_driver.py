"""Chroma, persistent and local, without its telemetry and without an embedding function of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import chromadb
from chromadb.config import Settings

from vista_bench.peers.drivers.protocol import AskedQuestion, FoundNote, ToldNote, Vector, serve

MOST = 1_000  # keys of one request


class ChromaSystem:
    version = f"Chroma {chromadb.__version__}"

    def __init__(self, folder: Path, dim: int, known: Mapping[str, Vector]) -> None:
        self._client = chromadb.PersistentClient(str(folder), Settings(anonymized_telemetry=False))
        self._notes = self._client.get_or_create_collection(
            "notes", embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
        )

    def add(self, notes: Sequence[ToldNote], vectors: Mapping[str, Vector]) -> list[str]:
        keys = [str(note.n) for note in notes]
        self._notes.add(
            ids=keys,
            embeddings=[vectors[note.text] for note in notes],
            documents=[note.text for note in notes],
            metadatas=[
                {"stamp_ns": note.stamp_ns, "thing": note.thing, "place": note.place} for note in notes
            ],
        )
        return keys

    def ask(self, question: AskedQuestion, vectors: Mapping[str, Vector]) -> list[FoundNote]:
        answer = self._notes.query(
            query_embeddings=[vectors[question.text]],
            n_results=question.k,
            where={"stamp_ns": {"$lte": question.at_ns}} if question.at_ns else None,
            include=["documents", "metadatas"],
        )
        (texts,), (told,) = answer["documents"], answer["metadatas"]
        return [
            FoundNote(text, int(each["stamp_ns"]), str(each["thing"]), str(each["place"]))
            for text, each in zip(texts, told, strict=True)
        ]

    def retract(self, keys: Sequence[str]) -> None:
        self._notes.delete(ids=list(keys))

    def missing(self, keys: Sequence[str]) -> list[str]:
        there: set[str] = set()
        for start in range(0, len(keys), MOST):
            there.update(self._notes.get(ids=list(keys[start : start + MOST]), include=["embeddings"])["ids"])
        return [key for key in keys if key not in there]

    def settle(self) -> None:
        """It writes and builds within each call."""

    def close(self) -> None:
        self._client.close()


if __name__ == "__main__":
    serve(ChromaSystem)
