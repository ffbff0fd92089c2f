"""RoboMemory's information preprocessor over any language model (arXiv 2508.01415, section III)."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from vista.messages.describe import describe
from vista.planner.language import prompts
from vista.planner.language.answers import MalformedAnswerError, sentences
from vista.planner.language.calls import Call, run_calls
from vista.planner.language.model import LanguageModel, Prompt
from vista.planner.preprocess import TemplatePreprocessor, outcome_line
from vista.protocols import Preprocessor
from vista.types import Detection, Digest, Observation, SubtaskResult

_log = logging.getLogger(__name__)
MAX_QUERIES = 5  # the paper's generator writes four or five


class LanguagePreprocessor:
    """Summary and queries by a language model, asked in parallel.

    What the model does not deliver in time, or delivers malformed, comes from the templates instead and is
    named in ``Digest.missing``. The template's own queries are always among those asked: a model may forget
    to ask where the thing is that was named.
    """

    def __init__(
        self,
        model: LanguageModel,
        *,
        timeout_s: float = 10.0,
        image_size: int = 512,
        fallback: Preprocessor | None = None,
    ) -> None:
        self._model, self._timeout_s, self._image_size = model, timeout_s, image_size
        self._fallback = fallback or TemplatePreprocessor()

    def digest(
        self,
        obs: Observation,
        instruction: str,
        seen: Sequence[Detection],
        last: SubtaskResult | None = None,
    ) -> Digest:
        """Summary of the last step and queries for the next one. Never raises for the model's sake."""
        known = self._fallback.digest(obs, instruction, seen, last)
        labels = ", ".join(dict.fromkeys(d.label for d in seen))
        block = prompts.data(
            obs, instruction, detected=labels, last_step=outcome_line(last) if last is not None else ""
        )
        images = prompts.pictures(obs, self._image_size)
        calls = [
            self._call("summary", prompts.summary(block, images), 1),
            self._call("queries", prompts.queries(block, images, MAX_QUERIES), MAX_QUERIES),
        ]
        done = run_calls(calls, timeout_s=self._timeout_s)
        for name, error in done.failures.items():
            _log.warning("%s from the template: %s", name, describe(error))
        summary = done.results["summary"][0] if "summary" in done.results else known.summary
        queries = dict.fromkeys((*known.queries, *done.results.get("queries", ())))
        return Digest(summary, tuple(queries), tuple(sorted(done.failures)))

    def _call(self, name: str, prompt: Prompt, most: int) -> Call[tuple[str, ...]]:
        def run(_: Mapping[str, tuple[str, ...]], left_s: float) -> tuple[str, ...]:
            text = self._model.answer(prompt, timeout_s=left_s)
            try:
                return sentences(text, most)
            except MalformedAnswerError as error:
                raise MalformedAnswerError(f"{name}: {error}") from error

        return Call(name, run)
