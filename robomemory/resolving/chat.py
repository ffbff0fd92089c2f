"""One question to a chat model behind an OpenAI-compatible endpoint, with a deadline that holds.

Only the standard library is needed. Redirects are not followed, so that the key goes nowhere else.
"""

from __future__ import annotations

import base64
import contextlib
import json
import math
import os
import re
import threading
import time
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus

from robomemory import checks
from robomemory.errors import ResolverError
from robomemory.plain_text import short

MAX_REPLY = 1_000_000  # bytes
MAX_ANSWER = 20_000  # characters of the model's text
_PART = 65_536
_SHOWN = 300  # characters of a message
HIDDEN = "***"


@dataclass(frozen=True, slots=True)
class ChatEndpoint:
    """Where a chat model is served: ``base_url`` up to and including "/v1"; ``model`` as the server names it;
    ``api_key_env``: the environment variable with the key (unset: none is sent); ``timeout_s`` for a whole
    question [s]; ``max_tokens`` of an answer; ``json_mode``: whether the server is asked for a JSON object.

    Raises:
        ResolverError: a field can't be used; the message holds neither key nor password.
    """

    base_url: str
    model: str
    api_key_env: str = "OPENAI_API_KEY"
    timeout_s: float = 20.0
    max_tokens: int = 1_000
    json_mode: bool = False
    _key: str = field(default="", init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.base_url, str) or not _is_address(self.base_url):
            said = _without_password(self.base_url) if isinstance(self.base_url, str) else self.base_url
            raise ResolverError(
                f"base_url: {checks.shown(said)}, expected http://host:port/v1 or https://host/v1"
            )
        if not isinstance(self.model, str) or not self.model.strip():
            raise ResolverError(f"model: {checks.shown(self.model)}, expected the name of a model")
        name = self.api_key_env
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,99}", name):
            # Whoever writes the key itself here must not find it in a message.
            raise ResolverError("api_key_env is no name of an environment variable (letters, digits, _)")
        number = isinstance(self.timeout_s, int | float) and not isinstance(self.timeout_s, bool)
        if not number or not 0 < self.timeout_s <= 3600:
            raise ResolverError(f"timeout_s: {checks.shown(self.timeout_s)} s, expected > 0 and at most 3600")
        whole = isinstance(self.max_tokens, int) and not isinstance(self.max_tokens, bool)
        if not whole or not 1 <= self.max_tokens <= 100_000:
            raise ResolverError(f"max_tokens: {checks.shown(self.max_tokens)}, expected 1 to 100000")
        key = os.environ.get(name, "")
        if any(not "!" <= c <= "~" for c in key):
            raise ResolverError(
                f"environment variable {name}: the key in it holds white space or a character beyond ASCII"
            )
        object.__setattr__(self, "_key", key)

    def __repr__(self) -> str:
        return f"ChatEndpoint({_without_password(self.base_url)!r}, {self.model!r})"

    def ask(self, rules: str, question: str) -> str:
        """The model's text, at most ``MAX_ANSWER`` characters.

        Raises:
            ResolverError: no answer came in time, or none that can be read.
        """
        why = ""
        try:
            # A server that echoes its headers must not bring the key into a memory.
            return self._conceal(_text_of(self._reply(rules, question)), shortest=8)
        except ResolverError as error:
            why = str(error)
        except Exception as error:  # of sockets, and of http.client, which has its own root
            why = f"{type(error).__name__}: {error}"
        # Raised outside of the handler: what a transport raised may hold the key, also in its own causes.
        said = self._conceal(f"{self.model!r} at {_without_password(self.base_url)}: {why}")
        raise ResolverError(short(" ".join(said.split()), _SHOWN))

    def _reply(self, rules: str, question: str) -> bytes:
        parts = urllib.parse.urlsplit(self.base_url)
        messages = [{"role": "system", "content": rules}, {"role": "user", "content": question}]
        asked: dict[str, object] = {
            "model": self.model, "messages": messages, "temperature": 0.0, "max_tokens": self.max_tokens
        }  # fmt: skip
        if self.json_mode:
            asked["response_format"] = {"type": "json_object"}
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        elif parts.username is not None:
            pair = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        status, body = _post(parts, json.dumps(asked).encode(), headers, self.timeout_s)
        if status != 200:
            said = short(" ".join(body[:2000].decode("utf-8", "replace").split()), 150)
            raise ResolverError(f"HTTP {status}: {said}")
        return body

    def _conceal(self, text: str, shortest: int = 1) -> str:
        """``text`` without the key and the password of at least ``shortest`` characters, in any spelling that
        a server or a library uses."""
        password = urllib.parse.urlsplit(self.base_url).password or ""
        secrets = {s for s in (self._key, password, urllib.parse.unquote(password)) if len(s) >= shortest}
        for secret in sorted(secrets, key=len, reverse=True):
            coded = base64.b64encode(secret.encode()).decode()
            for said in {secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1], coded}:
                text = text.replace(said, HIDDEN)
        return re.sub(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{4,}", rf"\1 {HIDDEN}", text)


def _post(
    parts: urllib.parse.SplitResult, body: bytes, headers: Mapping[str, str], timeout_s: float
) -> tuple[int, bytes]:
    """Status and body of the reply of the chat completions below the address ``parts``.

    Raises:
        ResolverError: it came not within ``timeout_s`` [s], or is too large. What http.client raises.
    """
    import socket
    import ssl
    from http.client import HTTPConnection, HTTPSConnection

    assert parts.hostname is not None
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection: HTTPConnection = HTTPSConnection(
            parts.hostname, parts.port, timeout=timeout_s, context=context
        )
    else:
        connection = HTTPConnection(parts.hostname, parts.port, timeout=timeout_s)
    deadline, late = time.monotonic() + timeout_s, threading.Event()

    def cut() -> None:
        late.set()
        if connection.sock is not None:
            with contextlib.suppress(OSError):  # it is closed already
                connection.sock.shutdown(socket.SHUT_RDWR)

    watch = threading.Timer(timeout_s, cut)
    watch.daemon = True
    watch.start()  # a server that sends single bytes never runs into the timeout of its socket
    try:
        connection.request("POST", f"{parts.path.rstrip('/')}/chat/completions", body, dict(headers))
        response = connection.getresponse()
        reply = bytearray()
        while part := response.read1(_PART):
            reply += part
            if len(reply) > MAX_REPLY:
                raise ResolverError(f"answered more than {MAX_REPLY} bytes")
    except ResolverError:
        raise
    except Exception:
        if not late.is_set() and time.monotonic() < deadline:
            raise
    finally:
        watch.cancel()
        connection.close()
    if late.is_set() or time.monotonic() >= deadline:
        raise ResolverError(f"no answer within {timeout_s:g} s")
    return response.status, bytes(reply)


def _text_of(body: bytes) -> str:
    """The text of the first choice in the reply ``body``."""
    try:
        said = loads(body.decode("utf-8"))
    except ValueError as error:
        raise ResolverError(f"answered no JSON: {short(str(error), 100)}") from None
    choices = said.get("choices") if isinstance(said, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    text = message.get("content") if isinstance(message, dict) else None
    if isinstance(choice, dict) and choice.get("finish_reason") == "length":
        raise ResolverError("the answer was cut off; max_tokens is too small for it")
    if not isinstance(text, str) or not text.strip():
        raise ResolverError("answered without a text")
    if len(text) > MAX_ANSWER:
        raise ResolverError(f"answered {len(text)} characters, at most {MAX_ANSWER} are allowed")
    return text


def loads(text: str) -> object:
    """The JSON in ``text``, of numbers that are finite, without a name twice in one object.

    Raises:
        ValueError: it is none.
    """

    def refuse(said: str) -> float:
        raise ValueError(f"{said} is no JSON")

    def number(said: str) -> float:
        value = float(said)
        if not math.isfinite(value):
            raise ValueError(f"{said} is no finite number")
        return value

    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        if len({name for name, _ in pairs}) != len(pairs):
            raise ValueError("a name stands twice in one object")
        return dict(pairs)

    try:
        said: object = json.loads(text, parse_constant=refuse, parse_float=number, object_pairs_hook=once)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return said


def _is_address(text: str) -> bool:
    if any(c.isspace() or not c.isprintable() for c in text):
        return False
    try:
        parts = urllib.parse.urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False


def _without_password(address: str) -> str:
    return re.sub(r"//[^/@]*@", f"//{HIDDEN}@", address)
