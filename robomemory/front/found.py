"""What is found by conditions: in words, by place, time, relation, source, metadata or picture."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from robomemory import checks
from robomemory.errors import InvalidQueryError, StoreError
from robomemory.front.arguments import arguments_of
from robomemory.front.frames import in_frame
from robomemory.front.pictures import AnyPicture, Compared
from robomemory.memory import RoboMemory
from robomemory.notes import Plain, Position
from robomemory.places.poses import Pose
from robomemory.places.regions import Ball, Box, Corners, ball, box
from robomemory.records import MemoryRecord, Query, Recall, check_k

BEST = 10  # answers to a text or a picture
TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Found:
    """A record that was found: its ``id``, the ``record``, how well it fits, ``score`` [0, 1], and the
    ``position`` (3,) [m] in the frame ``frame`` that was asked for (empty: the memory's own); None: the
    record has none."""

    id: int
    record: MemoryRecord
    score: float
    position: Position | None = None
    frame: str = ""

    @property
    def text(self) -> str:
        return self.record.text

    @property
    def metadata(self) -> Mapping[str, Plain]:
        return self.record.metadata


@dataclass(frozen=True, slots=True)
class Conditions:
    """What is asked of records; see :meth:`robomemory.Memory.find`."""

    kinds: Collection[str] | None = None
    near: Ball | None = None
    box: Corners | Box | None = None
    between: tuple[int, int] | None = None
    run: int | None = None
    relation: str | None = None
    source: str | None = None
    metadata: Mapping[str, Plain] | None = None
    min_score: float = 0.0

    def query(self, text: str, k: int | None, pose: Pose) -> Query:
        """As a query for ``text`` and the ``k`` best; the ball and the box are in a frame with the ``pose``.

        Raises:
            InvalidQueryError: a condition is out of range, or there is none.
        """
        if k is not None:
            k = check_k("find: k", k)
        near = None if self.near is None else ball("find: near", self.near)
        shape = None if self.box is None else box("find: box", self.box, pose)
        given = (near, shape, self.between, self.relation, self.source, self.metadata)
        if text == "" and all(each is None for each in given):
            raise InvalidQueryError(
                "find: no condition is given; expected a text, a place, a time or a value"
            )
        with arguments_of("find"):
            return Query(
                text, self.kinds, k, None if near is None else (pose.out_of(near[0]), near[1]), self.between,
                self.run, shape, self.relation, self.source, self.metadata, self.min_score,
            )  # fmt: skip


def find(
    robo: RoboMemory, text: str, k: int | None, asked: Conditions, frame: str, stamp_ns: int | None
) -> tuple[Found, ...]:
    """The records that fit; see :meth:`robomemory.Memory.find`."""
    pose = pose_at(robo, "find: frame", frame, stamp_ns)
    query = asked.query(text, BEST if text and k is None else k, pose)
    found = robo.recall([query], timeout_s=TIMEOUT_S)
    for kind, why in found.missing.items():
        raise StoreError(f"find: the {kind} memory gave no answer: {why}")
    return tuple(_found(each, pose, frame) for each in found)


def find_pictures(
    robo: RoboMemory,
    picture: AnyPicture,
    name: str | None,
    k: int | None,
    asked: Conditions,
    frame: str,
    stamp_ns: int | None,
) -> Compared[Found]:
    """The records whose pictures look most like ``picture``, and that fit."""
    pose = pose_at(robo, "find: frame", frame, stamp_ns)
    query = asked.query("picture", k, pose)
    alike = robo.alike(
        picture, name=name, kinds=asked.kinds, k=BEST if k is None else k, min_score=asked.min_score,
        within=query,
    )  # fmt: skip
    return Compared((_found(each, pose, frame) for each in alike), alike.not_comparable)


def pose_at(robo: RoboMemory, where: str, frame: str, stamp_ns: int | None) -> Pose:
    """The pose of ``frame`` in the memory's own at ``stamp_ns`` [ns] (None: at the newest moment known of).

    Raises:
        InvalidQueryError: the frame is unknown, or this is no stamp.
    """
    if frame in ("", robo.frames.own):
        return Pose()
    if stamp_ns is None:
        return robo.frames.pose(where, frame, robo.newest().ns)
    checks.stamp(f"{where.partition(':')[0]}: stamp_ns", stamp_ns, InvalidQueryError)
    return robo.frames.pose(where, frame, stamp_ns)


def _found(each: Recall, pose: Pose, frame: str) -> Found:
    record = each.record
    return Found(record.id, record, each.score, in_frame(record.position, pose), frame)
