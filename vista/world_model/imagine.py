"""The pipeline that ships, behind the ``WorldModel`` protocol."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from vista.errors import InvalidValueError, ModelMismatchError
from vista.learning.images import resize
from vista.learning.pretrained import best_device
from vista.learning.tensors import to_tensor
from vista.learning.text_encoder import TextEncoder
from vista.types import F32, U8, Grounding, Observation, Subgoal, Subtask
from vista.world_model.pipeline import GoalImagePipeline, GoalImages
from vista.world_model.priors import priors
from vista.world_model.unet import PATCH
from vista.world_model.verify import confidence
from vista.world_model.wording import Wording

APART, POSSIBLE = 2, 0.05
"""Places that are further apart [cells] and at least this likely [0, 1] are worth an image each."""
_ELSEWHERE = -6.0


class Verifier(Protocol):
    """Scores imagined images."""

    def scores(self, obs: Observation, subtask: Subtask, images: U8, heat: F32) -> list[float]:
        """The scores [0, 1] of ``images`` u8 (K, S, S, 3) with ``heat`` (K, N, N), imagined from ``obs``;
        ImaginationError where all of them are refused."""
        ...


def places(heat: F32, most: int) -> list[tuple[int, int]]:
    """Up to ``most`` cells (row, column) of ``heat`` (N, N), likeliest first, apart from each other."""
    left, found = heat.copy(), list[tuple[int, int]]()
    while len(found) < most:
        row, column = (int(i) for i in np.unravel_index(int(left.argmax()), left.shape))
        if found and confidence(left, (row, column)) < POSSIBLE:
            break
        found.append((row, column))
        left[max(0, row - APART) : row + APART + 1, max(0, column - APART) : column + APART + 1] = 0.0
    return found


def only_at(place: tuple[int, int], cells: int) -> torch.Tensor:
    """A prior (``cells``, ``cells``) that leaves only ``place`` (row, column) and its neighbours."""
    prior = torch.full((cells, cells), _ELSEWHERE)
    row, column = place
    prior[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2] = 0.0
    return prior


class ImageWorldModel:
    """Imagines goal images. One thread at a time.

    Args:
        steps: Steps of the flow, 1 to 4.
        candidates: The most images; each shows the gripper at another likely place. Another seed alone hardly
            moves it.
        text: Encodes the subtask; None loads one.
        verifier: Scores the images; the best is kept. None: the image of the likeliest place.

    Raises:
        InvalidValueError: ``steps`` or ``candidates`` is below 1.
    """

    def __init__(
        self,
        pipeline: GoalImagePipeline,
        *,
        steps: int = 1,
        candidates: int = 1,
        text: TextEncoder | None = None,
        verifier: Verifier | None = None,
    ) -> None:
        if steps < 1 or candidates < 1:
            raise InvalidValueError(
                f"world model: steps {steps}, candidates {candidates}; expected at least 1"
            )
        self._pipeline, self._steps, self._candidates = pipeline, steps, candidates
        self._text = text or TextEncoder()
        self._verifier = verifier
        self._wording = Wording(pipeline, self._text)

    @classmethod
    def from_pretrained(
        cls,
        folder: str | Path,
        *,
        steps: int = 1,
        candidates: int = 1,
        text: TextEncoder | None = None,
        verifier: Verifier | None = None,
    ) -> ImageWorldModel:
        """Load a pipeline folder; on CUDA where there is one. Errors as :meth:`GoalImagePipeline.load`."""
        pipeline = GoalImagePipeline.load(folder)
        pipeline.unet.to(best_device(), memory_format=torch.channels_last)
        return cls(pipeline, steps=steps, candidates=candidates, text=text, verifier=verifier)

    def imagine(
        self, obs: Observation, subtask: Subtask, seed: int = 0, grounding: Grounding | None = None
    ) -> Subgoal:
        """The goal image of the model's camera, u8 (S, S, 3), at the model's own size. ``grounding`` is a
        second opinion on where the hand and the thing will be.

        Raises:
            ModelMismatchError: the observation lacks the camera that the model was trained with.
            ImaginationError: the verifier refuses every image.
        """
        config = self._pipeline.unet.config
        if config.camera not in obs.images:
            raise ModelMismatchError(
                f"world model needs camera {config.camera!r}; "
                f"the observation has {', '.join(obs.images) or 'none'}"
            )
        first = seed * self._candidates
        out = self._draw(obs, subtask, first, grounding)
        heat = out.heat.float().cpu().numpy()
        images = (
            ((out.images.float().cpu() + 1) * 127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()
        )
        scores = [confidence(h) for h in heat]
        if self._verifier is not None:
            scores = self._verifier.scores(obs, subtask, images, heat)
        best = int(np.argmax(scores))
        pixels = np.ascontiguousarray(images[best])
        return Subgoal(subtask, {config.camera: pixels}, scores[best], first + best, obs.stamp_ns, grounding)

    def _draw(self, obs: Observation, subtask: Subtask, seed: int, grounding: Grounding | None) -> GoalImages:
        """One image for each of up to ``candidates`` likely places, with the network's heat map around that
        place."""
        config = self._pipeline.unet.config
        cells = config.image_size // PATCH
        current = to_tensor(resize(obs.images[config.camera], config.image_size)[None])
        said = priors(subtask.skill, grounding, cells)
        text = subtask.network_text
        if subtask.skill is not None:
            text = self._wording.sentence(subtask.skill, grounding, current, said.get("prior"), seed)
        tokens, mask = self._text.encode([text])
        draw: Callable[..., GoalImages] = partial(self._pipeline, current, tokens, mask, steps=self._steps)
        out = draw(seeds=(seed,), **said)
        likely = places(out.heat[0].float().cpu().numpy(), self._candidates)
        if len(likely) == 1:
            return out
        only = torch.stack([only_at(place, cells) for place in likely])
        more = {**said, "prior": only + said["prior"] if "prior" in said else only}
        drawn = draw(seeds=tuple(seed + k for k in range(len(likely))), **more)
        return GoalImages(drawn.images, out.heat * (only == 0).to(out.heat))
