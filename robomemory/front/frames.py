"""Frames: positions told in one frame are kept in the memory's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from robomemory import checks
from robomemory.errors import InvalidNoteError, InvalidQueryError, RoboMemoryError
from robomemory.places.poses import Pose, Position
from robomemory.records import MemoryRecord
from robomemory.store.backend import OWN_FRAME

PoseOf = Callable[[str, int], Pose | None]
"""(frame, stamp [ns]) -> the pose of that frame in the memory's frame at that stamp; None: it is unknown."""

KnownFrames = Mapping[str, Pose] | PoseOf


class Frames:
    """The memory's ``own`` frame (None: as where a store is made without one), and the poses of other frames
    in it.

    Raises:
        InvalidQueryError: ``own`` is no name, or ``known`` neither a mapping of names to poses nor a
        callable.
    """

    def __init__(self, own: str | None = None, known: KnownFrames | None = None) -> None:
        self.own = OWN_FRAME if own is None else checks.text("frame", own, InvalidQueryError)
        self._poses: Mapping[str, Pose] | None = None
        self._pose_of: PoseOf | None = None
        if callable(known):
            self._pose_of = known
        elif known is None or isinstance(known, Mapping):
            self._poses = dict(known or {})
            for name, pose in self._poses.items():
                if not isinstance(name, str) or not name or not isinstance(pose, Pose):
                    raise InvalidQueryError(
                        f"frames: {checks.shown(name)}: {checks.shown(pose)}, expected the name of a"
                        " frame and its Pose"
                    )
        else:
            raise InvalidQueryError(
                f"frames: {checks.shown(known)}, expected a mapping of names to Pose or a callable"
            )

    def pose(
        self, where: str, frame: object, stamp_ns: int, error: type[RoboMemoryError] = InvalidQueryError
    ) -> Pose:
        """The pose of ``frame`` in the memory's own at ``stamp_ns`` [ns, the robot's clock]; of the empty
        name, which means the own one, the pose that changes nothing.

        Raises:
            RoboMemoryError: the frame is unknown; of the type ``error``. ``where`` says who asked.
        """
        if frame == "" or frame == self.own:
            return Pose()
        if not isinstance(frame, str):
            raise error(f"{where}: {checks.shown(frame)}, expected the name of a frame")
        if self._poses is not None:
            if frame in self._poses:
                return self._poses[frame]
            known = ", ".join(checks.shown(name) for name in (self.own, *sorted(self._poses)))
            raise error(f"{where}: unknown frame {checks.shown(frame)}; known are {known}")
        assert self._pose_of is not None
        try:
            pose = self._pose_of(frame, stamp_ns)
        except Exception as cause:
            raise error(
                f"{where}: the pose of frame {checks.shown(frame)} at {stamp_ns} ns: the callable"
                " `frames` failed:"
                f" {type(cause).__name__}: {checks.shown(str(cause))}"
            ) from cause
        if pose is None:
            raise error(
                f"{where}: unknown frame {checks.shown(frame)} at {stamp_ns} ns; known is"
                f" {checks.shown(self.own)},"
                " and what the callable `frames` gives a pose for"
            )
        if not isinstance(pose, Pose):
            raise error(
                f"{where}: the callable `frames` gave {checks.shown(pose)} for {checks.shown(frame)},"
                " expected a Pose"
                " or None"
            )
        return pose

    def placed(self, index: int, note: object, record: MemoryRecord) -> MemoryRecord:
        """``record`` of the ``note`` at ``index`` with its position in the memory's own frame. The position
        of a note that is a record is in it already.

        Raises:
            InvalidNoteError: the note is of an unknown frame; it is named.
        """
        if isinstance(note, MemoryRecord) or not record.frame:
            return record
        pose = self.pose(f"notes[{index}].frame", record.frame, record.stamp_ns, InvalidNoteError)
        return record if record.position is None else replace(record, position=pose.out_of(record.position))


def in_frame(spot: Position | None, pose: Pose) -> Position | None:
    """``spot`` [m, the memory's frame] in the frame that has the ``pose``."""
    return spot if spot is None or pose == Pose() else pose.into(spot)
