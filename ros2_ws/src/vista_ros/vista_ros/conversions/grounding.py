"""Where the thing and the place of a skill are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from geometry_msgs.msg import Point

from vista.errors import InvalidValueError
from vista.types import Ground, Grounding
from vista_msgs import msg as m
from vista_ros.conversions.detections import BY, KINDS, evidence_from_msg, evidence_to_msg
from vista_ros.conversions.primitives import numbered, wire


def ground_to_msg(ground: Ground) -> m.Ground:
    x, y, z = (0.0, 0.0, 0.0) if ground.position is None else map(float, ground.position)
    return m.Ground(
        name=wire(ground.name), by=BY[ground.by], score=ground.score, kind=KINDS[ground.kind],
        placed=ground.position is not None, position=Point(x=x, y=y, z=z), sigma_m=ground.sigma_m,
        camera=wire(ground.camera), box=[] if ground.box is None else [float(v) for v in ground.box],
        evidence=evidence_to_msg(ground.evidence),
    )  # fmt: skip


def ground_from_msg(msg: m.Ground) -> Ground:
    if len(msg.box) not in (0, 4):
        raise InvalidValueError(f"Ground.box: {len(msg.box)} numbers, expected none or 4")
    return Ground(
        msg.name, numbered(BY, msg.by, "Ground.by"), msg.score, numbered(KINDS, msg.kind, "Ground.kind"),
        np.array([msg.position.x, msg.position.y, msg.position.z]) if msg.placed else None, msg.sigma_m,
        msg.camera, np.asarray(msg.box, np.float32) if len(msg.box) else None,
        evidence_from_msg(msg.evidence),
    )  # fmt: skip


def grounding_to_msg(grounding: Grounding) -> m.Grounding:
    return m.Grounding(
        thing=[] if grounding.thing is None else [ground_to_msg(grounding.thing)],
        place=[] if grounding.place is None else [ground_to_msg(grounding.place)],
        thing_end=evidence_to_msg(grounding.thing_end),
        hand_end=evidence_to_msg(grounding.hand_end),
    )


def grounding_from_msg(msg: m.Grounding) -> Grounding:
    for name in ("thing", "place"):
        if (count := len(getattr(msg, name))) > 1:
            raise InvalidValueError(f"Grounding.{name}: {count} of them, expected one at most")
    return Grounding(
        ground_from_msg(msg.thing[0]) if msg.thing else None,
        ground_from_msg(msg.place[0]) if msg.place else None,
        evidence_from_msg(msg.thing_end),
        evidence_from_msg(msg.hand_end),
    )


def grounding_to_field(grounding: Grounding | None) -> list[m.Grounding]:
    """A field that holds one grounding or none."""
    return [] if grounding is None else [grounding_to_msg(grounding)]


def grounding_from_field(field: Sequence[m.Grounding]) -> Grounding | None:
    """The grounding in a field that holds one or none.

    Raises:
        InvalidValueError: it holds several.
    """
    if len(field) > 1:
        raise InvalidValueError(f"grounding: {len(field)} of them, expected one at most")
    return grounding_from_msg(field[0]) if field else None
