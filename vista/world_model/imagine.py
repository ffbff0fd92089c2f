"""The pipeline behind the ``WorldModel`` protocol."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F

from vista.errors import InvalidValueError, ModelMismatchError
from vista.images import resize
from vista.images_torch import to_tensor
from vista.pretrained import best_device
from vista.sentence import parse
from vista.text import TextEncoder
from vista.types import F32, Observation, Subgoal, Subtask
from vista.world_model.pipeline import GoalImagePipeline
from vista.world_model.unet import PATCH

# Evidence that there may be what the spotter does not see; and how much more its word counts than that of the
# network, which errs twice as often (tuning seeds: 6 of 95 against 3).
DOUBT, WEIGHT = 0.02, 2.0
RETREAT_M = 0.2
"""How high over the table the hand is that has put something down, in the images the network learned from."""
UPON_M = 0.07
"""How high over the table the middle of a thing is, about, that stands on another."""


def confidence(heat: F32) -> float:
    """How sure it is where the gripper goes [0, 1]: the heat map's mass within one cell of its peak."""
    row, column = np.unravel_index(int(heat.argmax()), heat.shape)
    window = heat[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
    return float(min(1.0, window.sum()))


class Spotter(Protocol):
    """The slice of a detector that tells where in an image something named may be."""

    def evidence(self, obs: Observation, label: str) -> F32:
        """Score [0, 1] of ``label`` in each cell of a square grid over the image, f32 (N, N)."""
        ...

    def evidence_above(self, obs: Observation, label: str, height: float) -> F32:
        """The same for what is right above ``label``, ``height`` [m] over the table."""
        ...


def _on_grid(evidence: F32, cells: int) -> torch.Tensor:
    image = torch.from_numpy(np.ascontiguousarray(evidence))[None, None].float()
    return image if evidence.shape[0] == cells else F.adaptive_max_pool2d(image, cells)


def _near(image: torch.Tensor) -> F32:
    """Log probability, up to a constant, of being in a cell of ``image`` (1, 1, N, N) or around it."""
    near = F.max_pool2d(image, 3, 1, 1)
    out: F32 = (WEIGHT * torch.log(near + DOUBT))[0, 0].numpy()
    return out


def grasp_prior(evidence: F32, cells: int) -> F32:
    """Log probability (``cells``, ``cells``), up to a constant, of where the gripper is when it holds what
    ``evidence`` (N, N) saw: up to a cell higher, for the object is lifted, and a cell around."""
    image = _on_grid(evidence, cells)
    raised = F.pad(image[:, :, 1:], (0, 0, 0, 1))
    return _near(torch.maximum(image, raised))


def place_prior(evidence: F32, cells: int) -> F32:
    """The same when it has let go above what it put something on; ``evidence`` (N, N) is of that height."""
    return _near(_on_grid(evidence, cells))


class ImageWorldModel:
    """Imagines goal images. One thread at a time.

    Args:
        steps: Steps of the flow; 1 to 4 (see docs/learning.md).
        candidates: Images drawn at once; the one whose place is surest is kept.
        spotter: A second opinion on where the thing to be grasped is, or what something is put on. The
            network learns from sentences, and in one of fifteen scenes looks at a thing of the same colour or
            shape; a detector errs elsewhere.
    """

    def __init__(
        self,
        pipeline: GoalImagePipeline,
        *,
        steps: int = 1,
        candidates: int = 1,
        text: TextEncoder | None = None,
        spotter: Spotter | None = None,
    ) -> None:
        if steps < 1 or candidates < 1:
            raise InvalidValueError(
                f"world model: steps {steps}, candidates {candidates}; expected at least 1"
            )
        self._pipeline, self._steps, self._candidates = pipeline, steps, candidates
        self._text = text or TextEncoder()
        self._spotter = spotter

    @classmethod
    def from_pretrained(
        cls,
        folder: str | Path,
        *,
        steps: int = 1,
        candidates: int = 1,
        text: TextEncoder | None = None,
        spotter: Spotter | None = None,
    ) -> ImageWorldModel:
        """Load a pipeline folder; on CUDA where there is one. Errors as :meth:`GoalImagePipeline.load`."""
        pipeline = GoalImagePipeline.load(folder)
        pipeline.unet.to(best_device(), memory_format=torch.channels_last)
        return cls(pipeline, steps=steps, candidates=candidates, text=text, spotter=spotter)

    def _priors(self, obs: Observation, subtask: Subtask) -> dict[str, torch.Tensor]:
        """The spotter's opinion where gripper and object will be when something is grasped or put on
        something, as arguments of the pipeline; else nothing."""
        verb, label, relation, below = parse(subtask.text)
        if self._spotter is None or not label:
            return {}
        cells = self._pipeline.unet.config.image_size // PATCH
        if verb == "grasp":
            near = torch.from_numpy(grasp_prior(self._spotter.evidence(obs, label), cells))
            return {"prior": near, "object_prior": near}
        if verb != "place" or relation != "on":
            return {}
        return {
            name: torch.from_numpy(place_prior(self._spotter.evidence_above(obs, below, height), cells))
            for name, height in (("prior", RETREAT_M), ("object_prior", UPON_M))
        }

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
        priors = self._priors(obs, subtask)
        out = self._pipeline(current, tokens, mask, steps=self._steps, seeds=seeds, **priors)
        heat = out.heat.float().cpu().numpy()
        scores = [confidence(h) for h in heat]
        best = int(np.argmax(scores))
        image = ((out.images[best].float().cpu() + 1) * 127.5).round().clamp(0, 255).byte()
        pixels = np.ascontiguousarray(image.permute(1, 2, 0).numpy())
        return Subgoal(subtask, {config.camera: pixels}, scores[best], seeds[best], obs.stamp_ns)
