"""A language model of transformers in this process: image-text-to-text or text generation."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from vista.errors import ConfigError, ModelMismatchError
from vista.learning.pretrained import PRECISIONS, best_device, precision_for
from vista.learning.weight_files import problem_in_model
from vista.messages.describe import describe
from vista.planner.language.answers import MalformedAnswerError
from vista.planner.language.critic import LanguageCritic
from vista.planner.language.model import LanguageModelError, Prompt
from vista.planner.language.planner import LanguagePlanner, PlannerSettings
from vista.planner.language.preprocess import LanguagePreprocessor
from vista.planner.language.reasoning import without_reasoning


@dataclass(frozen=True, slots=True)
class TransformersSettings:
    """Which model, and how it runs.

    ``model``: a folder, or a name that the hub's cache holds. ``device``: auto, cpu or cuda; ``precision``:
    auto is float32 on the CPU and half precision on CUDA; ``compiled``: None compiles on CUDA only;
    ``backend`` of the compiler; ``max_tokens`` of an answer.
    """

    model: str
    device: str = "auto"
    precision: str = "auto"
    compiled: bool | None = None
    backend: str = "inductor"
    max_tokens: int = 120

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS or self.max_tokens < 1:
            raise ConfigError(f"{self}: expected precision {', '.join(PRECISIONS)} and at least one token")


@dataclass(frozen=True, slots=True)
class TransformersConfig:
    """A settings file of type ``transformers``: one model for planner, critic and preprocessor."""

    transformers: TransformersSettings
    planner: PlannerSettings = field(default_factory=PlannerSettings)
    critic_timeout_s: float = 20.0
    preprocessor_timeout_s: float = 10.0


class TransformersModel:
    """One model, asked by several: questions wait for each other, within their deadlines."""

    def __init__(self, model: Any, processor: Any, *, sees: bool, max_tokens: int = 120) -> None:
        self._model, self._processor = model.eval(), processor
        self._tokenizer = getattr(processor, "tokenizer", processor)
        self._sees, self._max_tokens = sees, max_tokens
        self._lock = threading.Lock()

    @classmethod
    def from_settings(cls, settings: TransformersSettings) -> TransformersModel:
        """Load the model, put it on its device, compile it where that pays.

        Raises:
            ConfigError: no such model. ModelMismatchError: it does not write text.
        """
        from transformers import (
            AutoConfig,
            AutoModelForCausalLM,
            AutoModelForImageTextToText,
            AutoProcessor,
            AutoTokenizer,
        )
        from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as WRITES
        from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES as SEES

        device = best_device() if settings.device == "auto" else settings.device
        name = settings.model
        if os.path.isdir(name) and (problem := problem_in_model(Path(name))) is not None:
            raise ModelMismatchError(f"language model: {name!r} cannot be read: {problem}")
        try:
            kind = AutoConfig.from_pretrained(name, trust_remote_code=False).model_type
            sees = kind in SEES
            if not sees and kind not in WRITES:
                raise ModelMismatchError(f"language model: {name!r} is a {kind}, which writes no text")
            auto = AutoModelForImageTextToText if sees else AutoModelForCausalLM
            dtype = precision_for(device, settings.precision)
            model, info = auto.from_pretrained(
                name, dtype=dtype, use_safetensors=True, output_loading_info=True, trust_remote_code=False
            )
            processor = (AutoProcessor if sees else AutoTokenizer).from_pretrained(
                name, trust_remote_code=False
            )
        except OSError as error:
            raise ConfigError(f"language model: no model {name!r}: {describe(error)}") from error
        except ModelMismatchError:
            raise
        except Exception as error:  # a configuration may hold any value, and a library raise anything for it
            raise ModelMismatchError(f"language model: {name!r} cannot be read: {describe(error)}") from error
        if missing := sorted(info["missing_keys"]):
            raise ModelMismatchError(
                f"language model: the weights of {name!r} lack {missing[0]} ({len(missing)} such)"
            )
        try:
            model = model.to(device)
        except (RuntimeError, AssertionError) as error:  # no such device, or no memory left on it
            raise ConfigError(
                f"language model: device {device!r} does not take it: {describe(error)}"
            ) from error
        if device.startswith("cuda") if settings.compiled is None else settings.compiled:
            model.compile(backend=settings.backend, dynamic=True)
        return cls(model, processor, sees=sees, max_tokens=settings.max_tokens)

    def answer(self, prompt: Prompt, *, temperature: float = 0.0, seed: int = 0, timeout_s: float) -> str:
        """As :class:`vista.planner.language.model.LanguageModel`; a late one ends between two tokens."""
        deadline = time.monotonic() + timeout_s
        if not self._lock.acquire(timeout=max(0.0, timeout_s)):
            raise LanguageModelError(f"the language model was busy for {timeout_s:.3g} s")
        try:
            left = deadline - time.monotonic()
            if left <= 0:
                raise LanguageModelError(f"the language model was busy for {timeout_s:.3g} s")
            return self._generate(prompt, temperature, seed, left, timeout_s)
        except (LanguageModelError, MalformedAnswerError):
            raise
        except Exception as error:  # out of memory, above all; a chat template may raise anything
            raise LanguageModelError(f"the language model failed: {describe(error)}") from error
        finally:
            self._lock.release()

    def _generate(
        self, prompt: Prompt, temperature: float, seed: int, left_s: float, timeout_s: float
    ) -> str:
        inputs = self._inputs(prompt)
        how: dict[str, object] = {"do_sample": False}
        if temperature > 0:
            how = {"do_sample": True, "temperature": temperature}
        length = inputs["input_ids"].shape[1]
        began = time.monotonic()
        with torch.inference_mode(), torch.random.fork_rng():
            torch.manual_seed(seed)
            out = self._model.generate(
                **inputs, max_new_tokens=self._max_tokens, max_time=left_s,
                pad_token_id=self._tokenizer.pad_token_id or self._tokenizer.eos_token_id, **how,
            )  # fmt: skip
        tokens = out[0, length:].tolist()
        ends = self._model.generation_config.eos_token_id
        ends = {ends} if isinstance(ends, int) else set(ends or ())
        if not ends & set(tokens):
            if time.monotonic() - began >= left_s and len(tokens) < self._max_tokens:
                raise LanguageModelError(f"no answer within {timeout_s:.3g} s")
            raise MalformedAnswerError(f"answer cut off after {len(tokens)} tokens")
        said = str(self._tokenizer.decode(tokens, skip_special_tokens=True))
        text = without_reasoning(said)
        if not text.strip():
            thought = "the model thought aloud and then gave no answer" if said.strip() else "empty answer"
            raise MalformedAnswerError(f"{thought}; expected text")
        return text

    def _inputs(self, prompt: Prompt) -> dict[str, torch.Tensor]:
        """What the model reads: by its chat template, or as plain text where it has none."""
        images = [Image.fromarray(image) for image in prompt.images] if self._sees else []
        if getattr(self._processor, "chat_template", None):
            parts: list[dict[str, object]] = [{"type": "image", "image": image} for image in images]
            user: object = [*parts, {"type": "text", "text": prompt.question}]
            rules: object = [{"type": "text", "text": prompt.rules}]
            if not self._sees:
                user, rules = prompt.question, prompt.rules
            messages = [{"role": "system", "content": rules}, {"role": "user", "content": user}]
            made = self._processor.apply_chat_template(
                messages, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
            )
        else:
            text = f"{prompt.rules}\n{prompt.question}\nAnswer:"
            if self._sees:
                mark = getattr(self._processor, "image_token", "<image>")
                made = self._processor(images=images, text=mark * len(images) + text, return_tensors="pt")
            else:
                made = self._processor(text, return_tensors="pt")
        ready = {}
        for name, value in made.items():
            moved = value.to(self._model.device)
            ready[name] = moved.to(self._model.dtype) if moved.is_floating_point() else moved
        if not self._sees:
            ready.pop("token_type_ids", None)
        return ready


class TransformersPlanner(LanguagePlanner):
    """A planner by a model of transformers."""

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> TransformersPlanner:
        """Load ``folder`` with the default settings; errors as :meth:`TransformersModel.from_settings`."""
        return cls(TransformersModel.from_settings(TransformersSettings(str(folder))))

    @classmethod
    def from_config(cls, config: TransformersConfig) -> TransformersPlanner:
        """Load the model of ``config``."""
        return cls(TransformersModel.from_settings(config.transformers), config.planner)


class TransformersCritic(LanguageCritic):
    """A critic by a model of transformers."""

    @classmethod
    def from_config(cls, config: TransformersConfig) -> TransformersCritic:
        """Load the model of ``config``."""
        model = TransformersModel.from_settings(config.transformers)
        return cls(model, timeout_s=config.critic_timeout_s, image_size=config.planner.image_size)


class TransformersPreprocessor(LanguagePreprocessor):
    """An information preprocessor by a model of transformers."""

    @classmethod
    def from_config(cls, config: TransformersConfig) -> TransformersPreprocessor:
        """Load the model of ``config``."""
        model = TransformersModel.from_settings(config.transformers)
        return cls(model, timeout_s=config.preprocessor_timeout_s, image_size=config.planner.image_size)
