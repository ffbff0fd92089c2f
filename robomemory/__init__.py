"""RoboMemory: spatial, temporal, episodic and semantic memory of a robot, written and asked in parallel.

Stands alone: it imports nothing of the stack around it. After "RoboMemory" (arXiv 2508.01415).
"""

from robomemory.draw import draw_graph, graph_image
from robomemory.embedding import Embedder, HashingEmbedder, MiniLMEmbedder, default_embedder
from robomemory.errors import (
    EmbeddingError,
    InvalidNoteError,
    InvalidQueryError,
    MemoryClosedError,
    MissingDependencyError,
    RoboMemoryError,
    StoreCorruptError,
    StoreError,
    StoreInUseError,
    StoreVersionError,
)
from robomemory.memory import RoboMemory
from robomemory.records import MemoryKind, MemoryRecord, NoteLike, Query, Recall, RecallResult
from robomemory.scene import Scene, SceneFact, SceneObject, Whereabouts

__all__ = [
    "Embedder",
    "EmbeddingError",
    "HashingEmbedder",
    "InvalidNoteError",
    "InvalidQueryError",
    "MemoryClosedError",
    "MemoryKind",
    "MemoryRecord",
    "MiniLMEmbedder",
    "MissingDependencyError",
    "NoteLike",
    "Query",
    "Recall",
    "RecallResult",
    "RoboMemory",
    "RoboMemoryError",
    "Scene",
    "SceneFact",
    "SceneObject",
    "StoreCorruptError",
    "StoreError",
    "StoreInUseError",
    "StoreVersionError",
    "Whereabouts",
    "default_embedder",
    "draw_graph",
    "graph_image",
]
