"""The memory behind its node gives what the library gives, and planning decides the same with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("vista_msgs")
pytest.importorskip("faiss")

from robomemory import (
    Confirmation,
    Failure,
    InvalidNoteError,
    MemoryKind,
    MemoryRecord,
    Note,
    Picture,
    Recall,
    RoboMemory,
    StepDone,
)
from robomemory import Memory as Door
from robomemory.embed.embedder import HashingEmbedder
from robomemory.planning.lessons import Lesson, LessonRelation, notes_of
from robomemory.planning.recollection import Recollection
from robomemory.timestamps import Moment
from tests.ros.beside import Beside
from vista.graph.running import free_domain
from vista.protocols import Memory
from vista_msgs.srv import Recall as RecallSrv
from vista_msgs.srv import Remember
from vista_ros import conversions as c
from vista_ros.calls import RefusedError
from vista_ros.nodes.memory_node import MemoryNode
from vista_ros.proxies import GraphMemory

pytestmark = [pytest.mark.ros, pytest.mark.timeout(120)]
DOMAIN = free_domain()
OLD, NEW = (Lesson("blue mug", LessonRelation.KEPT_IN, place) for place in ("left drawer", "right drawer"))


def notes(memory: Memory) -> list[Note]:
    """A lesson, a newer one, an attempt with its failures, and a step, as the loop and the planner write
    them."""
    run = memory.begin_run(1_000)
    (old,), (new,) = notes_of([OLD], 2_000), notes_of([NEW], 9_000)
    failed = (Failure("grasp", "blue mug", "in left drawer", "not_held"),)
    attempt = Note("episodic", "put the blue mug in the tray: failure", 3_000, ("blue mug",), failures=failed)
    step = memory.note(
        "temporal", "the blue mug was placed in the tray", 4_000, entities=("blue mug",), source="agent",
        run=run, step=("place", "blue mug", "in", "tray", "reached"),
    )  # fmt: skip
    assert isinstance(step, Note)
    seen = memory.note(
        "spatial", "blue mug", 5_000, entities=("blue mug",), position=(0.5, 0.1, 0.02), run=run
    )
    return [old, attempt, step, seen, new]


def remembered(memory: Any) -> Any:
    for note in notes(memory):
        memory.remember([note])
    return memory


@pytest.fixture
def memories(beside: Beside, tmp_path: Path) -> Iterator[tuple[RoboMemory, GraphMemory]]:
    beside.add(MemoryNode(), folder=str(tmp_path), embedder="hashing")
    graph = remembered(GraphMemory(beside.caller))
    with RoboMemory(":memory:", embedder=HashingEmbedder()) as library:
        yield remembered(library), graph
    assert beside.errors == []


def test_a_memory_over_the_graph_gives_the_same_records(memories: tuple[RoboMemory, GraphMemory]):
    library, graph = memories
    assert isinstance(graph, Memory)
    queries = ["where is the blue mug", "lesson: blue mug", "put the blue mug in the tray"]
    here, there = (each.recall(queries, k=5, timeout_s=10.0) for each in memories)
    assert list(there) == list(here)
    assert all(isinstance(item, Recall) and item.record.id for item in there)
    records = {item.record.kind: item.record for item in there}
    assert records[MemoryKind.TEMPORAL].step == StepDone("place", "blue mug", "in", "tray", "reached")
    assert records[MemoryKind.EPISODIC].failures == (
        Failure("grasp", "blue mug", "in left drawer", "not_held"),
    )
    lessons = {item.record.triple for item in there if item.record.kind is MemoryKind.SEMANTIC}
    assert lessons == {OLD.triple, NEW.triple}
    assert {record.run for record in records.values()} == {1}
    assert graph.scene() == library.scene()
    assert graph.scene().objects[0].run == library.scene().objects[0].run == 1


def test_a_search_over_the_graph_finds_the_same(memories: tuple[RoboMemory, GraphMemory]):
    library, graph = memories
    door = Door.over(library)
    for asked in (
        {"text": "blue mug", "k": 3},
        {"kinds": ["spatial"], "near": ((0.5, 0.1, 0.0), 0.1)},
        {"box": ((0.4, 0.0, 0.0), (0.6, 0.2, 0.1))},
        {"between": (3_000, 4_000), "run": 1},
        {"source": "planner", "kinds": ("semantic",)},
        {"relation": "is usually kept in the"},
        {"text": "an umbrella", "kinds": ["semantic"], "min_score": 0.99},
    ):
        found = graph.find(**asked)
        assert found == door.find(**asked), asked
        assert bool(found) != ("min_score" in asked), asked
    assert graph.where("mug") == door.where("mug") != ()
    assert graph.where("spoon") == ()
    with pytest.raises(RefusedError, match="find: no condition is given"):
        graph.find()


def test_what_was_never_true_is_believed_no_more_over_the_graph(memories: tuple[RoboMemory, GraphMemory]):
    moved = Note(
        "spatial",
        "blue mug",
        6_000,
        ("blue mug",),
        (0.9, 0.1, 0.02),
        metadata={"camera": "wrist"},
        source="eye",
    )
    for memory in memories:
        (key,) = memory.remember([moved])
        (seen,) = (item for item in memory.recall(["blue mug"], timeout_s=10.0) if item.kind == "spatial")
        assert (seen.record.id, dict(seen.record.metadata)) == (key, {"camera": "wrist"})
        assert seen.evidence == Confirmation(1, Moment(1, 6_000), Moment(1, 6_000), ("eye",), 1.0)
        assert memory.scene().objects[0].position == (0.9, 0.1, 0.02)
        memory.retract(key)
        assert memory.scene().objects[0].position == (0.5, 0.1, 0.02)
    with pytest.raises(RefusedError, match=f"retract: no record that stands has the key {key}"):
        memories[1].retract(key)


def test_a_bad_note_is_the_same_error_over_the_graph(memories: tuple[RoboMemory, GraphMemory]):
    bad = Note("spatial", "somewhere", 10)
    for memory in memories:
        with pytest.raises(InvalidNoteError, match=r"notes\[0\].*names neither entities nor a triple"):
            memory.remember([bad])
        with pytest.raises(InvalidNoteError):
            memory.note("temporal", "it was tried", 10, step=("grasp",))  # type: ignore[arg-type]


def test_planning_recollects_the_same_over_the_graph(memories: tuple[RoboMemory, GraphMemory]):
    def gathered(memory: Any) -> Recollection:
        found = Recollection(memory)
        found.gather("put the blue mug in the tray", ["blue mug"], "Kim")
        return found

    here, there = (gathered(each) for each in memories)
    assert there.lessons.value("blue mug", LessonRelation.KEPT_IN) == "right drawer"
    assert there.lessons.subjects(LessonRelation.KEPT_IN) == here.lessons.subjects(LessonRelation.KEPT_IN)
    assert there.failures == here.failures != []
    assert there.steps == here.steps != ()


def test_pictures_and_frames_cross_the_graph_with_their_notes():
    sent: list[Any] = []
    memory = GraphMemory.__new__(GraphMemory)
    memory._remember = lambda request: sent.append(request) or Remember.Response(ids=[1, 2])  # type: ignore
    picture = Picture(b"\x89PNG", (0.6, 0.8), "colours")
    note = memory.note(
        "spatial", "a mug", 1, entities=("mug",), position=(1.0, 0.0, 0.0), frame="map", picture=picture
    )
    kept = MemoryRecord(7, MemoryKind.SPATIAL, 2, "a mug", ("mug",), (1.0, 0.0, 0.0), frame="map")
    assert memory.remember(each for each in (note, kept)) == [1, 2]
    (request,) = sent
    assert c.note_from_msg(request.notes[0]).picture == Picture(
        b"\x89PNG", tuple(map(float, np.float32([0.6, 0.8]))), "colours"
    )
    # The position of a record is in the memory's own frame already, whatever frame it was told in.
    assert [each.frame_id for each in request.notes] == ["map", ""]


def test_the_newest_lesson_wins_though_an_older_one_fits_better():
    items = [
        Recall(
            MemoryRecord(key, MemoryKind.SEMANTIC, stamp, lesson.text, triple=lesson.triple, run=run), score
        )
        for key, lesson, stamp, run, score in ((1, OLD, 9_000, 1, 0.9), (2, NEW, 2_000, 2, 0.1))
    ]

    response = RecallSrv.Response(
        items=[c.memory_item_to_msg(item) for item in items],
        missing=["temporal"], missing_why=["it missed the deadline"],
    )  # fmt: skip
    memory = GraphMemory.__new__(GraphMemory)
    memory._recall = lambda request, seconds: response  # type: ignore[assignment,return-value]
    answer = memory.recall(["blue mug"])
    assert answer.missing == {MemoryKind.TEMPORAL: "it missed the deadline"}
    assert [(item.rank, item.partial) for item in answer] == [(0, True), (1, True)]
    found = Recollection(memory)
    found.gather("put the blue mug in the tray", ["blue mug"], "Kim")
    assert found.lessons.value("blue mug", LessonRelation.KEPT_IN) == "right drawer"
