"""A switcher that checks what another one calls done against what can be seen and felt.

Progress, goal distance and motion look alike whether a thing was lifted or slipped away, whether it lies in
the tray or beside it: the arm does the same. Fingers that were told to close and stand together hold nothing;
and a thing that is seen elsewhere is not where the goal image shows it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vista.protocols import Finder, Switcher
from vista.robot.gripper import closed_on_nothing, holds
from vista.skill import Sentence, parse
from vista.types import ActionChunk, Detection, Observation, Progress, State, Subgoal

SEEN = 0.3
"""Likelihood from which on a thing is surely where it is seen."""
APART = 0.1
"""In shares of the image's width: a thing this far from where the goal shows it is elsewhere."""
LOOKED_INTO = "tray"
"""Where a detector sees a thing well. On another thing it took what stood there for gone, and what was well
placed was fetched again."""
PATIENCE_S = 1.5
"""So long [s] fingers that hold nothing may go on trying, while the other switcher calls it done."""


class DoubtingSwitcher:
    """Wraps ``switcher``; ``finder`` looks for the thing in question, None: only the fingers are asked.

    A grasp is not reached while the fingers hold nothing. A placing has failed when the fingers lost the
    thing on the way, or, into a tray, when it is seen elsewhere than in the goal image as the placing is
    called done.
    """

    def __init__(self, switcher: Switcher, finder: Finder | None = None) -> None:
        self._switcher, self._finder = switcher, finder
        self._sentence = Sentence("", "")

    def reset(self, subgoal: Subgoal, start_stamp_ns: int) -> None:
        """A new subgoal starts at ``start_stamp_ns``."""
        self._switcher.reset(subgoal, start_stamp_ns)
        self._subgoal, self._sentence = subgoal, parse(subgoal.subtask.text)
        self._carried, self._doubted_ns = False, -1
        self._goal: dict[str, Detection | None] = {}

    def judge(self, obs: Observation, chunk: ActionChunk) -> Progress:
        """How the subtask stands; ``reset`` must have been called."""
        progress = self._switcher.judge(obs, chunk)
        verb, label = self._sentence.verb, self._sentence.label
        if verb == "place":
            self._carried = self._carried or holds(obs)
            if self._carried and closed_on_nothing(obs):
                return Progress(State.FAILED, progress.fraction, f"the fingers have lost the {label}")
        if progress.state is not State.REACHED:
            return progress
        if verb == "grasp" and not holds(obs):
            return self._nothing_held(obs, progress)
        if verb == "place" and self._sentence.place.endswith(LOOKED_INTO) and self._elsewhere(obs):
            return Progress(State.FAILED, progress.fraction, f"let go, but the {label} is seen elsewhere")
        return progress

    def _nothing_held(self, obs: Observation, progress: Progress) -> Progress:
        """Go on for a while: an executor opens and tries again where its fingers have met nothing."""
        self._doubted_ns = obs.stamp_ns if self._doubted_ns < 0 else self._doubted_ns
        failed = (obs.stamp_ns - self._doubted_ns) * 1e-9 > PATIENCE_S
        state = State.FAILED if failed else State.RUNNING
        return Progress(state, min(progress.fraction, 0.99), "the fingers hold nothing")

    def _elsewhere(self, obs: Observation) -> bool:
        """Whether the thing is surely seen far from where the goal image shows it."""
        if self._finder is None:
            return False
        now = self._finder.find(obs, self._sentence.label)
        if now is None or now.score < SEEN or now.camera not in self._subgoal.images:
            return False
        if now.camera not in self._goal:
            image = self._subgoal.images[now.camera]
            imagined = replace(obs, images={**obs.images, now.camera: image})
            self._goal[now.camera] = self._finder.find(imagined, self._sentence.label)
        shown = self._goal[now.camera]
        return shown is not None and float(np.abs(_middle(now) - _middle(shown)).max()) > APART


def _middle(seen: Detection) -> np.ndarray:
    return (np.asarray(seen.box)[:2] + np.asarray(seen.box)[2:]) / 2
