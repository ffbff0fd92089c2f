"""Containers that things are put into: where they are seen, and what lies in them or right beside them.

Their names and sizes come from the robot's contract; a container that only the detector knows has the default
size.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vista.types import F64, Detection, ObjectKind, Place

DEFAULT_HALF_M = 0.057
"""Half of the ground of a container of unknown size, in x and y [m]: the tray that ships with the
simulator."""
SURELY_IN_M, RIM_M, BESIDE_M = -0.002, 0.003, 0.023
"""Added to half of the ground [m]. Within the first a thing lies in the container. Within the second it lies
there if its position is exact. Beyond the third it lies elsewhere: a thing beside the tray begins 3.3 cm from
its ground, and the detector errs by 1 to 2 cm."""


def half_m(places: Mapping[str, Place], name: str, more_m: float = 0.0) -> F64:
    """Half of the ground of place ``name`` (2,) in x and y [m], and ``more_m``."""
    place = places.get(name)
    sizes = (DEFAULT_HALF_M, DEFAULT_HALF_M) if place is None else place.half_size_m
    # Sums of decimal numbers are rounded to the decimal that is meant: 0.057 + 0.003 is 0.06.
    return np.array([round(size + more_m, 9) for size in sizes])


def kind_of(seen: Detection, places: Mapping[str, Place]) -> ObjectKind:
    """The kind of a detection: what the contract says of its name, else what the detector says."""
    place = places.get(seen.label)
    if place is None:
        return seen.kind
    return ObjectKind.HANDLE if place.drawer else ObjectKind.CONTAINER


@dataclass(frozen=True, slots=True)
class ContainerAt:
    """A container ``name`` whose middle is at ``position`` (2,) [m, base frame]."""

    name: str
    position: F64
    inner_m: F64
    outer_m: F64

    def holds(self, at: F64) -> bool:
        """Whether a thing that is seen at ``at`` (3,) [m] lies in it."""
        return bool((np.abs(at[:2] - self.position) < self.inner_m).all())

    def is_beside(self, at: F64) -> bool:
        """Whether a thing that is seen at ``at`` (3,) [m] lies in it or so near that nobody can tell."""
        return bool((np.abs(at[:2] - self.position) <= self.outer_m).all())


class SeenContainers:
    """Which containers there are, and where they were seen in the last ``kept_ns`` [ns]: what lies in a
    container hides it."""

    def __init__(self, places: Mapping[str, Place], kept_ns: int) -> None:
        self._places, self._kept_ns = places, kept_ns
        self._names = {name for name, place in places.items() if not place.drawer}
        self._last: dict[str, tuple[list[ContainerAt], int]] = {}

    def see(self, found: Iterable[Detection], stamp_ns: int) -> None:
        """Note the containers among ``found``, detected at ``stamp_ns`` [ns]."""
        here: dict[str, list[ContainerAt]] = {}
        for each in found:
            if kind_of(each, self._places) is ObjectKind.CONTAINER:
                inner, outer = (half_m(self._places, each.label, more) for more in (SURELY_IN_M, BESIDE_M))
                here.setdefault(each.label, []).append(
                    ContainerAt(each.label, each.position[:2], inner, outer)
                )
        self._names |= here.keys()
        self._last |= {name: (containers, stamp_ns) for name, containers in here.items()}

    def named(self, words: Sequence[str]) -> list[str]:
        """The known containers whose names stand in ``words``, in alphabetical order."""
        return sorted(name for name in self._names if _stands_in(name.lower().split(), words))

    def seen(self, names: Collection[str], stamp_ns: int) -> list[ContainerAt]:
        """Those of ``names`` that are seen, at ``stamp_ns`` [ns] or shortly before."""
        kept = (self._last[name] for name in names if name in self._last)
        return [each for at, then_ns in kept if 0 <= stamp_ns - then_ns < self._kept_ns for each in at]


def _stands_in(name: Sequence[str], words: Sequence[str]) -> bool:
    count = len(name)
    return any(list(words[i : i + count]) == list(name) for i in range(len(words) - count + 1))
