"""The pipeline behind the ``WorldModel`` protocol."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from vista.errors import InvalidValueError, ModelMismatchError
from vista.images import resize
from vista.images_torch import to_tensor
from vista.pretrained import best_device
from vista.text import TextEncoder
from vista.types import F32, Observation, Subgoal, Subtask
from vista.world_model.pipeline import GoalImagePipeline


def confidence(heat: F32) -> float:
    """How sure it is where the gripper goes [0, 1]: the heat map's mass within one cell of its peak."""
    row, column = np.unravel_index(int(heat.argmax()), heat.shape)
    window = heat[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
    return float(min(1.0, window.sum()))


class ImageWorldModel:
    """Imagines goal images. One thread at a time.

    Args:
        steps: Steps of the flow; 1 to 4 (see docs/world_model.md for what each gives and costs).
        candidates: Images drawn at once; the one whose place is surest is kept.
    """

    def __init__(
        self,
        pipeline: GoalImagePipeline,
        *,
        steps: int = 1,
        candidates: int = 1,
        text: TextEncoder | None = None,
    ) -> None:
        if steps < 1 or candidates < 1:
            raise InvalidValueError(
                f"world model: steps {steps}, candidates {candidates}; expected at least 1"
            )
        self._pipeline, self._steps, self._candidates = pipeline, steps, candidates
        self._text = text or TextEncoder()

    @classmethod
    def from_pretrained(
        cls, folder: str | Path, *, steps: int = 1, candidates: int = 1, text: TextEncoder | None = None
    ) -> ImageWorldModel:
        """Load a pipeline folder; on CUDA where there is one. Errors as :meth:`GoalImagePipeline.load`."""
        pipeline = GoalImagePipeline.load(folder)
        pipeline.unet.to(best_device(), memory_format=torch.channels_last)
        return cls(pipeline, steps=steps, candidates=candidates, text=text)

    def imagine(self, obs: Observation, subtask: Subtask, seed: int = 0) -> Subgoal:
        """The goal image of the model's camera, u8 (S, S, 3), at the model's own size.

        Raises:
            ModelMismatchError: the observation lacks the camera that the model was trained with.
        """
        config = self._pipeline.unet.config
        if config.camera not in obs.images:
            raise ModelMismatchError(
                f"world model needs camera {config.camera!r}; "
                f"the observation has {', '.join(obs.images) or 'none'}"
            )
        current = to_tensor(resize(obs.images[config.camera], config.image_size)[None])
        tokens, mask = self._text.encode([subtask.text])
        seeds = tuple(seed * self._candidates + k for k in range(self._candidates))
        out = self._pipeline(current, tokens, mask, steps=self._steps, seeds=seeds)
        heat = out.heat.float().cpu().numpy()
        scores = [confidence(h) for h in heat]
        best = int(np.argmax(scores))
        image = ((out.images[best].float().cpu() + 1) * 127.5).round().clamp(0, 255).byte()
        pixels = np.ascontiguousarray(image.permute(1, 2, 0).numpy())
        return Subgoal(subtask, {config.camera: pixels}, scores[best], seeds[best], obs.stamp_ns)
