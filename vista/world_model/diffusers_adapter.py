"""Any image-editing pipeline that diffusers loads, as a world model.

InstructPix2Pix, Flux Kontext, Qwen-Image-Edit and the like; pipelines that only paint from text are turned
into their image-to-image form. Single precision on the CPU is the reference; on CUDA half precision and
``torch.compile``. All candidates of a goal are one batch where the pipeline takes one.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

from vista.errors import ConfigError, ImaginationError, ModelMismatchError, UnknownNameError
from vista.learning.images import resize
from vista.learning.pretrained import PRECISIONS, best_device, precision_for
from vista.learning.weight_files import problem_in_model
from vista.messages.describe import describe
from vista.types import F32, U8, Grounding, Observation, Subgoal, Subtask

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline

UNVERIFIED = 0.5  # the score of a lone candidate: nothing speaks for it or against it


@dataclass(frozen=True, slots=True)
class DiffusersSettings:
    """A settings file of type ``diffusers``.

    ``model``: a folder, or a name that the hub's cache holds. ``camera`` that is edited, squared to
    ``image_size`` [px]. ``steps`` of the sampler; ``candidates`` per goal. ``prompt``: with ``{subtask}``
    in place of the subtask's words. ``options``: further arguments of the pipeline's call by name
    (guidance_scale, image_guidance_scale, strength). ``device``: auto, cpu or cuda. ``precision``: auto is
    float32 on the CPU and half precision on CUDA. ``compiled``: None compiles on CUDA only; ``backend`` of
    the compiler. ``offload`` keeps on the GPU only what is in use (CUDA, needs accelerate).
    """

    model: str
    camera: str = "front"
    image_size: int = 256
    steps: int = 20
    candidates: int = 1
    prompt: str = "{subtask}"
    options: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    device: str = "auto"
    precision: str = "auto"
    compiled: bool | None = None
    backend: str = "inductor"
    offload: bool = False

    def __post_init__(self) -> None:
        for name in ("image_size", "steps", "candidates"):
            if getattr(self, name) < 1:
                raise ConfigError(f"diffusers: {name} {getattr(self, name)}; expected at least 1")
        if self.precision not in PRECISIONS:
            raise ConfigError(f"diffusers: precision {self.precision!r}; expected {', '.join(PRECISIONS)}")
        if "{subtask}" not in self.prompt:
            raise ConfigError(f"diffusers: prompt {self.prompt!r}; expected {{subtask}} in it")


class DiffusersWorldModel:
    """Edits the camera's image by the subtask's text. One thread at a time.

    The same seed gives the same image on the same device and precision: noise is drawn on the CPU. Candidate
    k of a call with seed s has seed s * candidates + k. With several candidates the one is kept that the
    others resemble most; its score is 1 minus their mean difference, in shares of the grey scale.
    """

    def __init__(self, pipeline: DiffusionPipeline, settings: DiffusersSettings) -> None:
        self._pipeline, self._settings = pipeline, settings
        self._takes = frozenset(inspect.signature(type(pipeline).__call__).parameters)

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> DiffusersWorldModel:
        """Load ``folder`` with the default settings; errors as :meth:`from_settings`."""
        return cls.from_settings(DiffusersSettings(str(folder)))

    @classmethod
    def from_settings(cls, settings: DiffusersSettings) -> DiffusersWorldModel:
        """Load the pipeline, put it on its device, compile it where that pays.

        Raises:
            ConfigError: no such model. ModelMismatchError: it is no pipeline that edits images by text.
        """
        from diffusers import AutoPipelineForImage2Image, DiffusionPipeline

        if not os.path.isdir(settings.model) and settings.model.count("/") != 1:
            raise ConfigError(f"diffusers: {settings.model!r} is no folder, and no name such as owner/model")
        if os.path.isdir(settings.model) and (problem := problem_in_model(Path(settings.model))) is not None:
            raise ModelMismatchError(f"diffusers: {settings.model!r} cannot be read: {problem}")
        device = best_device() if settings.device == "auto" else settings.device
        dtype = precision_for(device, settings.precision)
        try:
            pipeline = DiffusionPipeline.from_pretrained(settings.model, dtype=dtype, use_safetensors=True)
            if "image" not in inspect.signature(type(pipeline).__call__).parameters:
                pipeline = AutoPipelineForImage2Image.from_pipe(pipeline)
        except OSError as error:
            raise ConfigError(f"diffusers: no pipeline {settings.model!r}: {describe(error)}") from error
        except Exception as error:
            raise ModelMismatchError(
                f"diffusers: {settings.model!r} is no pipeline that edits an image: {describe(error)}"
            ) from error
        takes = inspect.signature(type(pipeline).__call__).parameters
        name = type(pipeline).__name__
        if lacks := [each for each in ("prompt", "image") if each not in takes]:
            raise ModelMismatchError(f"diffusers: {name} takes no {' and no '.join(lacks)}: {settings.model}")
        for option in settings.options:
            if option not in takes:
                raise UnknownNameError(f"option of {name}", option, takes)
        try:
            _place(pipeline, device, settings.offload)
        except (RuntimeError, AssertionError) as error:  # no such device, or no memory left on it
            raise ConfigError(f"diffusers: device {device!r} does not take it: {describe(error)}") from error
        pipeline.set_progress_bar_config(disable=True)
        if device.startswith("cuda") if settings.compiled is None else settings.compiled:
            _compile(pipeline, settings.backend)
        return cls(pipeline, settings)

    def imagine(
        self, obs: Observation, subtask: Subtask, seed: int = 0, grounding: Grounding | None = None
    ) -> Subgoal:
        """The goal image of the settings' camera, u8 (S, S, 3).

        Raises:
            ModelMismatchError: the observation lacks the camera. ImaginationError: no candidate can be used.
        """
        settings = self._settings
        if settings.camera not in obs.images:
            raise ModelMismatchError(
                f"world model needs camera {settings.camera!r}; "
                f"the observation has {', '.join(obs.images) or 'none'}"
            )
        image = resize(obs.images[settings.camera], settings.image_size)
        seeds = [seed * settings.candidates + k for k in range(settings.candidates)]
        prompt = settings.prompt.replace("{subtask}", subtask.network_text)
        drawn, drawn_seeds = self._draw(image, prompt, seeds)
        best, score = central(drawn)
        goal = resize(drawn[best], settings.image_size)
        return Subgoal(subtask, {settings.camera: goal}, score, drawn_seeds[best], obs.stamp_ns, grounding)

    def _draw(self, image: U8, prompt: str, seeds: list[int]) -> tuple[U8, list[int]]:
        """Usable candidates u8 (N, H, W, 3) and their seeds."""
        batches = [seeds] if "num_images_per_prompt" in self._takes else [[s] for s in seeds]
        images: list[U8] = []
        kept: list[int] = []
        why = "none was drawn"
        for batch in batches:
            try:
                with torch.inference_mode():
                    out = self._pipeline(**self._arguments(image, prompt, batch))
            except Exception as error:  # a pipeline, its scheduler and its options may raise anything
                raise ImaginationError(f"{self._name}: {describe(error)}") from error
            pixels = np.asarray(out.images, np.float32)
            flagged = getattr(out, "nsfw_content_detected", None) or [False] * len(batch)
            for picture, each, censored in zip(pixels, batch, flagged, strict=True):
                if censored or not np.isfinite(picture).all():
                    why = "the safety checker blackened it" if censored else "it holds NaN or infinity"
                    continue
                images.append((picture * 255).round().clip(0, 255).astype(np.uint8))
                kept.append(each)
        if not images:
            raise ImaginationError(f"{self._name}: no image of {prompt!r} can be used: {why}")
        return np.stack(images), kept

    def _arguments(self, image: U8, prompt: str, seeds: list[int]) -> dict[str, object]:
        settings = self._settings
        size = settings.image_size
        wanted: dict[str, object] = {
            "num_images_per_prompt": len(seeds),
            "height": size,
            "width": size,
            "max_area": size * size,
        }
        # A pipeline is told what it knows of and what was set; all else stays at its own defaults.
        more = {name: value for name, value in wanted.items() if name in self._takes}
        picture = Image.fromarray(image)
        # InstructPix2Pix wants the image as often as it is edited; to others a list is several references.
        repeat = "image_guidance_scale" in self._takes and len(seeds) > 1
        generators = [torch.Generator("cpu").manual_seed(s) for s in seeds]
        return {
            "prompt": prompt,
            "image": [picture] * len(seeds) if repeat else picture,
            "num_inference_steps": settings.steps,
            "generator": generators if len(generators) > 1 else generators[0],
            "output_type": "np",
            **more,
            **settings.options,
        }

    @property
    def _name(self) -> str:
        return f"{type(self._pipeline).__name__} of {self._settings.model!r}"


def central(images: U8) -> tuple[int, float]:
    """Which of ``images`` u8 (N, H, W, 3) the others resemble most, and how much [0, 1]."""
    if len(images) == 1:
        return 0, UNVERIFIED
    flat: F32 = images.reshape(len(images), -1).astype(np.float32) / np.float32(255)
    apart = np.stack([np.abs(flat - one).mean(axis=1) for one in flat])
    mean = apart.sum(axis=1) / (len(images) - 1)
    best = int(np.argmin(mean))
    return best, float(1 - mean[best])


def _place(pipeline: DiffusionPipeline, device: str, offload: bool) -> None:
    if offload and device.startswith("cuda"):
        pipeline.enable_model_cpu_offload(device=device)
    else:
        pipeline.to(device)


def _compile(pipeline: DiffusionPipeline, backend: str) -> None:
    """Compile the network that runs at every step; the first image then takes longer."""
    for name in ("unet", "transformer", "prior"):
        network = getattr(pipeline, name, None)
        if isinstance(network, torch.nn.Module):
            network.compile(backend=backend)
