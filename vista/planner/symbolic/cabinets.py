"""Which cabinet of the workplace stands there, and how far its drawers are open, from the handles that are
seen.

The contract may describe several cabinets of which one at most stands there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from vista.types import F64, Place


class Cabinets:
    """The drawers among ``places``, by cabinet. Nothing is known of drawers that the contract does not have.

    ``openings``: {name: opening [m]} of the drawers that are believed to be there, in the contract's order;
    empty until a handle is seen.
    """

    def __init__(self, places: Mapping[str, Place]) -> None:
        self._drawers = {name: place for name, place in places.items() if place.drawer}
        groups: dict[str, list[str]] = {}
        for name, place in self._drawers.items():
            groups.setdefault(place.cabinet, []).append(name)
        self._cabinets = sorted(groups.values(), key=len)
        self.openings: dict[str, float] = {}

    def reset(self) -> None:
        """Forget which drawers are there."""
        self.openings = {}

    def see(self, handles: Sequence[tuple[str, F64]], *, named: bool) -> None:
        """Note the ``handles`` that are seen: (label, position (3,) [m]). A handle that is hidden for a
        moment stays where it was. ``named``: a label is the name of its drawer; else the nearest drawer is
        meant."""
        if not handles or not self._cabinets:
            return
        names = self._standing([float(at[1]) for _, at in handles])
        for label, at in handles:
            nearest = names[int(np.argmin([abs(at[1] - self._y(name)) for name in names]))]
            name = label if named and label in self._drawers else nearest
            self.openings[name] = float(at[0]) - self._position(name)[0] - self._drawers[name].handle_m
        self.openings = {name: self.openings.get(name, 0.0) for name in names}

    def _standing(self, ys: Sequence[float]) -> list[str]:
        """The drawers of the smallest cabinet that has enough of them, and one near each handle: no drawer of
        another cabinet is nearer."""
        wanted = max(len(ys), len(self.openings))
        every = list(self._drawers)
        for names in self._cabinets:
            if len(names) >= wanted and all(self._apart(y, names) <= self._apart(y, every) for y in ys):
                return names
        return self._cabinets[-1]

    def _apart(self, y: float, names: Sequence[str]) -> float:
        return min(abs(y - self._y(name)) for name in names)

    def _y(self, name: str) -> float:
        return self._position(name)[1]

    def _position(self, name: str) -> tuple[float, float]:
        position = self._drawers[name].position
        assert position is not None, "a drawer has a position"
        return position
