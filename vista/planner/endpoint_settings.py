"""Where a language model is served, and the key that it is asked with."""

from __future__ import annotations

import os
import re
import urllib.parse
from dataclasses import dataclass, fields

from vista.errors import ConfigError
from vista.messages.redaction import conceal, register, register_address

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

    def __repr__(self) -> str:
        shown = (f"{each.name}={getattr(self, each.name)!r}" for each in fields(self))
        return conceal(f"{type(self).__name__}({', '.join(shown)})")

    def __post_init__(self) -> None:
        register_address(self.base_url)
        if not _is_address(self.base_url) or not self.model.strip():
            raise ConfigError(
                f"endpoint: base_url {conceal(self.base_url)!r}, model {self.model!r}; "
                "expected http://host:port/v1 or https://host/v1, and a name"
            )
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,99}", self.api_key_env):
            # Whoever writes the key itself here must not find it in a message.
            raise ConfigError(
                "endpoint: api_key_env is no name of an environment variable "
                "(letters, digits and underscores); the key itself does not belong into a settings file"
            )
        if self.token_limit not in LIMITS:
            raise ConfigError(f"endpoint: token_limit {self.token_limit!r}; expected {' or '.join(LIMITS)}")
        if self.attempts < 1 or self.max_tokens < 1 or not 0 < self.attempt_timeout_s < 1e6:
            raise ConfigError(
                f"endpoint: attempts {self.attempts}, max_tokens {self.max_tokens}, "
                f"attempt_timeout_s {self.attempt_timeout_s}; expected at least one attempt, one token and "
                "some seconds"
            )


def key_from_environment(name: str) -> str:
    """The key in the environment variable ``name``, known from now on as a secret; empty if there is none.

    Raises:
        ConfigError: a key with characters that no header may hold; the message names the variable only.
    """
    key = os.environ.get(name, "")
    register(key)
    odd = next((c for c in key if not "!" <= c <= "~"), None)
    if odd is not None:
        what = (
            "a line break"
            if odd in "\r\n"
            else "white space"
            if odd.isspace()
            else "a character beyond ASCII"
        )
        what = "a control character" if ord(odd) < 32 and not odd.isspace() else what
        raise ConfigError(
            f"environment variable {name}: the key in it holds {what}; expected printable ASCII characters "
            "without white space"
        )
    return key


def _is_address(text: str) -> bool:
    """Whether ``text`` is an address that HTTP can be spoken with."""
    if any(c.isspace() or not c.isprintable() for c in text):
        return False
    try:
        parts = urllib.parse.urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False
