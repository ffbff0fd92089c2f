"""RoboMemory: spatial, temporal, episodic and semantic memory of a robot, written and asked in parallel.

Stands alone: it imports nothing of the stack around it. After "RoboMemory" (arXiv 2508.01415).
"""

from robomemory.embed.embedder import Embedder, HashingEmbedder, default_embedder, embedder_named
from robomemory.embed.minilm import MiniLMEmbedder, MiniLMInt8Embedder
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
from robomemory.graph.draw import draw_graph, graph_image
from robomemory.graph.scene import SceneChange, SceneFact, SceneGraph, SceneObject, Stay, Whereabouts
from robomemory.helpers import Ambiguity, Helpers, Revision, RevisionAction
from robomemory.memory import RoboMemory
from robomemory.records import MemoryKind, MemoryRecord, MemoryStatus, NoteLike, Query, Recall, RecallResult

__all__ = [
    "Ambiguity",
    "Embedder",
    "EmbeddingError",
    "HashingEmbedder",
    "Helpers",
    "InvalidNoteError",
    "InvalidQueryError",
    "MemoryClosedError",
    "MemoryKind",
    "MemoryRecord",
    "MemoryStatus",
    "MiniLMEmbedder",
    "MiniLMInt8Embedder",
    "MissingDependencyError",
    "NoteLike",
    "Query",
    "Recall",
    "RecallResult",
    "Revision",
    "RevisionAction",
    "RoboMemory",
    "RoboMemoryError",
    "SceneChange",
    "SceneFact",
    "SceneGraph",
    "SceneObject",
    "Stay",
    "StoreCorruptError",
    "StoreError",
    "StoreInUseError",
    "StoreVersionError",
    "Whereabouts",
    "default_embedder",
    "draw_graph",
    "embedder_named",
    "graph_image",
]
