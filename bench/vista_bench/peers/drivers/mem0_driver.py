"""mem0 with ``infer=False`` over its default vector store, Qdrant in a local folder.

No language model is asked and no telemetry sent (the bench sets ``MEM0_TELEMETRY``). Its embedder is
replaced by one that looks vectors up. Its keyword search and its entities need fastembed and spaCy with
models that are downloaded when they run; they are not installed, and mem0 then ranks by vectors alone.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from mem0 import Memory as Mem0Memory
from mem0.embeddings.base import EmbeddingBase

from vista_bench.peers.drivers.protocol import AskedQuestion, FoundNote, ToldNote, Vector, serve

USER = "robot"  # mem0 keeps every note for somebody


class LookupEmbedding(EmbeddingBase):
    """Gives the vectors that the bench handed over; KeyError for any other text."""

    def __init__(self) -> None:
        super().__init__()
        self.vectors: Mapping[str, Vector] = {}

    def embed(self, text: str, memory_action: str | None = None) -> list[float]:
        """The vector of ``text``."""
        found: list[float] = self.vectors[text].tolist()
        return found


class Mem0System:
    version = f"mem0 {version('mem0ai')}"

    def __init__(self, folder: Path, dim: int, known: Mapping[str, Vector]) -> None:
        self._memory = Mem0Memory.from_config(
            {
                "vector_store": {
                    "provider": "qdrant",
                    "config": {
                        "collection_name": "notes", "path": str(folder / "qdrant"),
                        "embedding_model_dims": dim, "on_disk": True,
                    },
                },
                # Clients are made but never called.
                "llm": {"provider": "openai", "config": {"api_key": "unused"}},
                "embedder": {
                    "provider": "openai", "config": {"api_key": "unused", "embedding_dims": dim},
                },
                "history_db_path": str(folder / "history.db"),
            }
        )  # fmt: skip
        self._embedding = self._memory.embedding_model = LookupEmbedding()

    def add(self, notes: Sequence[ToldNote], vectors: Mapping[str, Vector]) -> list[str]:
        """One call a note: a call with several messages would give all of them the same metadata."""
        self._embedding.vectors = vectors
        keys = []
        for note in notes:
            told = {"stamp_ns": note.stamp_ns, "thing": note.thing, "place": note.place}
            answer = self._memory.add(note.text, user_id=USER, metadata=told, infer=False)
            keys.append(str(answer["results"][0]["id"]))
        return keys

    def ask(self, question: AskedQuestion, vectors: Mapping[str, Vector]) -> list[FoundNote]:
        self._embedding.vectors = vectors
        filters: dict[str, object] = {"user_id": USER}
        if question.at_ns:
            filters["stamp_ns"] = {"lte": question.at_ns}
        answer = self._memory.search(question.text, top_k=question.k, filters=filters)
        return [
            FoundNote(each["memory"], each["metadata"]["stamp_ns"], each["metadata"]["thing"],
                      each["metadata"]["place"])
            for each in answer["results"]
        ]  # fmt: skip

    def retract(self, keys: Sequence[str]) -> None:
        for key in keys:
            self._memory.delete(key)

    def missing(self, keys: Sequence[str]) -> list[str]:
        return [key for key in keys if self._memory.get(key) is None]

    def settle(self) -> None:
        """It writes within each call."""

    def close(self) -> None:
        self._memory.close()
        self._memory.vector_store.client.close()


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    serve(Mem0System)
