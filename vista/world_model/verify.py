"""Scores imagined goal images: the right object, a sure place of the arm, and the scene otherwise as it was.

VISTA does not say how a goal image is chosen (arXiv 2602.10983); among its own failures are images of the
wrong object and of things that were not there before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from vista.errors import ImaginationError
from vista.protocols import Detector
from vista.skill import Skill, Verb
from vista.types import F32, U8, Observation, Subtask

DOUBT = 0.02
"""The score of a thing that the detector does not see but that may be there."""
NEAR = 2
"""Cells around the gripper that the thing in question may take up."""
KNOWN = 0.35
"""From this score on a thing belongs to the scene that shall stay as it is."""


@dataclass(frozen=True, slots=True)
class Verification:
    """Each in [0, 1]: ``right``, the thing in question is where the gripper goes and nowhere else; ``arm``,
    how sure the gripper's place is; ``kept``, how well the other things are still seen."""

    right: float
    arm: float
    kept: float

    @property
    def score(self) -> float:
        """The product of the three."""
        return self.right * self.arm * self.kept


def confidence(heat: F32, at: tuple[int, int] | None = None) -> float:
    """How sure it is where the gripper goes [0, 1]: the mass of ``heat`` (N, N) within one cell of its peak,
    or of cell ``at`` (row, column)."""
    row, column = at or np.unravel_index(int(heat.argmax()), heat.shape)
    window = heat[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
    return float(min(1.0, window.sum()))


class _Other(NamedTuple):
    """A thing that shall stay; ``place`` (y, x) in shares of the image, ``was``: how well it is seen."""

    label: str
    place: tuple[float, float]
    was: float


class GoalVerifier:
    """Scores images with a detector. For a subtask that is a sentence, and with a detector that has no maps,
    the score is that of the gripper's place alone.

    Args:
        detector: Sees the things in the images.
        camera: The camera of the images.
        refuse_below: Refuse if no image has a ``right`` of at least this [0, 1].
    """

    def __init__(self, detector: Detector, camera: str = "front", refuse_below: float = 0.0) -> None:
        self._detector, self._camera, self._refuse_below = detector, camera, refuse_below

    def scores(self, obs: Observation, subtask: Subtask, images: U8, heat: F32) -> list[float]:
        """The scores [0, 1] of ``images`` u8 (K, S, S, 3) with ``heat`` (K, N, N), imagined from ``obs``.

        Raises:
            ImaginationError: each of them shows another thing, or none.
        """
        found = self.verify(obs, subtask, images, heat)
        best = max(v.right for v in found)
        if best < self._refuse_below:
            thing = subtask.text if subtask.skill is None else subtask.skill.thing
            raise ImaginationError(
                f"no image of {subtask.text!r} shows the {thing}: at best {best:.2f}, "
                f"expected {self._refuse_below:.2f}"
            )
        return [v.score for v in found]

    def verify(self, obs: Observation, subtask: Subtask, images: U8, heat: F32) -> list[Verification]:
        """The verification of each of ``images``; arguments as for :meth:`scores`."""
        skill = subtask.skill
        before = None if skill is None else self._detector.evidence(obs, skill.thing)
        if skill is None or before is None:
            return [Verification(1.0, confidence(hot), 1.0) for hot in heat]
        others = self._others(obs, skill.thing)
        found = []
        for image, hot in zip(images, heat, strict=True):
            shown = replace(obs, images={**obs.images, self._camera: image})
            peak = np.unravel_index(int(hot.argmax()), hot.shape)
            place = int(peak[0]) / hot.shape[0], int(peak[1]) / hot.shape[1]
            found.append(
                Verification(
                    self._right(skill, before, shown, place),
                    confidence(hot),
                    self._kept(others, shown),
                )
            )
        return found

    def _right(self, skill: Skill, before: F32, shown: Observation, place: tuple[float, float]) -> float:
        """Of a grasp: how well the thing was seen where the gripper goes, as a share of where it was seen
        best. Of a placing: how little of the thing appears at other places than the best one."""
        if skill.verb is Verb.GRASP:
            near = _near(before, place)
            return (near + DOUBT) / (float(before.max()) + DOUBT)
        if skill.verb is Verb.PLACE:
            # A thing that appears at two places is at one too many.
            new = np.maximum(self._evidence(shown, skill.thing) - before, 0.0)
            at = np.unravel_index(int(new.argmax()), new.shape)
            best, ghost = float(new.max()), new.copy()
            ghost[max(0, at[0] - NEAR) : at[0] + NEAR + 1, max(0, at[1] - NEAR) : at[1] + NEAR + 1] = 0.0
            return (best + DOUBT) / (best + float(ghost.max()) + DOUBT)
        return 1.0

    def _evidence(self, obs: Observation, label: str) -> F32:
        found = self._detector.evidence(obs, label)
        assert found is not None, "a detector has maps, or it has none"
        return found

    def _others(self, obs: Observation, label: str) -> list[_Other]:
        """The other things that are surely seen. Looked up once for all images: a detector keeps the maps of
        one image."""
        found = []
        for each in self._detector.detect(obs):
            if each.score >= KNOWN and each.label != label:
                x, y = (np.asarray(each.box)[:2] + np.asarray(each.box)[2:]) / 2
                place = float(y), float(x)
                found.append(_Other(each.label, place, _near(self._evidence(obs, each.label), place)))
        return found

    def _kept(self, others: Sequence[_Other], shown: Observation) -> float:
        """The mean share of ``others`` that is still seen where it was."""
        shares = []
        for label, place, was in others:
            now = _near(self._evidence(shown, label), place)
            shares.append(min(1.0, (now + DOUBT) / (was + DOUBT)))
        return float(np.mean(shares)) if shares else 1.0


def _near(evidence: F32, place: tuple[float, float]) -> float:
    """The best of ``evidence`` (N, N) around ``place`` (y, x), shares of the image."""
    side = evidence.shape[0]
    row, column = (min(side - 1, max(0, int(v * side))) for v in place)
    window = evidence[max(0, row - NEAR) : row + NEAR + 1, max(0, column - NEAR) : column + NEAR + 1]
    return float(window.max())
