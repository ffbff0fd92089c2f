"""Scores imagined goal images: the right object, a sure place of the arm, and the scene otherwise as it was.

VISTA does not say how a goal image is chosen (arXiv 2602.10983); among its own failures are images of the
wrong object and of things that were not there before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np

from vista.errors import ImaginationError
from vista.skill import Sentence, parse
from vista.types import F32, U8, Detection, Observation, Subtask

DOUBT = 0.02
"""Likelihood of what a detector does not see; two things that it sees less well than this are alike to it."""
NEAR = 2
"""Cells around the gripper that the object in question may take up."""
KNOWN = 0.35
"""From this score on a thing belongs to the scene that shall stay as it is."""


class Seer(Protocol):
    """The slice of a detector that a verifier asks."""

    def detect(self, obs: Observation) -> Sequence[Detection]:
        """What is seen, best first."""
        ...

    def evidence(self, obs: Observation, label: str) -> F32:
        """Score [0, 1] of ``label`` in each cell of a square grid over the image, f32 (N, N)."""
        ...


@dataclass(frozen=True, slots=True)
class Verification:
    """Each in [0, 1]: ``right``, the object in question is where the gripper goes and nowhere else; ``arm``,
    how sure its place is; ``kept``, how well the other things are still seen."""

    right: float
    arm: float
    kept: float

    @property
    def score(self) -> float:
        """All of it at once."""
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
    """See the module's text. ``camera`` is that of the images; ``refuse_below``: images whose ``right`` is
    less than this are refused."""

    def __init__(self, seer: Seer, camera: str = "front", refuse_below: float = 0.0) -> None:
        self._seer, self._camera, self._refuse_below = seer, camera, refuse_below

    def scores(self, obs: Observation, subtask: Subtask, images: U8, heat: F32) -> list[float]:
        """The scores [0, 1] of ``images`` u8 (K, S, S, 3) with ``heat`` (K, N, N), imagined from ``obs``.

        Raises:
            ImaginationError: each of them shows another object, or none.
        """
        found = self.verify(obs, subtask, images, heat)
        best = max(v.right for v in found)
        if best < self._refuse_below:
            label = parse(subtask.text).label or subtask.text
            raise ImaginationError(
                f"no image of {subtask.text!r} shows the {label}: at best {best:.2f}, "
                f"expected {self._refuse_below:.2f}"
            )
        return [v.score for v in found]

    def verify(self, obs: Observation, subtask: Subtask, images: U8, heat: F32) -> list[Verification]:
        """What speaks for each of ``images``."""
        sentence = parse(subtask.text)
        before = self._seer.evidence(obs, sentence.label)
        others = self._others(obs, sentence.label)
        found = []
        for image, hot in zip(images, heat, strict=True):
            shown = replace(obs, images={**obs.images, self._camera: image})
            peak = np.unravel_index(int(hot.argmax()), hot.shape)
            place = int(peak[0]) / hot.shape[0], int(peak[1]) / hot.shape[1]
            found.append(
                Verification(
                    self._right(sentence, before, shown, place),
                    confidence(hot),
                    self._kept(others, shown),
                )
            )
        return found

    def _right(
        self, sentence: Sentence, before: F32, shown: Observation, place: tuple[float, float]
    ) -> float:
        """Of a grasp: how well the object was seen where the gripper goes, in shares of where it was seen
        best. Of a placing: how little of it appears at other places than the best one."""
        if sentence.verb == "grasp":
            near = _near(before, place)
            return (near + DOUBT) / (float(before.max()) + DOUBT)
        if sentence.verb == "place":
            # What appears at two places is at one too many.
            new = np.maximum(self._seer.evidence(shown, sentence.label) - before, 0.0)
            at = np.unravel_index(int(new.argmax()), new.shape)
            best, ghost = float(new.max()), new.copy()
            ghost[max(0, at[0] - NEAR) : at[0] + NEAR + 1, max(0, at[1] - NEAR) : at[1] + NEAR + 1] = 0.0
            return (best + DOUBT) / (best + float(ghost.max()) + DOUBT)
        return 1.0

    def _others(self, obs: Observation, label: str) -> list[_Other]:
        """What else is surely seen, asked once for all images: a detector keeps the maps of one image."""
        found = []
        for each in self._seer.detect(obs):
            if each.score >= KNOWN and each.label != label:
                x, y = (np.asarray(each.box)[:2] + np.asarray(each.box)[2:]) / 2
                place = float(y), float(x)
                found.append(_Other(each.label, place, _near(self._seer.evidence(obs, each.label), place)))
        return found

    def _kept(self, others: Sequence[_Other], shown: Observation) -> float:
        """The mean share of ``others`` that is still seen where it was."""
        shares = []
        for label, place, was in others:
            now = _near(self._seer.evidence(shown, label), place)
            shares.append(min(1.0, (now + DOUBT) / (was + DOUBT)))
        return float(np.mean(shares)) if shares else 1.0


def _near(evidence: F32, place: tuple[float, float]) -> float:
    """The best of ``evidence`` (N, N) around ``place`` (y, x), shares of the image."""
    side = evidence.shape[0]
    row, column = (min(side - 1, max(0, int(v * side))) for v in place)
    window = evidence[max(0, row - NEAR) : row + NEAR + 1, max(0, column - NEAR) : column + NEAR + 1]
    return float(window.max())
