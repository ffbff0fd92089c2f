"""Notes, recalled items, and the graph of the spatial memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from geometry_msgs.msg import Point

from robomemory import (
    Failure,
    MemoryRecord,
    Note,
    Recall,
    RoboMemoryError,
    SceneFact,
    SceneGraph,
    SceneObject,
    StepDone,
)
from vista import values
from vista.errors import InvalidValueError
from vista.protocols import MemoryItem
from vista_msgs import msg as m
from vista_ros.conversions.primitives import time_from_msg, time_to_msg, wire

Position = tuple[float, float, float]
T = TypeVar("T")


def _checked(make: Callable[[], T]) -> T:
    """What ``make`` returns; a value that breaks the memory's contract is an InvalidValueError here."""
    try:
        return make()
    except RoboMemoryError as error:
        raise InvalidValueError(str(error)) from error


def step_done_to_msg(step: StepDone) -> m.StepDone:
    return m.StepDone(
        verb=wire(step.verb), thing=wire(step.thing), relation=wire(step.relation), place=wire(step.place),
        state=wire(step.state), cause=wire(step.cause),
    )  # fmt: skip


def step_done_from_msg(msg: m.StepDone) -> StepDone:
    return _checked(lambda: StepDone(msg.verb, msg.thing, msg.relation, msg.place, msg.state, msg.cause))


def failure_to_msg(failure: Failure) -> m.Failure:
    return m.Failure(
        act=wire(failure.act), about=wire(failure.about), condition=wire(failure.condition),
        cause=wire(failure.cause),
    )  # fmt: skip


def failure_from_msg(msg: m.Failure) -> Failure:
    return _checked(lambda: Failure(msg.act, msg.about, msg.condition, msg.cause))


def note_to_msg(note: Note | MemoryRecord) -> m.Note:
    return m.Note(
        kind=wire(str(note.kind)),
        text=wire(note.text),
        stamp=time_to_msg(note.stamp_ns),
        entities=[wire(name) for name in note.entities],
        has_position=note.position is not None,
        position=_point(note.position),
        triple=[wire(word) for word in note.triple or ()],
        confidence=float(note.confidence),
        source=wire(note.source),
        run=note.run or 0,
        step=[step_done_to_msg(note.step)] if note.step is not None else [],
        failures=[failure_to_msg(failure) for failure in note.failures],
    )


def note_from_msg(msg: m.Note) -> Note:
    if len(msg.triple) not in (0, 3):
        raise InvalidValueError(
            f"Note.triple: {list(msg.triple)}, expected subject, relation, object or nothing"
        )
    return _checked(
        lambda: Note(
            kind=msg.kind,
            text=msg.text,
            stamp_ns=time_from_msg(msg.stamp),
            entities=tuple(msg.entities),
            position=_position(msg),
            triple=(msg.triple[0], msg.triple[1], msg.triple[2]) if msg.triple else None,
            confidence=msg.confidence,
            source=msg.source,
            run=int(msg.run),
            step=step_done_from_msg(msg.step[0]) if msg.step else None,
            failures=tuple(failure_from_msg(failure) for failure in msg.failures),
        )
    )


def memory_item_to_msg(item: MemoryItem) -> m.MemoryItem:
    """A recalled item with its whole record; of a memory of another kind what the loop knows of it."""
    if isinstance(item, Recall):
        return m.MemoryItem(id=item.record.id, score=float(item.score), note=note_to_msg(item.record))
    return m.MemoryItem(score=float(item.score), note=m.Note(kind=str(item.kind), text=wire(item.text)))


def memory_item_from_msg(msg: m.MemoryItem, rank: int = 0, *, partial: bool = False) -> Recall:
    """``rank``: its place in the answer, from 0; ``partial``: whether a memory is missing from the answer."""
    note = note_from_msg(msg.note)
    record = _checked(
        lambda: MemoryRecord(
            id=int(msg.id),
            kind=note.kind,
            stamp_ns=note.stamp_ns,
            text=note.text,
            entities=note.entities,
            position=note.position,
            triple=note.triple,
            confidence=note.confidence,
            source=note.source,
            run=note.run if msg.id else note.run or None,
            step=note.step,
            failures=note.failures,
        )
    )
    return Recall(record, values.number("MemoryItem.score", msg.score, 0.0, 1.0), rank, partial)


