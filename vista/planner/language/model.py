"""A language model as planner and critic see it: a prompt in, a text out, by a deadline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from vista.errors import VistaError
from vista.types import U8


class LanguageModelError(VistaError, ConnectionError):
    """A language model could not be asked: unreachable, refused, too late. Names whom and why."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is asked: ``rules`` of whoever built the stack, the ``question``, and ``images`` u8 (H, W, 3) RGB.

    What came from outside (memories, remarks, the user's sentence) stands in the question as quoted data.
    """

    rules: str
    question: str
    images: tuple[U8, ...] = ()


class LanguageModel(Protocol):
    """Thread-safe: calls that do not depend on one another are made at the same time."""

    def answer(self, prompt: Prompt, *, temperature: float = 0.0, seed: int = 0, timeout_s: float) -> str:
        """The model's text; the same one for the same arguments as far as the model allows.

        Raises:
            LanguageModelError: no text within ``timeout_s`` [s], after whatever retries fit into it.
            MalformedAnswerError: the text was cut off because it was too long, or there was none.
        """
        ...
