"""What a detector sees, for planning: which things are where, and what the hand holds.

A learned detector overlooks and misnames things. What an instruction names is therefore looked for by its
name; a weak sight of it counts only as long as there was no better one, or in an open drawer, where things
are seen badly; and what is not seen at all is where the robot's own steps have left it. It sees badly how
high things are, too: what the hand let go over another thing and is still there is taken to stand on it.
Whether the hand holds something is told by its fingers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from robomemory.planning.belief import Observed
from vista.planner.symbolic.facts import OPEN_M, TRAY_HALF_M, Sight, drawer_centres, observed
from vista.protocols import Detector, Finder
from vista.robot.gripper import HOLDS
from vista.types import F64, Detection, Observation
from vista_sim.model import cabinet

SURE, UNSEEN = 0.3, 0.005
"""Likelihoods: what is seen for sure; below the second a thing that was named is not there."""
APART_M = 0.1
HIGH_M = 0.15
UPON_M = 0.05
"""Over what the hand, or a thing, is: no further [m] from its middle, seen from above."""
STANDS_M, LOW_STANDS_M, RISE_M = 0.075, 0.03, 0.008
"""What was let go over another thing stands on it if it seems to be no further from it than the first [m] and
higher by the last, or no further than the second: of what stands high a detector says too little of the
height, and so that it is further away. 191 placings on tuning seeds: docs/learning.md."""
MARGIN_M = 0.01


class Looker:
    """Turns images into facts. ``reset`` with what the next instruction names; ``grasped``: the label of what
    the robot last tried to grasp."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self.reset(())

    def reset(self, named: Sequence[str]) -> None:
        """Another instruction begins, which names ``named``."""
        self._named, self.grasped = tuple(named), ""
        self._sure: set[str] = set()
        self._drawers: dict[str, float] = {}
        self._trays: dict[str, F64] = {}
        self._last: dict[str, F64] = {}
        self._stood: dict[str, F64] = {}
        self._holding, self._put = "", dict[str, str]()
        self._plain: frozenset[str] = frozenset()
        # Trays in which something was seen since the instruction began, or into which the hand let go
        # something. In another one nothing lies, whatever a memory says.
        self._filled: set[str] = set()

    def look(self, obs: Observation) -> Observed:
        """The facts that are seen in ``obs``."""
        learned = isinstance(self._detector, Finder)
        things: dict[str, F64] = {}
        handles: list[tuple[str, F64]] = []
        trays: set[str] = set()
        names = {name for some in cabinet.DRAWER_NAMES.values() for name in some}
        for each in self._detector.detect(obs):
            if each.label in names:
                handles.append((each.label, np.asarray(each.position)))
            elif each.label.endswith("tray"):
                self._trays[each.label] = np.asarray(each.position)
                trays.add(each.label)
            else:
                things.setdefault(each.label, np.asarray(each.position))
        self._note_drawers(handles, learned)
        hand, closed, held = np.asarray(obs.ee_pose.position), obs.gripper_command < 0.5, ""
        if learned:
            things = self._named_things(obs, things)
            closed = closed and obs.gripper > HOLDS
            # Fingers that have held a thing and still stand apart hold it, wherever it seems to be: how far
            # away something is that is carried high, the detector sees worst.
            kept = self._holding if self._holding == self.grasped else ""
            held = (kept or self._held(things, hand)) if closed else ""
            if held:
                things = {held: hand, **{k: v for k, v in things.items() if k != held}}
            closed = bool(held)
            self._note_put(things, held, hand, obs.gripper_command >= 0.5)
            if obs.gripper_command >= 0.5:
                self._stood = dict(self._last)
        margin = MARGIN_M if learned else 0.0
        upon = {label: where for label, where in self._put.items() if label in things and where in self._last}
        for at in (at for label, at in things.items() if label != held):
            self._filled |= self._trays_at(at)
        sight = Sight(
            obs.stamp_ns, things, hand, closed, dict(self._trays), dict(self._drawers), margin, not learned,
            upon, frozenset(self._put.values()) & self._drawers.keys(),
            (self._plain - set(upon.values())) | (trays - self._filled),
        )  # fmt: skip
        return observed(sight)

    def _note_put(self, things: dict[str, F64], held: str, hand: F64, open_: bool) -> None:
        """Keep what the hand has let go over which thing or drawer, until it is seen elsewhere."""
        if held:
            self._holding = held
            self._put.pop(held, None)
            return
        if self._holding and open_:
            below = self._drawer_at(hand) or self._thing_at(hand, self._holding)
            into = self._trays_at(hand)
            self._filled |= into
            if below:
                self._put[self._holding] = below
            elif not into:
                self._sure.discard(self._holding)  # it fell, and may lie on its side: a weak sight counts
            self._holding = ""
        for label, where in list(self._put.items()):
            if where in self._drawers:
                stays = label not in things or self._drawer_at(things[label]) == where
            elif label in things:
                stays = self._stands(things[label], where)
            else:
                # What something stands on is hidden by it.
                stays = where not in self._plain
                if not stays:
                    self._sure.discard(label)
            if not stays:
                del self._put[label]

    def _stands(self, at: F64, where: str) -> bool:
        """Whether what was let go over ``where`` and seems to be ``at`` stands on it."""
        support = self._last.get(where)
        if support is None:
            return False
        apart = float(np.linalg.norm((at - support)[:2]))
        return apart < LOW_STANDS_M or (apart < STANDS_M and bool(at[2] - support[2] > RISE_M))

    def _trays_at(self, at: F64) -> set[str]:
        """The trays over whose ground ``at`` is."""
        half = TRAY_HALF_M + MARGIN_M
        return {name for name, tray in self._trays.items() if bool((np.abs(at - tray)[:2] < half).all())}

    def _drawer_at(self, at: F64) -> str:
        """The open drawer over whose ground ``at`` is, else an empty name."""
        size = (cabinet.INNER_X + MARGIN_M, cabinet.INNER_Y + MARGIN_M)
        for name, centre in drawer_centres(self._drawers).items():
            if self._drawers[name] > OPEN_M and bool((np.abs(at[:2] - centre) < size).all()):
                return name
        return ""

    def _thing_at(self, at: F64, label: str) -> str:
        """What is named, other than ``label``, and was last surely seen nearest to ``at``; else empty."""
        apart = {
            name: float(np.linalg.norm(at[:2] - where[:2]))
            for name, where in self._last.items()
            if name != label
        }
        nearest = min(apart, key=lambda name: apart[name], default="")
        return nearest if nearest and apart[nearest] < UPON_M else ""

    def _held(self, things: dict[str, F64], hand: F64) -> str:
        """What the hand holds: what it tried to grasp, unless that is seen elsewhere; then something else
        that the instruction names. Empty where it is none of these: of that the plan knows nothing."""

        def apart(label: str) -> float:
            return float(np.linalg.norm(things[label] - hand)) if label in things else 0.5 * APART_M

        if self.grasped not in self._named:
            return ""
        # Of what is carried high the detector sees badly how far away it is, but not that it has gone.
        stood = self._stood.get(self.grasped)
        if hand[2] > HIGH_M and stood is not None and self._gone(things.get(self.grasped), stood):
            return self.grasped
        ordered = [self.grasped, *sorted((n for n in self._named if n != self.grasped), key=apart)]
        return next((label for label in ordered if apart(label) < APART_M), "")

    def _gone(self, at: F64 | None, stood: F64) -> bool:
        """Whether what stood at ``stood`` is seen ``at`` another place."""
        return at is not None and float(np.linalg.norm((at - stood)[:2])) > UPON_M

    def _named_things(self, obs: Observation, things: dict[str, F64]) -> dict[str, F64]:
        assert isinstance(self._detector, Finder)
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
        # What was found by name at some place is not also the thing that it was mistaken for.
        others = {
            name: at
            for name, at in things.items()
            if all(np.linalg.norm(at[:2] - mine[:2]) > 0.02 for mine in here.values())
        }
        return {**here, **others}

    def _note_drawers(self, handles: Sequence[tuple[str, F64]], learned: bool) -> None:
        """Openings by name; a handle that is hidden for a moment stays where it was."""
        if not handles:
            return
        several = len(handles) > 1 or abs(handles[0][1][1]) > cabinet.DRAWER_Y[3][2] / 2
        names = cabinet.DRAWER_NAMES[3 if several or len(self._drawers) > 1 else 1]
        for said, at in handles:
            rows = cabinet.DRAWER_Y[len(names)]
            nearest = int(np.argmin([abs(at[1] - y) for y in rows]))
            name = names[nearest] if learned else said
            self._drawers[name] = float(at[0]) - cabinet.CENTRE_X - cabinet.FRONT
        if len(self._drawers) > 1:
            self._drawers.pop(cabinet.DRAWER_NAMES[1][0], None)
        self._drawers = {name: self._drawers.get(name, 0.0) for name in names}
