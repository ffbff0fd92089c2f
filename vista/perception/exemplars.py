"""A detector that also knows what it was taught by a few pictures.

The wrapped detector says where something is; the features of a crop around it say whether it is one of the
taught things. Nothing is trained for that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np

from vista.errors import InvalidValueError
from vista.perception.base import DetectorBase
from vista.perception.geometry import image_points
from vista.perception.matching import likeness, one_to_one, shares
from vista.protocols import Detector
from vista.types import F32, U8, Detection, GroundedBy, ObjectKind, Observation, RobotSpec

CROP = 52 / 256
"""Side of a crop as a share of the image's width."""
THERE, SURELY = 0.1, 0.5
"""What a detector proposes with less than the first may be nothing, and is not looked at; from the second on
something is surely there."""
MOST = 12
"""So many proposals of an image are looked at, the surest."""
FITS = 0.005
"""What scores less fits so badly that it is nothing."""
CALLED = 0.3
"""From this share on a thing is called by the taught name without having been asked for."""


@runtime_checkable
class PictureEncoder(Protocol):
    """Turns pictures into unit vectors whose inner product says how alike they look, such as
    ``robomemory.EfficientNetPictures``. ``name``: vectors of different encoders are never compared."""

    @property
    def name(self) -> str: ...

    def embed(self, images: Sequence[U8]) -> F32:
        """Unit rows f32 (len(images), D) of ``images``, u8 (H, W, 3) each."""
        ...


@runtime_checkable
class Proposer(Protocol):
    """A detector that also tells what it would not call by a name."""

    def proposals(self, obs: Observation) -> Sequence[Detection]:
        """Everything that may be something, its score [0, 1] that something is there."""
        ...


