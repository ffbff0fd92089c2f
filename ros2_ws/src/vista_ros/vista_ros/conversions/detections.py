"""Detections and maps of evidence."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import numpy as np
from geometry_msgs.msg import Point

from vista.errors import InvalidValueError
from vista.types import F32, Detection, GroundedBy, ObjectKind
from vista_msgs import msg as m
from vista_ros.conversions.primitives import numbered, time_to_msg, wire

KINDS = {
    ObjectKind.THING: m.Detection.THING,
    ObjectKind.CONTAINER: m.Detection.CONTAINER,
    ObjectKind.HANDLE: m.Detection.HANDLE,
}
BY = {by: int(getattr(m.Detection, by.name)) for by in GroundedBy}
MOST_CELLS = 1024  # along a side of a map of evidence


def detection_to_msg(detection: Detection) -> m.Detection:
    x, y, z = map(float, detection.position)
    return m.Detection(
        label=wire(detection.label),
        kind=KINDS[detection.kind],
        score=float(detection.score),
        box=np.asarray(detection.box, np.float32),
        position=Point(x=x, y=y, z=z),
        sigma_m=float(detection.sigma_m),
        camera=detection.camera,
        by=BY[detection.by],
    )


def detection_from_msg(msg: m.Detection) -> Detection:
    p, kind = msg.position, numbered(KINDS, msg.kind, "Detection.kind")
    box, position = np.asarray(msg.box, np.float32), np.array([p.x, p.y, p.z])
    by = numbered(BY, msg.by, "Detection.by")
    return Detection(msg.label, msg.score, box, position, msg.sigma_m, msg.camera, kind, by)


def detections_to_msg(
    detections: Sequence[Detection], stamp_ns: int = 0, frame: str = "base"
) -> m.DetectionArray:
    """All of one observation, with its stamp."""
    msg = m.DetectionArray(detections=[detection_to_msg(d) for d in detections])
    msg.header.stamp, msg.header.frame_id = time_to_msg(stamp_ns), frame
    return msg


def detections_from_msg(msg: m.DetectionArray) -> tuple[Detection, ...]:
    """The detections; their stamp and frame stand in the header."""
    return tuple(detection_from_msg(d) for d in msg.detections)


def sought_to_msg(detection: Detection | None, label: str = "") -> m.Detection:
    """The best fit of ``label``; where there is none, that label and a score of 0."""
    return m.Detection(label=wire(label)) if detection is None else detection_to_msg(detection)


def sought_from_msg(msg: m.Detection) -> Detection | None:
    """The best fit of a label; None where nothing fits it."""
    return detection_from_msg(msg) if msg.score > 0 else None


def evidence_to_msg(grid: F32 | None) -> m.Evidence:
    """``grid`` f32 (N, N) in [0, 1]; None for a detector that has no such map."""
    if grid is None:
        return m.Evidence()
    if grid.ndim != 2 or grid.shape[0] != grid.shape[1] or not 0 < grid.shape[0] <= MOST_CELLS:
        raise InvalidValueError(f"evidence: {grid.shape}, expected (N, N) with N from 1 to {MOST_CELLS}")
    return m.Evidence(size=int(grid.shape[0]), cells=array("f", np.asarray(grid, "<f4").tobytes()))


def evidence_from_msg(msg: m.Evidence) -> F32 | None:
    """f32 (N, N) in [0, 1]; None where the detector has no such map."""
    if msg.size > MOST_CELLS or len(msg.cells) != msg.size**2:
        raise InvalidValueError(
            f"Evidence: {len(msg.cells)} cells with size {msg.size}, expected size * size, and at most "
            f"{MOST_CELLS} along a side"
        )
    if msg.size == 0:
        return None
    cells = np.asarray(msg.cells, np.float32)
    if not ((cells >= 0.0) & (cells <= 1.0)).all():  # NaN is neither
        raise InvalidValueError("Evidence.cells: a value outside 0 to 1")
    return cells.reshape(msg.size, msg.size)
