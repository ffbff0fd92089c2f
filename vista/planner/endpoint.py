"""Planner, critic and preprocessor behind any OpenAI-compatible endpoint (extra ``endpoint``)."""

from __future__ import annotations

import asyncio
import base64
import io
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field
from typing import Any, TypeVar

from PIL import Image

from vista.errors import ConfigError
from vista.halting import describe
from vista.planner.language.answers import MalformedAnswerError
from vista.planner.language.critic import LanguageCritic
from vista.planner.language.model import LanguageModelError, Prompt
from vista.planner.language.planner import LanguagePlanner, PlannerSettings
from vista.planner.language.preprocess import LanguagePreprocessor
from vista.types import U8

T = TypeVar("T")
LIMITS = ("max_tokens", "max_completion_tokens")


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """Where a language model is served and how it is asked.

    ``base_url`` up to and including ``/v1``; ``model`` as the server names it; ``api_key_env``: environment
    variable with the key (a server that wants none gets the word "none"); ``attempts`` of one request, with
    growing pauses between them; ``attempt_timeout_s`` of one of them [s]; ``max_tokens`` of an answer, sent
    under the name ``token_limit``; ``send_images``: whether the model sees; ``send_seed``: whether the server
    takes a seed.
    """

    base_url: str
    model: str
    api_key_env: str = "OPENAI_API_KEY"
    attempts: int = 3
    attempt_timeout_s: float = 15.0
    max_tokens: int = 300
    token_limit: str = "max_tokens"
    send_images: bool = True
    send_seed: bool = True

    def __post_init__(self) -> None:
        if not self.base_url.startswith(("http://", "https://")) or not self.model:
            raise ConfigError(
                f"endpoint: base_url {self.base_url!r}, model {self.model!r}; expected http://... and a name"
            )
        if self.token_limit not in LIMITS:
            raise ConfigError(f"endpoint: token_limit {self.token_limit!r}; expected {' or '.join(LIMITS)}")
        if self.attempts < 1 or self.max_tokens < 1 or not self.attempt_timeout_s > 0:
            raise ConfigError(f"{self}: expected at least one attempt, one token and some seconds")


@dataclass(frozen=True, slots=True)
class EndpointConfig:
    """A settings file of type ``endpoint``: one server for planner, critic and preprocessor."""

    endpoint: EndpointSettings
    planner: PlannerSettings = field(default_factory=PlannerSettings)
    critic_timeout_s: float = 20.0
    preprocessor_timeout_s: float = 10.0


class EndpointModel:
    """A chat model behind an endpoint. Thread-safe; connects on the first question, from a thread of its own.

    A request that misses its deadline is cancelled and its connection closed, however slowly a server goes on
    sending.
    """

    def __init__(self, settings: EndpointSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client: Any = None  # an openai.AsyncOpenAI
        self._key = os.environ.get(settings.api_key_env, "") or "none"

    def answer(self, prompt: Prompt, *, temperature: float = 0.0, seed: int = 0, timeout_s: float) -> str:
        """As :class:`vista.planner.language.model.LanguageModel`."""
        loop, client = self._connected()
        try:
            completion = _within(loop, self._ask(client, prompt, temperature, seed), timeout_s)
        except (FutureTimeoutError, TimeoutError) as error:
            raise self._error(f"no answer within {timeout_s:.3g} s") from error
        except Exception as error:
            status = getattr(error, "status_code", None)
            what = f"HTTP {status}: {describe(error)}" if status else describe(error.__cause__ or error)
            raise self._error(what) from error
        choices = getattr(completion, "choices", None)
        if not choices:
            raise self._error(f"answered no chat completion but {str(completion)[:80]!r}")
        text = choices[0].message.content if choices[0].message is not None else None
        if choices[0].finish_reason == "length":
            raise MalformedAnswerError(f"answer cut off after {self._settings.max_tokens} tokens")
        if not isinstance(text, str) or not text.strip():
            raise MalformedAnswerError("empty answer")
        return text

    def close(self) -> None:
        """Close all connections; a later question opens them again."""
        with self._lock:
            loop, client, self._loop, self._client = self._loop, self._client, None, None
        if loop is not None and client is not None:
            asyncio.run_coroutine_threadsafe(client.close(), loop).result(5.0)
            loop.call_soon_threadsafe(loop.stop)

    def _connected(self) -> tuple[asyncio.AbstractEventLoop, Any]:
        with self._lock:
            if self._loop is None or self._client is None:
                try:
                    from openai import AsyncOpenAI
                except ImportError as error:
                    raise ConfigError(
                        "an endpoint needs the Python package 'openai': pip install 'vista-stack[endpoint]'"
                    ) from error
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=_serve, args=(self._loop,), name="endpoint", daemon=True).start()
                self._client = AsyncOpenAI(
                    base_url=self._settings.base_url,
                    api_key=self._key,
                    max_retries=self._settings.attempts - 1,
                    timeout=self._settings.attempt_timeout_s,
                )
            return self._loop, self._client

    async def _ask(self, client: Any, prompt: Prompt, temperature: float, seed: int) -> Any:
        settings = self._settings
        images = prompt.images if settings.send_images else ()
        parts: list[object] = [{"type": "text", "text": prompt.question}]
        parts += [{"type": "image_url", "image_url": {"url": data_url(image)}} for image in images]
        more: dict[str, object] = {settings.token_limit: settings.max_tokens}
        if settings.send_seed:
            more["seed"] = seed
        question: object = parts if images else prompt.question
        messages: list[object] = [
            {"role": "system", "content": prompt.rules}, {"role": "user", "content": question},
        ]  # fmt: skip
        return await client.chat.completions.create(
            model=settings.model,
            messages=messages,
            temperature=temperature,
            extra_body=more,
        )

    def _error(self, what: str) -> LanguageModelError:
        if self._key != "none":
            what = what.replace(self._key, "***")
        return LanguageModelError(
            f"language model {self._settings.model!r} at {self._settings.base_url}: {what[:400]}"
        )


class EndpointPlanner(LanguagePlanner):
    """A planner behind an OpenAI-compatible endpoint."""

    @classmethod
    def from_config(cls, config: EndpointConfig) -> EndpointPlanner:
        """Nothing is connected before the first step."""
        return cls(EndpointModel(config.endpoint), config.planner)


class EndpointCritic(LanguageCritic):
    """A critic behind an OpenAI-compatible endpoint."""

    @classmethod
    def from_config(cls, config: EndpointConfig) -> EndpointCritic:
        """Nothing is connected before the first review."""
        size = config.planner.image_size
        return cls(EndpointModel(config.endpoint), timeout_s=config.critic_timeout_s, image_size=size)


class EndpointPreprocessor(LanguagePreprocessor):
    """An information preprocessor behind an OpenAI-compatible endpoint."""

    @classmethod
    def from_config(cls, config: EndpointConfig) -> EndpointPreprocessor:
        """Nothing is connected before the first observation."""
        size = config.planner.image_size
        return cls(EndpointModel(config.endpoint), timeout_s=config.preprocessor_timeout_s, image_size=size)


def data_url(image: U8) -> str:
    """``image`` u8 (H, W, 3) RGB as a JPEG in a data URL."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=92)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
    finally:
        loop.close()


def _within(loop: asyncio.AbstractEventLoop, task: Coroutine[object, object, T], timeout_s: float) -> T:
    """The result of ``task``, run in ``loop``'s thread; cancelled there when it is late."""
    future = asyncio.run_coroutine_threadsafe(asyncio.wait_for(task, timeout_s), loop)
    try:
        return future.result(timeout_s + 1.0)
    except BaseException:
        future.cancel()
        raise
