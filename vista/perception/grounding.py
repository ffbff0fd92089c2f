"""Grounds a skill: where the thing and the place that it names are, from what a detector sees."""

from __future__ import annotations

from collections.abc import Mapping

from vista.protocols import Detector
from vista.skill import Relation, Skill, Verb
from vista.types import F32, NO_PLACES, Ground, GroundedBy, Grounding, ObjectKind, Observation, Place

HAND_M = 0.2
"""Height of the hand over the table after it put something down, in the goal images that the world model
learned from [m]."""
UPON_M = 0.07
"""About the height over the table of the middle of a thing that stands on another one [m]."""


class Grounder:
    """Asks a detector where the thing and the place of a skill are.

    Args:
        detector: Sees them.
        places: Containers and drawers of the workplace, from the robot's contract
            (:attr:`vista.types.RobotSpec.places`): what they are is not asked of the detector.
    """

    def __init__(self, detector: Detector, places: Mapping[str, Place] = NO_PLACES) -> None:
        self._detector, self._places = detector, places

    def ground(self, obs: Observation, skill: Skill) -> Grounding:
        """Where ``skill`` takes place in ``obs``. A thing that is to be placed is in the hand, and is not
        looked for."""
        if skill.verb is Verb.GRASP:
            seen = self._detector.evidence(obs, skill.thing)
            return Grounding(self._ground(obs, skill.thing, seen), thing_end=seen, hand_end=seen)
        if skill.verb is not Verb.PLACE:
            return Grounding(self._ground(obs, skill.thing))
        place = self._ground(obs, skill.place)
        if skill.relation is not Relation.ON:
            return Grounding(place=place)
        return Grounding(
            place=place,
            thing_end=self._detector.evidence(obs, skill.place, UPON_M),
            hand_end=self._detector.evidence(obs, skill.place, HAND_M),
        )

    def _ground(self, obs: Observation, name: str, evidence: F32 | None = None) -> Ground | None:
        """What fits ``name`` best; a place of the contract that is not seen is known by it."""
        place, found = self._places.get(name), self._detector.find(obs, name)
        kind = None if place is None else ObjectKind.HANDLE if place.drawer else ObjectKind.CONTAINER
        if found is None:
            return None if kind is None else Ground(name, GroundedBy.CONTRACT, kind=kind)
        return Ground(
            name, found.by, found.score, kind or found.kind, found.position, found.sigma_m, found.camera,
            found.box, evidence,
        )  # fmt: skip
