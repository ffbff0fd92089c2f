"""From pictures of a thing to the crops by which it is known again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vista.errors import InvalidValueError
from vista.perception.exemplars import CROP, crop, proposed
from vista.protocols import Detector
from vista.types import U8, Detection, ObjectKind, Observation, Pose, RobotSpec

PRESENT = 0.25
"""From this score of a proposal on, something stands there."""
RIVAL = 0.5
"""What is seen with less than this share of the score of the surest may be a pattern of the table."""


def seen_in(spec: RobotSpec, image: U8) -> Observation:
    """What the robot of ``spec`` would sense at its home if its first camera saw ``image`` u8 (H, W, 3).

    Raises:
        InvalidValueError: the robot has no camera, or ``image`` is none.
    """
    camera = next(iter(spec.cameras), None)
    if camera is None:
        raise InvalidValueError(f"robot {spec.name}: no camera, expected one that pictures are taken with")
    pose = Pose(spec.workspace.mean(axis=0), np.array([1.0, 0.0, 0.0, 0.0]))
    home = np.asarray(spec.home, np.float32)
    return Observation(0, {camera: image}, home, np.zeros_like(home), 1.0, pose)


def crops_of(
    detector: Detector, spec: RobotSpec, images: Sequence[U8], where: Sequence[str] | None = None
) -> list[U8]:
    """A crop u8 (h, w, 3) of each of ``images`` u8 (H, W, 3). An image as large as those of the robot's first
    camera shows a thing alone on the table, around which ``detector`` has it cut; any other is a crop.

    Args:
        where: What each image is called in a message.

    Raises:
        InvalidValueError: nothing is seen in a whole image, or more than one thing.
    """
    camera = next(iter(spec.cameras.values()), None)
    found = []
    for i, image in enumerate(images):
        if camera is None or image.shape[:2] != (camera.height, camera.width):
            found.append(np.ascontiguousarray(image))
            continue
        obs = seen_in(spec, image)
        things = _things(detector, obs)
        if len(things) != 1:
            told = where[i] if where else f"picture {i}"
            seen = f"{len(things)} things are" if things else "nothing is"
            raise InvalidValueError(
                f"{told}: {seen} seen in it, expected one thing alone on the table, or a crop of it"
            )
        found.append(crop(image, things[0].box))
    return found


def _things(detector: Detector, obs: Observation) -> list[Detection]:
    """What surely stands on the table, the surest first; a part of the surest thing is none of its own."""
    seen = [each for each in proposed(detector, obs) if each.kind is ObjectKind.THING]
    least = max(PRESENT, RIVAL * seen[0].score) if seen else PRESENT
    things = [each for each in seen if each.score >= least]
    return [each for each in things if each is things[0] or not _beside(each, things[0])]


def _beside(one: Detection, other: Detection) -> bool:
    """Whether the middle of ``one`` is in the crop around ``other``."""
    middles = [(np.asarray(each.box)[:2] + np.asarray(each.box)[2:]) / 2 for each in (one, other)]
    return bool(np.abs(middles[0] - middles[1]).max() < CROP / 2)
