"""RoboMemory: spatial, temporal, episodic and semantic memory of a robot, written and asked in parallel.

Stands alone: it imports nothing of the stack around it. After "RoboMemory" (arXiv 2508.01415).
"""

from robomemory.asking.answers import Answer, AnswerKind, Teller
from robomemory.belief.relations import RELATIONS
from robomemory.embed.available import default_embedder, embedder_named
from robomemory.embed.efficientnet import EfficientNetPictures
from robomemory.embed.embedder import Embedder, HashingEmbedder
from robomemory.embed.minilm import MiniLMEmbedder, MiniLMInt8Embedder
from robomemory.embed.pictures import HistogramPictures, PictureEmbedder
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
from robomemory.front.candidates import Candidate
from robomemory.front.door import Found, Memory, Then
from robomemory.front.pictures import Compared, Exemplar, Recognition
from robomemory.graph.draw import draw_graph, graph_image
from robomemory.graph.scene import SceneChange, SceneFact, SceneGraph, SceneObject, Stay, Whereabouts
from robomemory.helpers import Ambiguity, Helpers, Revision, RevisionAction
from robomemory.memory import RoboMemory
from robomemory.notes import Failure, Note, NoteLike, Picture, StepDone
from robomemory.records import (
    Confirmation,
    MemoryKind,
    MemoryRecord,
    MemoryStatus,
    Query,
    Recall,
    RecallResult,
)

__all__ = [
    "RELATIONS",
    "Ambiguity",
    "Answer",
    "AnswerKind",
    "Candidate",
    "Compared",
    "Confirmation",
    "EfficientNetPictures",
    "Embedder",
    "EmbeddingError",
    "Exemplar",
    "Failure",
    "Found",
    "HashingEmbedder",
    "Helpers",
    "HistogramPictures",
    "InvalidNoteError",
    "InvalidQueryError",
    "Memory",
    "MemoryClosedError",
    "MemoryKind",
    "MemoryRecord",
    "MemoryStatus",
    "MiniLMEmbedder",
    "MiniLMInt8Embedder",
    "MissingDependencyError",
    "Note",
    "NoteLike",
    "Picture",
    "PictureEmbedder",
    "Query",
    "Recall",
    "RecallResult",
    "Recognition",
    "Revision",
    "RevisionAction",
    "RoboMemory",
    "RoboMemoryError",
    "SceneChange",
    "SceneFact",
    "SceneGraph",
    "SceneObject",
    "Stay",
    "StepDone",
    "StoreCorruptError",
    "StoreError",
    "StoreInUseError",
    "StoreVersionError",
    "Teller",
    "Then",
    "Whereabouts",
    "default_embedder",
    "draw_graph",
    "embedder_named",
    "graph_image",
]
