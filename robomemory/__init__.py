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
    ReadOnlyError,
    ResolverError,
    RoboMemoryError,
    StoreCorruptError,
    StoreError,
    StoreInUseError,
    StoreVersionError,
)
from robomemory.front.asynchronous import AsyncMemory
from robomemory.front.camera import Seen
from robomemory.front.candidates import Candidate
from robomemory.front.door import Memory
from robomemory.front.found import Found
from robomemory.front.pictures import Compared, Exemplar, Recognition
from robomemory.front.then import Then
from robomemory.graph.draw import draw_graph, graph_image
from robomemory.graph.scene import SceneChange, SceneFact, SceneGraph, SceneObject, Stay, Whereabouts
from robomemory.helpers import Helpers, Revision, RevisionAction
from robomemory.memory import RoboMemory
from robomemory.notes import Failure, Note, NoteLike, Picture, StepDone
from robomemory.places.poses import Pose
from robomemory.places.regions import Box
from robomemory.records import (
    Confirmation,
    MemoryKind,
    MemoryRecord,
    MemoryStatus,
    Query,
    Recall,
    RecallResult,
)
from robomemory.resolving.edits import AddEdge, Apart, DeleteEdge, Keep, ModifyEdge, SameThing
from robomemory.resolving.endpoint import EndpointResolver
from robomemory.resolving.local_graph import (
    ConflictResolver,
    Edge,
    LocalGraph,
    OpenQuestion,
    QuestionKind,
    Vertex,
)
from robomemory.resolving.rule_resolver import RuleResolver

__all__ = [
    "RELATIONS",
    "AddEdge",
    "Answer",
    "AnswerKind",
    "Apart",
    "AsyncMemory",
    "Box",
    "Candidate",
    "Compared",
    "Confirmation",
    "ConflictResolver",
    "DeleteEdge",
    "Edge",
    "EfficientNetPictures",
    "Embedder",
    "EmbeddingError",
    "EndpointResolver",
    "Exemplar",
    "Failure",
    "Found",
    "HashingEmbedder",
    "Helpers",
    "HistogramPictures",
    "InvalidNoteError",
    "InvalidQueryError",
    "Keep",
    "LocalGraph",
    "Memory",
    "MemoryClosedError",
    "MemoryKind",
    "MemoryRecord",
    "MemoryStatus",
    "MiniLMEmbedder",
    "MiniLMInt8Embedder",
    "MissingDependencyError",
    "ModifyEdge",
    "Note",
    "NoteLike",
    "OpenQuestion",
    "Picture",
    "PictureEmbedder",
    "Pose",
    "Query",
    "QuestionKind",
    "ReadOnlyError",
    "Recall",
    "RecallResult",
    "Recognition",
    "ResolverError",
    "Revision",
    "RevisionAction",
    "RoboMemory",
    "RoboMemoryError",
    "RuleResolver",
    "SameThing",
    "SceneChange",
    "SceneFact",
    "SceneGraph",
    "SceneObject",
    "Seen",
    "Stay",
    "StepDone",
    "StoreCorruptError",
    "StoreError",
    "StoreInUseError",
    "StoreVersionError",
    "Teller",
    "Then",
    "Vertex",
    "Whereabouts",
    "default_embedder",
    "draw_graph",
    "embedder_named",
    "graph_image",
]
