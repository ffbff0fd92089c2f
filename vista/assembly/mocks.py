"""Parts that do nothing: for wiring, not for work."""

from __future__ import annotations

import numpy as np

from vista.types import (
    ActionChunk,
    ActionSpace,
    Grounding,
    Observation,
    Subgoal,
    Subtask,
)


class StillWorldModel:
    """Imagines that nothing changes: the goal is the current image. For wiring, not for work."""

    def imagine(
        self, obs: Observation, subtask: Subtask, seed: int = 0, grounding: Grounding | None = None
    ) -> Subgoal:
        images = {name: image for name, image in obs.images.items() if name == "front"}
        return Subgoal(subtask, images, 1.0, seed, obs.stamp_ns, grounding)


class StillPolicy:
    """Holds the measured pose with an open hand. For wiring, not for work."""

    @property
    def action_space(self) -> ActionSpace:
        return ActionSpace.EE_DELTA

    def reset(self) -> None:
        """Nothing is kept between chunks."""

    def predict_chunk(self, obs: Observation, subgoal: Subgoal) -> ActionChunk:
        rows = np.zeros((4, 7), np.float32)
        rows[:, 6] = 1.0
        return ActionChunk(rows, 0.1, self.action_space, obs.stamp_ns, 0.0, 0.0)
