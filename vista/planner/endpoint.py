"""Planner, critic and preprocessor behind any OpenAI-compatible endpoint (extra ``endpoint``)."""

from __future__ import annotations

import asyncio
import base64
import io
import logging
import threading
import time
from collections.abc import Coroutine
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field
from typing import Any, TypeVar

from PIL import Image

from vista.errors import ConfigError
from vista.messages.plain_text import plain
from vista.messages.redaction import conceal
from vista.planner.attempts import failure_of, failures_text, pause_before
from vista.planner.endpoint_settings import EndpointSettings, key_from_environment
from vista.planner.language.answers import MalformedAnswerError
from vista.planner.language.critic import LanguageCritic
from vista.planner.language.model import LanguageModelError, Prompt
from vista.planner.language.planner import LanguagePlanner, PlannerSettings
from vista.planner.language.preprocess import LanguagePreprocessor
from vista.planner.reply import MAX_BYTES, Unanswered, read_reply
from vista.types import U8

T = TypeVar("T")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EndpointConfig:
    """A settings file of type ``endpoint``: one server for planner, critic, preprocessor, and the memory's
    resolver."""

    endpoint: EndpointSettings
    planner: PlannerSettings = field(default_factory=PlannerSettings)
    critic_timeout_s: float = 20.0
    preprocessor_timeout_s: float = 10.0
    resolver_timeout_s: float = 30.0


class EndpointModel:
    """A chat model behind an endpoint. Thread-safe; connects on the first question, from a thread of its own.

    A request that misses its deadline is cancelled and its connection closed, however slowly a server goes on
    sending.
    """

    def __init__(self, settings: EndpointSettings) -> None:
        """Read the key.

        Raises:
            ConfigError: the environment variable holds what cannot be a key.
        """
        self._settings = settings
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client: Any = None  # an openai.AsyncOpenAI
        self._key = key_from_environment(settings.api_key_env) or "none"

    def answer(self, prompt: Prompt, *, temperature: float = 0.0, seed: int = 0, timeout_s: float) -> str:
        """As :class:`vista.planner.language.model.LanguageModel`."""
        loop, client = self._connected()
        failures: list[Unanswered] = []
        try:
            asked = self._ask(client, prompt, temperature, seed, time.monotonic() + timeout_s, failures)
            return _within(loop, asked, timeout_s)
        except MalformedAnswerError:
            raise
        except (FutureTimeoutError, TimeoutError):
            before = f"; before that: {failures_text(failures)}" if failures else ""
            what = f"no answer within {timeout_s:.3g} s{before}"
        except Unanswered:
            what = failures_text(failures)
        except Exception as error:
            what = failures_text([failure_of(error, self._settings.attempt_timeout_s)])
        # Raised outside of the handler: what a transport raised may hold the key, also in its own causes.
        raise self._error(what)

    def close(self) -> None:
        """Close all connections; a later question opens them again."""
        with self._lock:
            loop, client, self._loop, self._client = self._loop, self._client, None, None
        if loop is not None and client is not None:
            try:
                asyncio.run_coroutine_threadsafe(client.close(), loop).result(5.0)
            except Exception as error:  # the connections go with the process
                _log.warning("endpoint: not closed: %s", failure_of(error, 5.0))
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
                why = ""
                try:
                    self._client = AsyncOpenAI(
                        base_url=self._settings.base_url,
                        api_key=self._key,
                        max_retries=0,  # attempts are counted here: no wait is late, no cause is lost
                        timeout=self._settings.attempt_timeout_s,
                    )
                except Exception as error:  # an address, a proxy, a header from the environment
                    why = str(failure_of(error, 0.0))
                if why:
                    raise ConfigError(f"endpoint {self._where}: cannot be asked: {why}")
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=_serve, args=(self._loop,), name="endpoint", daemon=True).start()
            return self._loop, self._client

    async def _ask(
        self,
        client: Any,
        prompt: Prompt,
        temperature: float,
        seed: int,
        deadline: float,
        failures: list[Unanswered],
    ) -> str:
        """The answer of the first attempt that gets one; ``failures`` of the others are kept as they come.

        Raises:
            Unanswered: none did, or the next one would come after ``deadline`` [s, monotonic].
        """
        settings = self._settings
        for i in range(settings.attempts):
            try:
                async with asyncio.timeout(settings.attempt_timeout_s):
                    body, headers = await self._send(client, prompt, temperature, seed)
                # A server that echoes its headers must not bring the key into a memory.
                return conceal(read_reply(body, headers, settings.max_tokens))
            except MalformedAnswerError:
                raise
            except Exception as error:
                failures.append(failure_of(error, settings.attempt_timeout_s))
            pause = pause_before(i, failures[-1])
            if not failures[-1].again or i + 1 == settings.attempts or time.monotonic() + pause >= deadline:
                break
            await asyncio.sleep(pause)
        raise failures[-1]

    async def _send(
        self, client: Any, prompt: Prompt, temperature: float, seed: int
    ) -> tuple[bytes, dict[str, str]]:
        """Body and headers of the reply to one request."""
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
        body = bytearray()
        asked = client.chat.completions.with_streaming_response.create(
            model=settings.model, messages=messages, temperature=temperature, extra_body=more
        )
        async with asked as response:
            headers = {str(k).lower(): str(v) for k, v in response.headers.items()}
            async for chunk in response.iter_bytes():
                body += chunk
                if len(body) > MAX_BYTES:
                    raise Unanswered(f"answered more than {MAX_BYTES:,} bytes; expected a short answer")
        return bytes(body), headers

    @property
    def _where(self) -> str:
        return f"{self._settings.model!r} at {conceal(self._settings.base_url)}"

    def _error(self, what: str) -> LanguageModelError:
        return LanguageModelError(conceal(plain(f"language model {self._where}: {what}", 800)))


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
