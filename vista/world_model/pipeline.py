"""A diffusers pipeline that samples goal images from the current image and a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import DiffusionPipeline, FlowMatchEulerDiscreteScheduler
from torch import Tensor

from vista.errors import ConfigError, ModelMismatchError
from vista.learning.pretrained import load_network
from vista.learning.weight_files import problem_in_json
from vista.messages.plain_text import plain
from vista.world_model.unet import GoalUNet


def make_scheduler() -> FlowMatchEulerDiscreteScheduler:
    """The flow from the current image (sigma 1) to the goal image (sigma 0), in a straight line."""
    return FlowMatchEulerDiscreteScheduler(num_train_timesteps=1000, shift=1.0)


@dataclass
class GoalImages:
    """``images`` f32 (B, 3, S, S) in [-1, 1]; ``heat`` f32 (B, S/4, S/4): probability of where the gripper
    will be."""

    images: Tensor
    heat: Tensor


class GoalImagePipeline(DiffusionPipeline):
    """Draws goal images. Components: ``unet`` and ``scheduler``."""

    def __init__(self, unet: GoalUNet, scheduler: FlowMatchEulerDiscreteScheduler) -> None:
        super().__init__()
        self.register_modules(unet=unet, scheduler=scheduler)

    @classmethod
    def load(cls, folder: str | Path) -> GoalImagePipeline:
        """The pipeline that ``save_pretrained`` wrote to ``folder``, in single precision.

        Raises:
            ConfigError: no pipeline there. ModelMismatchError: weights of another network.
        """
        folder = Path(folder)
        if not (folder / "model_index.json").is_file():
            raise ConfigError(f"world model: no pipeline in {folder} (model_index.json expected)")
        for file in (folder / "model_index.json", folder / "scheduler" / "scheduler_config.json"):
            if file.is_file() and (problem := problem_in_json(file)) is not None:
                raise ModelMismatchError(f"world model: {problem}")
        unet = load_network(GoalUNet, folder / "unet", "world model", dtype_argument="torch_dtype")
        try:
            scheduler = FlowMatchEulerDiscreteScheduler.from_pretrained(folder / "scheduler")
        except Exception as error:  # a configuration may hold any value, and a library raise anything for it
            raise ModelMismatchError(
                f"world model: {folder} holds no scheduler for its flow: {plain(str(error), 600)}"
            ) from error
        return cls(unet, scheduler)

    @torch.inference_mode()
    def __call__(
        self,
        current: Tensor,
        tokens: Tensor,
        mask: Tensor,
        *,
        steps: int = 1,
        seeds: tuple[int, ...] = (0,),
        prior: Tensor | None = None,
        object_prior: Tensor | None = None,
    ) -> GoalImages:
        """Goal images for one ``current`` image f32 (1, 3, S, S) in [-1, 1], one for each of ``seeds``.

        ``tokens`` (1, L, 384), ``mask`` (1, L): the subtask sentence. ``steps``: 1 is the regression's mean;
        more steps sharpen. The same seeds give the same images. ``prior``, ``object_prior`` (S/4, S/4), or
        one for each seed: see :class:`GoalUNet`.
        """
        device = self.unet.device
        n = len(seeds)
        start = current.to(device).expand(n, -1, -1, -1).contiguous(memory_format=torch.channels_last)
        noise = torch.stack(
            [torch.randn(current.shape[1:], generator=torch.Generator().manual_seed(int(s))) for s in seeds]
        ).to(device)
        words, seen = tokens.to(device).expand(n, -1, -1), mask.to(device).expand(n, -1)
        sample = start + float(self.unet.config.noise_scale) * noise
        self.scheduler.set_timesteps(sigmas=np.linspace(1.0, 1.0 / steps, steps).tolist(), device=device)
        heat = torch.zeros(0)
        priors = {"prior": prior, "object_prior": object_prior}
        more = {k: v.to(device).expand(n, *v.shape[-2:]) for k, v in priors.items() if v is not None}
        for i, time in enumerate(self.scheduler.timesteps):
            sigma = self.scheduler.sigmas[i].expand(n).to(device)
            out = self.unet(sample, start, sigma, words, seen, **more)
            if i == 0:
                heat = out.heat.flatten(1).softmax(-1).view_as(out.heat)
            velocity = (sample - (start + out.change)) / sigma[:, None, None, None]
            sample = self.scheduler.step(velocity, time, sample).prev_sample
        return GoalImages(sample.clamp(-1, 1), heat)
