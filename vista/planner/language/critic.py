"""A critic over any language model."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from vista.messages.describe import describe
from vista.planner.language import prompts
from vista.planner.language.answers import MalformedAnswerError, objection, verdict
from vista.planner.language.model import LanguageModel, LanguageModelError
from vista.protocols import MemoryItem
from vista.types import Observation, Subtask

_log = logging.getLogger(__name__)


class LanguageCritic:
    """Asks a language model whether a subtask should be tried. One thread at a time.

    A malformed verdict is asked again a few times, and then counts as none: a critic that says nothing
    sensible must not stop the arm for ever. One that says "no" in a malformed way, each time, objects all the
    same. A model that cannot be reached raises.
    """

    def __init__(
        self, model: LanguageModel, *, attempts: int = 2, timeout_s: float = 20.0, image_size: int = 512
    ) -> None:
        self._model, self._attempts = model, attempts
        self._timeout_s, self._image_size = timeout_s, image_size

    def review(
        self, obs: Observation, instruction: str, subtask: Subtask, recall: Sequence[MemoryItem]
    ) -> str | None:
        """None, or what speaks against ``subtask``.

        Raises:
            LanguageModelError: the model gave no answer in time.
        """
        block = prompts.data(obs, instruction, recall)
        prompt = prompts.review(block, prompts.pictures(obs, self._image_size), subtask)
        deadline = time.monotonic() + self._timeout_s
        objected: str | None = None
        for i in range(self._attempts):
            left = deadline - time.monotonic()
            if left <= 0:
                raise LanguageModelError(f"no verdict within {self._timeout_s:g} s")
            said = ""
            try:
                said = self._model.answer(prompt, temperature=0.3 * i, seed=i, timeout_s=left)
                return verdict(said)
            except MalformedAnswerError as error:
                _log.warning("the critic's answer does not count: %s", describe(error))
                objected = objected or objection(said)
        return objected
