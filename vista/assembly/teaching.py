"""What a stack was taught by pictures: from a memory, or from pictures at hand, into its detector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vista.assembly.crop_encoder import crop_encoder
from vista.errors import ConfigError
from vista.files.yaml_file import existing, user_path
from vista.messages.plain_text import plain
from vista.perception.exemplars import TaughtDetector, crop
from vista.perception.teaching import crops_of
from vista.protocols import Detector
from vista.types import F32, U8, RobotSpec

if TYPE_CHECKING:
    from robomemory.front.pictures import Exemplar
    from robomemory.memory import RoboMemory

ENDINGS = (".png", ".jpg", ".jpeg")
MEMORY, OBJECTS = "memory", "objects"
"""Who taught a detector: the memory that the stack opens, or the folder of one's own objects."""


def teachable(detector: Detector, spec: RobotSpec) -> Detector:
    """``detector`` as one that can be taught. One that overlooks and misnames nothing has no need of it, and
    without the encoder's packages it stays as it is."""
    encoder = crop_encoder()
    if encoder is None or detector.exhaustive or isinstance(detector, TaughtDetector):
        return detector
    return TaughtDetector(detector, encoder, spec)


def teach_pictures(
    detector: Detector, spec: RobotSpec, pictures: Mapping[str, Sequence[U8]], source: str = OBJECTS
) -> None:
    """Teach ``detector`` the things in ``pictures`` {name: images u8 (H, W, 3)}, see :func:`crops_of`. One
    that misnames nothing is left alone.

    Raises:
        ConfigError: it can't be taught. InvalidValueError: a picture that doesn't show one thing alone.
    """
    if detector.exhaustive or not pictures:
        return
    if not isinstance(detector, TaughtDetector):
        raise ConfigError(_missing("own objects"))
    bank = {}
    for name, images in pictures.items():
        where = [f"picture {i} of {name!r}" for i in range(len(images))]
        bank[name] = detector.encoder.embed(crops_of(detector.detector, spec, images, where))
    detector.teach(bank, source)


def teach_from_memory(detector: Detector, memory: object) -> None:
    """Have ``detector`` know what ``memory`` was taught, and no more what it has forgotten since. Nothing
    happens where either keeps no pictures."""
    from robomemory.memory import RoboMemory

    if isinstance(detector, TaughtDetector) and isinstance(memory, RoboMemory):
        detector.teach(bank_of(memory.exemplars()), MEMORY)


def bank_of(taught: Mapping[str, Sequence[Exemplar]]) -> dict[str, F32]:
    """{name: unit rows f32 (n, D)} of the exemplars of a memory, by the process's encoder; pictures that came
    without a vector, or with one of another encoder, are encoded."""
    from robomemory.embed.pictures import decode
    from robomemory.errors import StoreError

    encoder, bank = crop_encoder(), {}
    for name, exemplars in taught.items() if encoder is not None else ():
        assert encoder is not None
        rows = []
        for each in exemplars:
            picture = each.picture
            if picture.vector is not None and picture.encoder == encoder.name:
                rows.append(np.asarray(picture.vector, np.float32))
            else:
                image = decode(f"picture of record {each.record_id}", picture.data, StoreError)
                rows.append(encoder.embed([image])[0])
        bank[name] = np.stack(rows)
    return bank


def keep_pictures(
    memory: RoboMemory,
    name: str,
    pictures: Sequence[U8],
    detector: Detector,
    spec: RobotSpec,
    *,
    source: str,
    where: Sequence[str] | None = None,
) -> list[int]:
    """Have ``memory`` keep how ``name`` looks, by ``pictures`` u8 (H, W, 3) each, cut around what
    ``detector`` sees in them, with vectors and ``source``. Gives the keys of its records.

    Raises:
        ConfigError: the encoder is not installed. InvalidValueError: a picture that doesn't show one thing.
    """
    from robomemory.embed.pictures import encode
    from robomemory.errors import InvalidNoteError
    from robomemory.notes import Picture

    encoder = crop_encoder()
    if encoder is None:
        raise ConfigError(_missing(name))
    looks = detector.detector if isinstance(detector, TaughtDetector) else detector
    crops = crops_of(looks, spec, pictures, where)
    made = [
        Picture(encode(f"picture {i}", crop, InvalidNoteError), tuple(map(float, row)), encoder.name)
        for i, (crop, row) in enumerate(zip(crops, encoder.embed(crops), strict=True))
    ]
    return memory.teach(name, made, source=source)


def pictures_at(
    path: str | Path, spec: RobotSpec, box: Sequence[int] | None = None
) -> tuple[list[U8], list[str]]:
    """The pictures u8 (H, W, 3) of a folder of PNG and JPEG files, or of one file, and their names.

    Args:
        box: x0, y0, x1, y1 [px] of the thing in each of them: only what is around its middle is kept, at the
            scale of the camera where the picture is one of the robot's, else the box.

    Raises:
        ConfigError: no such folder, no picture in it, one that can't be read, or a box beyond it.
    """
    from robomemory.embed.pictures import decode
    from robomemory.errors import InvalidNoteError

    where = user_path(path, "--images")
    if where.suffix.lower() in ENDINGS:
        files = [existing(where, "--images")]
    else:
        inside = existing(where, "--images", folder=True).iterdir()
        files = sorted(file for file in inside if file.suffix.lower() in ENDINGS)
    if not files:
        raise ConfigError(f"--images {plain(str(where))}: no pictures there, expected {', '.join(ENDINGS)}")
    images = []
    for file in files:
        try:
            image = decode(plain(str(file)), file.read_bytes(), InvalidNoteError)
        except OSError as error:
            raise ConfigError(f"picture {plain(str(file))}: can't be read: {error.strerror}") from error
        images.append(image if box is None else _boxed(image, spec, box, plain(str(file))))
    return images, [plain(str(file)) for file in files]


def _boxed(image: U8, spec: RobotSpec, box: Sequence[int], told: str) -> U8:
    (height, width), (x0, y0, x1, y1) = image.shape[:2], box
    if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
        raise ConfigError(f"--box {x0} {y0} {x1} {y1}: not in {told}, which has {width} x {height} pixels")
    if any((camera.height, camera.width) == (height, width) for camera in spec.cameras.values()):
        return crop(image, np.array([x0 / width, y0 / height, x1 / width, y1 / height], np.float32))
    return np.ascontiguousarray(image[y0:y1, x0:x1])


def _missing(what: str) -> str:
    return (
        f"{what}: to know things by pictures needs a detector and vista-stack[torch,pictures];"
        " pip install 'vista-stack[torch,pictures]' brings them"
    )
