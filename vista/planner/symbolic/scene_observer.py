"""The detector's sight of a scene as facts for planning: which things are where, and what the hand holds.

A learned detector overlooks and misnames things. So the observer looks for each thing that the instruction
names by its name. A weak sight of it counts only as long as there was no better one, or in an open drawer,
where a detector sees badly. A thing that is not seen at all is where the robot's own steps have left it. A
detector also sees badly how high things are: a thing that the hand let go over another one, and that is still
there, is taken to stand on it. The fingers tell whether the hand holds something.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from robomemory.planning.belief import Observed
from vista.planner.containers import RIM_M, half_m, kind_of
from vista.planner.symbolic.cabinets import Cabinets
from vista.planner.symbolic.facts import OPEN_M, Sight, drawer_centres, observed
from vista.protocols import Detector
from vista.robot.gripper import HOLDS, is_open
from vista.types import F64, Detection, ObjectKind, Observation, Place

SURE, UNSEEN = 0.3, 0.005
"""Scores of a detection: from the first on it is sure; below the second a named thing is not there."""
APART_M = 0.1
HIGH_M = 0.15
UPON_M = 0.05
"""A thing is below the hand, or below another thing, if it is no further from its middle [m], seen from
above."""
STANDS_M, LOW_STANDS_M, RISE_M = 0.075, 0.03, 0.008
"""A thing that was let go over another stands on it if it seems to be no further from it than the second [m];
or no further than the first, and higher by the last: a detector underrates the height of high things, and so
overrates their distance. Chosen with 191 placings on tuning seeds."""
MARGIN_M = 0.01
"""A learned detector sees a thing so far beside its true place [m]."""


class SceneObserver:
    """Turns observations into facts. :meth:`reset` takes what the next instruction names; ``grasped`` is the
    label of the thing that the robot last tried to grasp; ``positions`` {name: (3,) [m]} are those of the
    last look.

    Args:
        detector: Sees the scene.
        places: Containers and drawers of the workplace, from the robot's contract. Nothing is believed of
            drawers that are not among them.
    """

    def __init__(self, detector: Detector, places: Mapping[str, Place]) -> None:
        self._detector, self._places = detector, places
        self._cabinets = Cabinets(places)
        self.reset(())

    def reset(self, named: Sequence[str]) -> None:
        """Another instruction begins, which names ``named``."""
        self._named, self.grasped = tuple(named), ""
        self._sure: set[str] = set()
        self._cabinets.reset()
        self._containers: dict[str, F64] = {}
        self._last: dict[str, F64] = {}
        self._stood: dict[str, F64] = {}
        self._holding, self._put = "", dict[str, str]()
        self._plain: frozenset[str] = frozenset()
        self.positions: dict[str, F64] = {}
        # Containers in which something was seen since the instruction began, or into which the hand let go
        # something. Every other one is empty, whatever a memory says.
        self._filled: set[str] = set()

    def look(self, obs: Observation) -> Observed:
        """The facts that are seen in ``obs``."""
        exact = self._detector.exhaustive
        things: dict[str, F64] = {}
        handles: list[tuple[str, F64]] = []
        containers: set[str] = set()
        for each in self._detector.detect(obs):
            kind = kind_of(each, self._places)
            if kind is ObjectKind.HANDLE:
                handles.append((each.label, np.asarray(each.position)))
            elif kind is ObjectKind.CONTAINER:
                self._containers[each.label] = np.asarray(each.position)
                containers.add(each.label)
            else:
                things.setdefault(each.label, np.asarray(each.position))
        self._cabinets.see(handles, named=exact)
        hand, closed, held = np.asarray(obs.ee_pose.position), not is_open(obs), ""
        if not exact:
            things = self._named_things(obs, things)
            closed = closed and obs.gripper > HOLDS
            # Fingers that have held a thing and still stand apart hold it, wherever it seems to be: a
            # detector sees worst how far away a thing is that is carried high.
            kept = self._holding if self._holding == self.grasped else ""
            held = (kept or self._held(things, hand)) if closed else ""
            if held:
                things = {held: hand, **{k: v for k, v in things.items() if k != held}}
            closed = bool(held)
            self._note_put(things, held, hand, is_open(obs))
            if is_open(obs):
                self._stood = dict(self._last)
        upon = {label: where for label, where in self._put.items() if label in things and where in self._last}
        for at in (at for label, at in things.items() if label != held):
            self._filled |= self._containers_at(at)
        self.positions = {**things, **self._containers}
        openings = self._cabinets.openings
        sight = Sight(
            obs.stamp_ns, things, hand, closed, dict(self._containers), dict(openings), self._places,
            margin_m=0.0 if exact else MARGIN_M, whole=exact, upon=upon,
            hidden=frozenset(self._put.values()) & openings.keys(),
            plain=(self._plain - set(upon.values())) | (containers - self._filled),
        )  # fmt: skip
        return observed(sight)

    def _note_put(self, things: dict[str, F64], held: str, hand: F64, open_: bool) -> None:
        """Keep over which thing or drawer the hand has let go what, until it is seen elsewhere."""
        if held:
            self._holding = held
            self._put.pop(held, None)
            return
        if self._holding and open_:
            below = self._drawer_at(hand) or self._thing_at(hand, self._holding)
            into = self._containers_at(hand)
            self._filled |= into
            if below:
                self._put[self._holding] = below
            elif not into:
                self._sure.discard(self._holding)  # it fell, and may lie on its side: a weak sight counts
            self._holding = ""
        for label, where in list(self._put.items()):
            if where in self._cabinets.openings:
                stays = label not in things or self._drawer_at(things[label]) == where
            elif label in things:
                stays = self._stands(things[label], where)
            else:
                # A thing that stands on another hides it.
                stays = where not in self._plain
                if not stays:
                    self._sure.discard(label)
            if not stays:
                del self._put[label]

    def _stands(self, at: F64, where: str) -> bool:
        """Whether a thing that was let go over ``where``, and seems to be ``at``, stands on it."""
        support = self._last.get(where)
        if support is None:
            return False
        apart = float(np.linalg.norm((at - support)[:2]))
        return apart < LOW_STANDS_M or (apart < STANDS_M and bool(at[2] - support[2] > RISE_M))

    def _containers_at(self, at: F64) -> set[str]:
        """The containers over whose ground ``at`` is."""
        return {
            name
            for name, middle in self._containers.items()
            if bool((np.abs(at - middle)[:2] < half_m(self._places, name, RIM_M) + MARGIN_M).all())
        }

    def _drawer_at(self, at: F64) -> str:
        """The open drawer over whose ground ``at`` is, else an empty name."""
        openings = self._cabinets.openings
        for name, centre in drawer_centres(openings, self._places).items():
            size = half_m(self._places, name) + MARGIN_M
            if openings[name] > OPEN_M and bool((np.abs(at[:2] - centre) < size).all()):
                return name
        return ""

    def _thing_at(self, at: F64, label: str) -> str:
        """The named thing, other than ``label``, that was last surely seen nearest to ``at``; else empty."""
        apart = {
            name: float(np.linalg.norm(at[:2] - where[:2]))
            for name, where in self._last.items()
            if name != label
        }
        nearest = min(apart, key=lambda name: apart[name], default="")
        return nearest if nearest and apart[nearest] < UPON_M else ""

    def _held(self, things: dict[str, F64], hand: F64) -> str:
        """The thing that the hand holds: the one that it tried to grasp, unless that is seen elsewhere; then
        another one that the instruction names. Empty for any other: the plan knows nothing of that."""

        def apart(label: str) -> float:
            return float(np.linalg.norm(things[label] - hand)) if label in things else 0.5 * APART_M

        if self.grasped not in self._named:
            return ""
        # A detector sees badly how far away a thing is that is carried high, but well that it has gone.
        stood = self._stood.get(self.grasped)
        if hand[2] > HIGH_M and stood is not None and self._gone(things.get(self.grasped), stood):
            return self.grasped
        ordered = [self.grasped, *sorted((n for n in self._named if n != self.grasped), key=apart)]
        return next((label for label in ordered if apart(label) < APART_M), "")

    def _gone(self, at: F64 | None, stood: F64) -> bool:
        """Whether a thing that stood at ``stood`` is seen ``at`` another place."""
        return at is not None and float(np.linalg.norm((at - stood)[:2])) > UPON_M

    def _named_things(self, obs: Observation, things: dict[str, F64]) -> dict[str, F64]:
        """``things`` with those that the instruction names looked for by their names."""
        found = {label: self._detector.find(obs, label) for label in self._named}
        best = sorted((d for d in found.values() if d is not None), key=lambda d: -d.score)
        taken: list[Detection] = []
        for each in best:
            things.pop(each.label, None)
            weak = each.score < SURE
            doubled = any(np.linalg.norm(each.position[:2] - d.position[:2]) < 0.02 for d in taken)
            known = each.label in self._sure and not self._drawer_at(np.asarray(each.position))
            if each.score < UNSEEN or (weak and (doubled or known)):
                continue
            if not weak:
                self._sure.add(each.label)
                self._last[each.label] = np.asarray(each.position)
            taken.append(each)
        self._plain = frozenset(d.label for d in taken if d.score >= SURE)
        here = {d.label: np.asarray(d.position) for d in taken}
        # A thing that was found by its name is not also the thing that the detector took it for.
        others = {
            name: at
            for name, at in things.items()
            if all(np.linalg.norm(at[:2] - mine[:2]) > 0.02 for mine in here.values())
        }
        return {**here, **others}