def scene_object_to_msg(known: SceneObject) -> m.SceneObject:
    return m.SceneObject(
        name=wire(known.name),
        has_position=known.position is not None,
        position=_point(known.position),
        first_seen=time_to_msg(known.first_seen_ns),
        last_seen=time_to_msg(known.last_seen_ns),
        confidence=float(known.confidence),
        run=known.run,
    )


def scene_object_from_msg(msg: m.SceneObject) -> SceneObject:
    return SceneObject(
        values.text("SceneObject.name", msg.name, empty=False),
        _position(msg),
        time_from_msg(msg.first_seen),
        time_from_msg(msg.last_seen),
        values.number("SceneObject.confidence", msg.confidence, 0.0, 1.0),
        int(msg.run),
    )


def scene_fact_to_msg(fact: SceneFact) -> m.SceneFact:
    return m.SceneFact(
        subject=wire(fact.subject),
        relation=wire(fact.relation),
        object=wire(fact.object),
        valid_from=time_to_msg(fact.valid_from_ns),
        ended=fact.valid_until_ns is not None,
        valid_until=time_to_msg(fact.valid_until_ns or 0),
        confidence=float(fact.confidence),
        recorded_ns=fact.recorded_ns,
        expired_ns=fact.expired_ns or 0,
        record_id=fact.record_id,
        run=fact.run,
        until_run=fact.until_run,
    )


def scene_fact_from_msg(msg: m.SceneFact) -> SceneFact:
    for name in ("subject", "relation", "object"):
        values.text(f"SceneFact.{name}", getattr(msg, name), empty=False)
    return SceneFact(
        msg.subject,
        msg.relation,
        msg.object,
        time_from_msg(msg.valid_from),
        time_from_msg(msg.valid_until) if msg.ended else None,
        values.number("SceneFact.confidence", msg.confidence, 0.0, 1.0),
        int(msg.recorded_ns),
        int(msg.expired_ns) or None,
        int(msg.record_id),
        int(msg.run),
        int(msg.until_run),
    )


def scene_graph_to_msg(scene: SceneGraph) -> m.SceneGraph:
    return m.SceneGraph(
        objects=[scene_object_to_msg(each) for each in scene.objects],
        facts=[scene_fact_to_msg(each) for each in scene.facts],
        past=[scene_fact_to_msg(each) for each in scene.past],
    )


def scene_graph_from_msg(msg: m.SceneGraph) -> SceneGraph:
    return SceneGraph(
        tuple(scene_object_from_msg(each) for each in msg.objects),
        tuple(scene_fact_from_msg(each) for each in msg.facts),
        tuple(scene_fact_from_msg(each) for each in msg.past),
    )


def scene_about(scene: SceneGraph, names: Sequence[str]) -> SceneGraph:
    """The things of ``names``, and the facts about them; all of ``scene`` where no name is given."""
    if not names:
        return scene
    wanted = set(names)

    def about(facts: Sequence[SceneFact]) -> tuple[SceneFact, ...]:
        return tuple(fact for fact in facts if {fact.subject, fact.object} & wanted)

    objects = tuple(each for each in scene.objects if each.name in wanted)
    return replace(scene, objects=objects, facts=about(scene.facts), past=about(scene.past))


def _point(position: Sequence[float] | None) -> Point:
    x, y, z = map(float, position or (0.0, 0.0, 0.0))
    return Point(x=x, y=y, z=z)


def _position(msg: m.Note | m.SceneObject) -> Position | None:
    """Where the thing of ``msg`` is (3,) [m, base frame]; None where the message says that nobody knows."""
    if not msg.has_position:
        return None
    x, y, z = values.position(
        f"{type(msg).__name__}.position", [msg.position.x, msg.position.y, msg.position.z]
    )
    return float(x), float(y), float(z)
