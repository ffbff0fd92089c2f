"""What is looked for in the memory, and what a name may mean."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from robomemory import Candidate, RoboMemoryError
from robomemory.notes import Plain
from robomemory.places.poses import Pose
from vista import values
from vista.errors import InvalidValueError
from vista_msgs import msg as m
from vista_msgs.srv import Find
from vista_ros.conversions.memory import (
    Position,
    metadata_from_msgs,
    metadata_value_to_msg,
    point_of,
    xyz_of,
)
from vista_ros.conversions.primitives import time_from_msg, time_to_msg, wire


@dataclass(frozen=True, slots=True)
class Wanted:
    """The conditions of :meth:`robomemory.Memory.find`, with its names, units and meanings."""

    text: str = ""
    kinds: tuple[str, ...] = ()
    near: tuple[Position, float] | None = None
    box: tuple[Position, Position] | None = None
    between: tuple[int, int] | None = None
    run: int | None = None
    relation: str | None = None
    source: str | None = None
    metadata: Mapping[str, Plain] = field(default_factory=dict)
    k: int | None = None
    min_score: float = 0.0


def conditions_to_msg(wanted: Wanted) -> Find.Request:
    near, box, span = wanted.near, wanted.box or (), wanted.between or ()
    return Find.Request(
        text=wire(wanted.text),
        kinds=[wire(kind) for kind in wanted.kinds],
        near=[] if near is None else [point_of(near[0])],
        radius_m=0.0 if near is None else float(near[1]),
        box=[point_of(corner) for corner in box],
        between=[time_to_msg(stamp) for stamp in span],
        run=[] if wanted.run is None else [wanted.run],
        relation=wire(wanted.relation or ""),
        source=wire(wanted.source or ""),
        metadata=[metadata_value_to_msg(each) for each in wanted.metadata.items()],
        k=wanted.k or 0,
        min_score=float(wanted.min_score),
    )


def conditions_from_msg(msg: Find.Request) -> Wanted:
    box, span = msg.box, msg.between
    if len(box) not in (0, 2):
        raise InvalidValueError(f"Find.box: {len(box)} corner, expected the low and the high one, or none")
    if len(span) not in (0, 2):
        raise InvalidValueError(f"Find.between: {len(span)} stamp, expected the first and the last, or none")
    return Wanted(
        msg.text,
        tuple(msg.kinds),
        (xyz_of("Find.near", msg.near[0]), float(msg.radius_m)) if msg.near else None,
        (xyz_of("Find.box[0]", box[0]), xyz_of("Find.box[1]", box[1])) if box else None,
        (time_from_msg(span[0]), time_from_msg(span[1])) if span else None,
        int(msg.run[0]) if msg.run else None,
        msg.relation or None,
        msg.source or None,
        metadata_from_msgs("Find.metadata", msg.metadata),
        int(msg.k) or None,
        values.number("Find.min_score", msg.min_score, 0.0, 1.0),
    )


def poses_from_json(text: str) -> dict[str, Pose]:
    """{frame: its pose in the memory's frame}, from JSON {name: [x, y, z, qx, qy, qz, qw]} [m]; empty text:
    none.

    Raises:
        InvalidValueError: the text is something else; what is wrong is named.
    """
    expected = 'expected JSON such as {"map": [x, y, z, qx, qy, qz, qw]}'
    try:
        found = json.loads(text or "{}")
    except ValueError as error:
        raise InvalidValueError(f"frames: {values.shown(text)}: {error}; {expected}") from error
    if not isinstance(found, dict):
        raise InvalidValueError(f"frames: {values.shown(text)}, {expected}")
    poses = {}
    for name, numbers in found.items():
        if not isinstance(numbers, list) or len(numbers) != 7:
            raise InvalidValueError(f"frames: {values.shown(name)}: {values.shown(numbers)}, {expected}")
        x, y, z, *turn = numbers
        try:
            poses[name] = Pose((x, y, z), tuple(turn))
        except RoboMemoryError as error:
            raise InvalidValueError(f"frames: {values.shown(name)}: {error}") from error
    return poses


def candidate_to_msg(thing: Candidate, frame: str = "") -> m.Candidate:
    """``frame``: what the frame of its position is called in the graph (empty: as the candidate says)."""
    msg = m.Candidate(
        name=wire(thing.name),
        has_position=thing.position is not None,
        position=point_of(thing.position),
        run=thing.run,
        via=wire(thing.via),
        facts=[wire(fact) for fact in thing.facts],
        has_age=thing.age_s is not None,
        age_s=float(thing.age_s or 0.0),
        confidence=float(thing.confidence),
        first_seen=time_to_msg(thing.first_seen_ns),
        last_seen=time_to_msg(thing.last_seen_ns),
        times=thing.times,
        sources=[wire(source) for source in thing.sources],
        record_ids=list(thing.record_ids),
    )
    msg.header.frame_id, msg.header.stamp = wire(frame or thing.frame), time_to_msg(thing.stamp_ns)
    return msg


def candidate_from_msg(msg: m.Candidate) -> Candidate:
    return Candidate(
        values.text("Candidate.name", msg.name, empty=False),
        xyz_of("Candidate.position", msg.position) if msg.has_position else None,
        time_from_msg(msg.header.stamp),
        int(msg.run),
        msg.via,
        tuple(msg.facts),
        float(msg.age_s) if msg.has_age else None,
        values.number("Candidate.confidence", msg.confidence, 0.0, 1.0),
        time_from_msg(msg.first_seen),
        time_from_msg(msg.last_seen),
        int(msg.times),
        tuple(msg.sources),
        tuple(int(key) for key in msg.record_ids),
        msg.header.frame_id,
    )
