"""A switcher that checks the answer "reached" of another one against fingers and camera.

Progress, goal distance and motion look alike whether a thing was lifted or slipped away, and whether it lies
in a container or beside it: the arm does the same. But fingers that were told to close, and stand together,
hold nothing; and a thing that is seen elsewhere is not where the goal image shows it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vista.protocols import Detector, Switcher
from vista.robot.gripper import closed_on_nothing, holds
from vista.skill import Skill, Verb
from vista.types import (
    ActionChunk,
    Cause,
    Detection,
    ObjectKind,
    Observation,
    Progress,
    State,
    Subgoal,
)

SEEN = 0.3
"""Score from which on a thing is surely where it is seen."""
APART = 0.1
"""In shares of the image's width: a thing so far from where the goal shows it is elsewhere."""
PATIENCE_S = 1.5
"""Robot time [s] in which fingers that hold nothing may try again while the other switcher says reached."""


class DoubtingSwitcher:
    """Checks what ``switcher`` says of a skill; a subtask that is a sentence is not checked.

    A grasp is not reached while the fingers hold nothing. A placing has failed when the fingers lost the
    thing on the way; and, if it goes into a container, when the thing is seen elsewhere than in the goal
    image as ``switcher`` says reached. Into drawers and onto things the camera sees too badly: things that
    were placed well would be fetched again.

    Args:
        switcher: The switcher that is checked.
        detector: Looks for the thing in question; None: only the fingers are asked.
    """

    def __init__(
        self,
        switcher: Switcher,
        detector: Detector | None = None,
    ) -> None:
        self._switcher, self._detector = switcher, detector
        self._skill: Skill | None = None

    def reset(self, subgoal: Subgoal, start_stamp_ns: int) -> None:
        """A new subgoal starts at ``start_stamp_ns`` [ns]."""
        self._switcher.reset(subgoal, start_stamp_ns)
        self._subgoal, self._skill = subgoal, subgoal.subtask.skill
        self._carried, self._doubted_ns = False, -1
        self._goal: dict[str, Detection | None] = {}

    def judge(self, obs: Observation, chunk: ActionChunk) -> Progress:
        """How the subtask stands; :meth:`reset` must have been called."""
        progress, skill = self._switcher.judge(obs, chunk), self._skill
        if skill is None:
            return progress
        if skill.verb is Verb.PLACE:
            self._carried = self._carried or holds(obs)
            if self._carried and closed_on_nothing(obs):
                reason = f"the fingers have lost the {skill.thing}"
                return Progress(State.FAILED, progress.fraction, reason, Cause.NOT_HELD)
        if progress.state is not State.REACHED:
            return progress
        if skill.verb is Verb.GRASP and not holds(obs):
            return self._nothing_held(obs, progress)
        if skill.verb is Verb.PLACE and self._elsewhere(obs, skill):
            reason = f"let go, but the {skill.thing} is seen elsewhere"
            return Progress(State.FAILED, progress.fraction, reason, Cause.SEEN_ELSEWHERE)
        return progress

    def _nothing_held(self, obs: Observation, progress: Progress) -> Progress:
        """Go on for a while: an executor opens its fingers and tries again if they have met nothing."""
        self._doubted_ns = obs.stamp_ns if self._doubted_ns < 0 else self._doubted_ns
        failed = (obs.stamp_ns - self._doubted_ns) * 1e-9 > PATIENCE_S
        state = State.FAILED if failed else State.RUNNING
        fraction = min(progress.fraction, 0.99)
        return Progress(state, fraction, "the fingers hold nothing", Cause.NOT_HELD)

    def _elsewhere(self, obs: Observation, skill: Skill) -> bool:
        """Whether the thing goes into a container, and is surely seen far from where the goal image shows
        it."""
        if self._detector is None or not self._into_container():
            return False
        now = self._detector.find(obs, skill.thing)
        if now is None or now.score < SEEN or now.camera not in self._subgoal.images:
            return False
        if now.camera not in self._goal:
            image = self._subgoal.images[now.camera]
            imagined = replace(obs, images={**obs.images, now.camera: image})
            self._goal[now.camera] = self._detector.find(imagined, skill.thing)
        shown = self._goal[now.camera]
        return shown is not None and float(np.abs(_middle(now) - _middle(shown)).max()) > APART

    def _into_container(self) -> bool:
        grounding = self._subgoal.grounding
        place = None if grounding is None else grounding.place
        return place is not None and place.kind is ObjectKind.CONTAINER


def _middle(seen: Detection) -> np.ndarray:
    return (np.asarray(seen.box)[:2] + np.asarray(seen.box)[2:]) / 2
