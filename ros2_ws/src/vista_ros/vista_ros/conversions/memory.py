"""Notes, recalled items, and the graph of the spatial memory."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from geometry_msgs.msg import Point

from robomemory import (
    Confirmation,
    Failure,
    MemoryRecord,
    Note,
    Picture,
    Recall,
    RoboMemoryError,
    SceneFact,
    SceneGraph,
    SceneObject,
    StepDone,
)
from robomemory.notes import Plain
from robomemory.places.poses import Pose
from robomemory.timestamps import Moment
from vista import values
from vista.errors import InvalidValueError
from vista.protocols import MemoryItem
from vista_msgs import msg as m
from vista_ros.conversions.primitives import numbered, time_from_msg, time_to_msg, wire

Position = tuple[float, float, float]
T = TypeVar("T")

HERE = Pose()
"""The pose of the memory's own frame."""


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


_TYPES = {
    "text": m.MetadataValue.TEXT, "integer": m.MetadataValue.INTEGER, "number": m.MetadataValue.NUMBER,
    "flag": m.MetadataValue.FLAG, "nothing": m.MetadataValue.NOTHING,
}  # fmt: skip


def metadata_value_to_msg(named: tuple[str, Plain]) -> m.MetadataValue:
    """``named``: (name, value)."""
    name, value = named
    msg = m.MetadataValue(name=wire(name), type=_TYPES["nothing"])
    if isinstance(value, bool):
        msg.type, msg.flag = _TYPES["flag"], value
    elif isinstance(value, int):
        msg.type, msg.integer = _TYPES["integer"], value
    elif isinstance(value, float):
        msg.type, msg.number = _TYPES["number"], value
    elif value is not None:
        msg.type, msg.text = _TYPES["text"], wire(value)
    return msg


def metadata_value_from_msg(msg: m.MetadataValue) -> tuple[str, Plain]:
    kind = numbered(_TYPES, msg.type, f"MetadataValue.type of {msg.name!r}")
    name = values.text("MetadataValue.name", msg.name, empty=False)
    return name, None if kind == "nothing" else getattr(msg, kind)


def metadata_from_msgs(where: str, msgs: Sequence[m.MetadataValue]) -> dict[str, Plain]:
    """{name: value}; ``where`` names the field in the message of an error.

    Raises:
        InvalidValueError: a value has no type, or a name comes twice.
    """
    found = [metadata_value_from_msg(each) for each in msgs]
    if len(dict(found)) != len(found):
        twice = next(name for i, (name, _) in enumerate(found) if name in dict(found[:i]))
        raise InvalidValueError(f"{where}: {twice!r} comes twice, expected each name once")
    return dict(found)


def picture_to_msg(picture: Picture) -> m.Picture:
    vector = array("f", picture.vector or ())
    return m.Picture(data=array("B", picture.data), vector=vector, encoder=wire(picture.encoder))


def picture_from_msg(msg: m.Picture) -> Picture:
    return _checked(lambda: Picture(bytes(msg.data), tuple(msg.vector) or None, msg.encoder))


def note_to_msg(note: Note | MemoryRecord) -> m.Note:
    """A note, or a record that is still to be kept. A picture stays with its note: a record has none."""
    picture = note.picture if isinstance(note, Note) else None
    return m.Note(
        kind=wire(str(note.kind)),
        text=wire(note.text),
        stamp=time_to_msg(note.stamp_ns),
        entities=[wire(name) for name in note.entities],
        has_position=note.position is not None,
        position=point_of(note.position),
        frame_id=wire(note.frame),
        triple=[wire(word) for word in note.triple or ()],
        confidence=float(note.confidence),
        source=wire(note.source),
        run=note.run or 0,
        step=[step_done_to_msg(note.step)] if note.step is not None else [],
        failures=[failure_to_msg(failure) for failure in note.failures],
        metadata=[metadata_value_to_msg(each) for each in note.metadata.items()],
        picture=[] if picture is None else [picture_to_msg(picture)],
    )


def note_from_msg(msg: m.Note, own_frame: str = "") -> Note:
    """``own_frame``: what the memory's own frame is called in the graph."""
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
            metadata=metadata_from_msgs("Note.metadata", msg.metadata),
            frame="" if msg.frame_id == own_frame else msg.frame_id,
            picture=picture_from_msg(msg.picture[0]) if msg.picture else None,
        )
    )


def confirmation_to_msg(known: Confirmation) -> m.Confirmation:
    return m.Confirmation(
        times=known.times,
        first=time_to_msg(known.first.ns),
        first_run=known.first.run,
        last=time_to_msg(known.last.ns),
        last_run=known.last.run,
        sources=[wire(source) for source in known.sources],
        confidence=float(known.confidence),
    )


def confirmation_from_msg(msg: m.Confirmation) -> Confirmation:
    if not msg.times:
        raise InvalidValueError("Confirmation.times: 0, expected at least 1")
    return Confirmation(
        int(msg.times),
        Moment(int(msg.first_run), time_from_msg(msg.first)),
        Moment(int(msg.last_run), time_from_msg(msg.last)),
        tuple(msg.sources),
        values.number("Confirmation.confidence", msg.confidence, 0.0, 1.0),
    )


def memory_item_to_msg(item: MemoryItem, frame: str = "", pose: Pose = HERE) -> m.MemoryItem:
    """A recalled item with its whole record, whose position in the message is in ``frame`` (empty: the
    memory's own), which has the ``pose``; of a memory of another kind what the loop knows of it."""
    if isinstance(item, Recall):
        msg = m.MemoryItem(id=item.record.id, score=float(item.score), note=note_to_msg(item.record))
        if item.record.position is not None and pose != HERE:
            msg.note.position = point_of(pose.into(item.record.position))
        msg.note.frame_id = msg.header.frame_id = wire(frame)
        msg.header.stamp, msg.told_in = msg.note.stamp, wire(item.record.frame)
        msg.evidence = [] if item.evidence is None else [confirmation_to_msg(item.evidence)]
        return msg
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
            metadata=note.metadata,
            frame=msg.told_in,
        )
    )
    known = confirmation_from_msg(msg.evidence[0]) if msg.evidence else None
    return Recall(record, values.number("MemoryItem.score", msg.score, 0.0, 1.0), rank, partial, known)


def scene_object_to_msg(known: SceneObject) -> m.SceneObject:
    return m.SceneObject(
        name=wire(known.name),
        has_position=known.position is not None,
        position=point_of(known.position),
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


def point_of(position: Sequence[float] | None) -> Point:
    """``position`` (3,) [m]; zeros for None."""
    x, y, z = map(float, position or (0.0, 0.0, 0.0))
    return Point(x=x, y=y, z=z)


def xyz_of(where: str, point: Point) -> Position:
    """``point`` as (x, y, z) [m].

    Raises:
        InvalidValueError: it is not finite, or too far; ``where`` names it.
    """
    x, y, z = values.position(where, [point.x, point.y, point.z])
    return float(x), float(y), float(z)


def _position(msg: m.Note | m.SceneObject) -> Position | None:
    """Where the thing of ``msg`` is (3,) [m]; None where the message says that nobody knows."""
    return xyz_of(f"{type(msg).__name__}.position", msg.position) if msg.has_position else None