def crop(image: U8, box: F32) -> U8:
    """The square of :data:`CROP` of the width around the middle of ``box`` (4,), shares of ``image`` u8
    (H, W, 3). Beyond its border the image goes on as it is there, so that the thing stays in the middle."""
    height, width = image.shape[:2]
    side = max(1, round(CROP * width))
    x, y = float(box[0] + box[2]) / 2 * width, float(box[1] + box[3]) / 2 * height
    rows = np.clip(np.arange(side) + round(y) - side // 2, 0, height - 1)
    columns = np.clip(np.arange(side) + round(x) - side // 2, 0, width - 1)
    return np.ascontiguousarray(image[rows[:, None], columns[None, :]])


def proposed(detector: Detector, obs: Observation) -> list[Detection]:
    """What may be a thing of all that ``detector`` proposes in ``obs``, the surest first: no handle of a
    drawer; a container, because a thing that lies in it may be taken for a part of it."""
    found = detector.proposals(obs) if isinstance(detector, Proposer) else detector.detect(obs)
    things = [each for each in found if each.kind is not ObjectKind.HANDLE and each.score >= THERE]
    return sorted(things, key=lambda each: -each.score)[:MOST]


def key_of(label: str) -> str:
    """``label`` as it is compared: in lower case, with single blanks."""
    return " ".join(label.lower().split())


@dataclass(frozen=True, slots=True)
class _Looked:
    """What was seen in ``images`` by what was ``taught``: ``things``, ``share`` (names, N) of each name, and
    ``called`` {thing: name}."""

    images: tuple[U8, ...]
    taught: object
    things: tuple[Detection, ...]
    share: F32
    called: Mapping[int, int]


class TaughtDetector(DetectorBase):
    """``detector``, and what it was taught: :meth:`teach`. One thread at a time looks; any may teach.

    A taught name goes before a name of ``detector``, in upper or lower case alike. Where a thing is called by
    a taught name, the detector's own name for it counts as little as the taught one is sure.

    Args:
        detector: Says where things are. Containers and handles are no things.
        encoder: Of the pictures, those that it is taught and those that it sees.
        spec: Of the robot whose cameras ``detector`` looks through.
    """

    def __init__(self, detector: Detector, encoder: PictureEncoder, spec: RobotSpec) -> None:
        self.detector, self.encoder = detector, encoder
        self._cameras = spec.cameras
        self.exhaustive = detector.exhaustive
        self._banks: dict[str, dict[str, F32]] = {}
        self._taught: dict[str, F32] = {}
        self._looked: _Looked | None = None

    @property
    def labels(self) -> frozenset[str] | None:  # type: ignore[override]
        known = self.detector.labels
        return None if known is None else known | frozenset(self._taught)

    @property
    def taught(self) -> frozenset[str]:
        """The names that it was taught, in lower case."""
        return frozenset(self._taught)

    def teach(self, bank: Mapping[str, F32], source: str = "") -> None:
        """From now on ``bank`` {name: unit rows f32 (n, D) of its encoder} is what ``source`` has taught, in
        place of what that source taught before.

        Raises:
            InvalidValueError: an empty name, or vectors that are no finite rows of one length.
        """
        mine: dict[str, F32] = {}
        for name, rows in bank.items():
            vectors = np.asarray(rows, np.float32)
            if not key_of(name):
                raise InvalidValueError(f"taught name {name!r} is empty, expected the words for a thing")
            if vectors.ndim != 2 or 0 in vectors.shape or not np.isfinite(vectors).all():
                raise InvalidValueError(
                    f"exemplars of {name!r}: shape {vectors.shape}, expected finite rows (n, D), one at least"
                )
            before = mine.get(key_of(name))
            mine[key_of(name)] = vectors if before is None else np.concatenate([before, vectors])
        banks = {**self._banks, source: mine}
        taught: dict[str, list[F32]] = {}
        for each in banks.values():
            for name, vectors in each.items():
                taught.setdefault(name, []).append(vectors)
        if len({vectors.shape[1] for every in taught.values() for vectors in every}) > 1:
            raise InvalidValueError("exemplars of different lengths, expected vectors of one encoder")
        self._banks = banks
        self._taught = {name: np.concatenate(every) for name, every in taught.items()}

    def detect(self, obs: Observation) -> Sequence[Detection]:
        """What ``detector`` sees; what looks like a taught thing has its name, and each name stands once."""
        seen = list(self.detector.detect(obs))
        if not self._taught:
            return seen
        looked, names = self._look(obs), tuple(self._taught)
        mine = [self._named(looked, j, names[i], i) for j, i in looked.called.items()]
        called = {_place(looked.things[j]) for j in looked.called}
        taken = {key_of(each.label) for each in mine}
        others = [each for each in seen if _place(each) not in called and key_of(each.label) not in taken]
        return sorted([*mine, *others], key=lambda each: -each.score)

    def find(self, obs: Observation, label: str) -> Detection | None:
        """What looks most like the taught thing ``label``, with how surely it is that as its score [0, 1],
        however little; other labels are looked for by ``detector``."""
        key = key_of(label)
        if key not in self._taught:
            return self._passed(obs, self.detector.find(obs, label))
        looked, i = self._look(obs), list(self._taught).index(key)
        scores = [self._score(looked, i, j) for j in range(len(looked.things))] or [0.0]
        best = int(np.argmax(scores))
        return self._named(looked, best, label, i) if scores[best] >= FITS else None

    def evidence(self, obs: Observation, label: str, above_m: float | None = None) -> F32 | None:
        """As of ``detector``; for a taught ``label`` how surely each proposal is that thing, in the cell of
        its middle, or of the point ``above_m`` [m] over the table above it."""
        key = key_of(label)
        if key not in self._taught:
            return self.detector.evidence(obs, label, above_m)
        known = self.detector.evidence(obs, label)
        if known is None:
            return None
        looked, i, fit = self._look(obs), list(self._taught).index(key), np.zeros_like(known)
        for j, thing in enumerate(looked.things):
            x, y = _middle(thing) if above_m is None else self._above(thing, above_m)
            column, row = int(np.floor(x * fit.shape[1])), int(np.floor(y * fit.shape[0]))
            if 0 <= row < fit.shape[0] and 0 <= column < fit.shape[1]:
                fit[row, column] = max(fit[row, column], self._score(looked, i, j))
        return fit

    def _look(self, obs: Observation) -> _Looked:
        taught, images, last = self._taught, tuple(obs.images.values()), self._looked
        if last is not None and last.taught is taught and _same(last.images, images):
            return last
        things = tuple(proposed(self.detector, obs))
        share = np.zeros((len(taught), len(things)), np.float32)
        if things:
            vectors = self.encoder.embed([crop(obs.images[each.camera], each.box) for each in things])
            share = shares(likeness(vectors, list(taught.values())))
        # A container has its own name; a thing may be looked for in it.
        free = np.array([each.kind is ObjectKind.THING for each in things], bool)
        self._looked = _Looked(images, taught, things, share, one_to_one(share * free, CALLED))
        return self._looked

    def _score(self, looked: _Looked, name: int, thing: int) -> float:
        there = min(1.0, looked.things[thing].score / SURELY)
        return float(looked.share[name, thing]) * there

    def _named(self, looked: _Looked, thing: int, label: str, name: int) -> Detection:
        score = self._score(looked, name, thing)
        seen = looked.things[thing]
        return replace(seen, label=label, score=score, kind=ObjectKind.THING, by=GroundedBy.EXEMPLAR)

    def _passed(self, obs: Observation, found: Detection | None) -> Detection | None:
        if found is None or not self._taught:
            return found
        looked = self._look(obs)
        for j, i in looked.called.items():
            if _place(looked.things[j]) == _place(found):
                return replace(found, score=found.score * (1.0 - self._score(looked, i, j)))
        return found

    def _above(self, thing: Detection, height_m: float) -> tuple[float, float]:
        point = np.array([[thing.position[0], thing.position[1], height_m]])
        x, y = image_points(self._cameras[thing.camera], point)[0]
        return float(x), float(y)


def _same(before: tuple[U8, ...], now: tuple[U8, ...]) -> bool:
    return len(before) == len(now) and all(a is b for a, b in zip(before, now, strict=True))


def _place(thing: Detection) -> tuple[str, tuple[float, ...]]:
    """Where it is seen: two reports of one thing say the same."""
    return thing.camera, tuple(round(float(v), 4) for v in thing.box)


def _middle(thing: Detection) -> tuple[float, float]:
    x0, y0, x1, y1 = (float(v) for v in thing.box)
    return (x0 + x1) / 2, (y0 + y1) / 2
