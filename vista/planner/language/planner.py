"""A planner over any language model."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from vista.errors import ConfigError, EmptyInstructionError, InstructionError
from vista.learning.images import resize
from vista.messages.describe import describe
from vista.messages.plain_text import plain
from vista.planner.language import prompts
from vista.planner.language.answers import Grammar, MalformedAnswerError, key
from vista.planner.language.calls import Call, run_calls
from vista.planner.language.model import LanguageModel, LanguageModelError, Prompt
from vista.planner.language.reasoning import without_reasoning
from vista.planner.language.voting import NoMajorityError, first_to_ahead_by
from vista.protocols import MemoryItem
from vista.types import F32, Done, Impossible, Observation, Subtask, SubtaskResult

Step = Subtask | Done | Impossible
STRATEGIES = ("step", "plan")
VOTES = ("never", "after_failure", "always")
REMEMBERED_NS = 120 * 10**9
ALIKE = 4.0  # mean difference [grey levels] of two thumbnails below which the scene counts as the same

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PlannerSettings:
    """How a language model is asked for the next step.

    ``strategy``: ``step`` asks for one step, ``plan`` for a fresh plan of which the first step is done
    (GoalAct, arXiv 2504.16563). ``look_first``: what is seen and how far the task is are asked before, in
    parallel. ``vote``: when a step is voted on (MAKER): never, after a failure, always; ``ahead``: by how
    many votes, ``most_samples``: in how many samples at most. ``attempts``: how often a malformed answer is
    asked again. ``repeats``: how often one step may be tried while nothing changes. ``temperature`` of all
    samples but the first. ``timeout_s``: for all calls of one step [s]. ``image_size``: side of what is sent
    [px].
    """

    strategy: str = "step"
    look_first: bool = False
    vote: str = "never"
    ahead: int = 2
    most_samples: int = 9
    attempts: int = 3
    repeats: int = 2
    temperature: float = 0.3
    timeout_s: float = 30.0
    image_size: int = 512
    grammar: Grammar = field(default_factory=Grammar)

    def __post_init__(self) -> None:
        for name, allowed in (("strategy", STRATEGIES), ("vote", VOTES)):
            if getattr(self, name) not in allowed:
                raise ConfigError(f"{name} {getattr(self, name)!r}; expected one of {', '.join(allowed)}")
        for name in ("ahead", "attempts", "repeats", "timeout_s", "image_size"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} {getattr(self, name)}; expected above 0")
        if self.most_samples < self.ahead or self.temperature < 0:
            raise ConfigError(
                f"most_samples {self.most_samples} (at least ahead, {self.ahead}), "
                f"temperature {self.temperature} (at least 0)"
            )


@dataclass(frozen=True, slots=True)
class _Tried:
    """A step, and what was seen when it was chosen: ``thumbnails`` f32 (cameras, 8, 8) and the gripper."""

    text: str
    thumbnails: F32
    closed: bool


class LanguagePlanner:
    """Asks a language model for each step. One thread at a time; the model is asked from several.

    Answers that do not fit the grammar are asked again a few times, then the step is ``Impossible``. A model
    that cannot be reached raises.
    """

    def __init__(self, model: LanguageModel, settings: PlannerSettings | None = None) -> None:
        self._model, self._settings = model, settings or PlannerSettings()
        self._told, self._stamp_ns, self._plans = "", 0, 0
        self._tried: list[_Tried] = []

    def reset(self) -> None:
        """A new plan begins: the last one failed, or there was none. What was tried is kept."""
        self._plans += 1

    def next(
        self,
        obs: Observation,
        instruction: str,
        recall: Sequence[MemoryItem],
        last: SubtaskResult | None = None,
    ) -> Step:
        """The next step.

        Raises:
            InstructionError: an empty instruction, or one that is too long to be an instruction.
            LanguageModelError: the model gave no answer in time.
        """
        if not instruction.strip():
            raise EmptyInstructionError
        if len(instruction) > prompts.MAX_INSTRUCTION:
            raise InstructionError(
                f"instruction: {len(instruction)} characters, expected at most {prompts.MAX_INSTRUCTION}"
            )
        if instruction != self._told or not 0 <= obs.stamp_ns - self._stamp_ns < REMEMBERED_NS:
            self._tried, self._plans = [], min(self._plans, 1)
        self._told, self._stamp_ns = instruction, obs.stamp_ns
        now = _Tried("", _thumbnails(obs), obs.gripper_command < 0.5)
        step = self._ask(obs, instruction, recall, self._exhausted(now))
        if isinstance(step, Subtask):
            self._tried.append(replace(now, text=step.text))
        else:
            self._tried, self._plans = [], 0
        return step

    def _exhausted(self, now: _Tried) -> tuple[str, ...]:
        """The steps that were tried often enough in a state like this one."""
        alike = [
            tried.text
            for tried in self._tried
            if tried.closed == now.closed
            and tried.thumbnails.shape == now.thumbnails.shape
            and float(np.abs(tried.thumbnails - now.thumbnails).mean()) < ALIKE
        ]
        return tuple(t for t in dict.fromkeys(alike) if alike.count(t) >= self._settings.repeats)

    def _ask(
        self, obs: Observation, instruction: str, recall: Sequence[MemoryItem], exhausted: tuple[str, ...]
    ) -> Step:
        settings = self._settings
        images = prompts.pictures(obs, settings.image_size)
        history = [tried.text for tried in self._tried]

        def block(**more: str) -> str:
            return prompts.data(obs, instruction, recall, history, **more)

        def choose(given: Mapping[str, str | Step], left_s: float) -> Step:
            seen = {name: text for name, text in given.items() if isinstance(text, str)}
            return self._choose(block(**seen), images, exhausted, left_s)

        if not settings.look_first:
            return choose({}, settings.timeout_s)
        half = settings.timeout_s / 2  # the step itself is worth more than what it is based on
        calls: list[Call[str | Step]] = [
            Call("seen", self._opinion("seen", prompts.look(block(), images), half)),
            Call("fulfilled", self._opinion("fulfilled", prompts.progress(block(), images), half)),
            Call("step", choose, after=("seen", "fulfilled")),
        ]
        step = run_calls(calls, timeout_s=settings.timeout_s).need("step")
        assert not isinstance(step, str)
        return step

    def _opinion(
        self, name: str, prompt: Prompt, limit_s: float
    ) -> Callable[[Mapping[str, str | Step], float], str]:
        """A call that helps but is not needed: without an answer it is empty, and that is logged."""

        def ask(_: Mapping[str, str | Step], left_s: float) -> str:
            try:
                return without_reasoning(self._model.answer(prompt, timeout_s=min(left_s, limit_s)))
            except (LanguageModelError, MalformedAnswerError) as error:
                _log.warning("planning without %r: %s", name, describe(error))
                return ""

        return ask

    def _choose(
        self, block: str, images: Sequence[np.ndarray], exhausted: tuple[str, ...], left_s: float
    ) -> Step:
        """One step, voted on or not, that is none of ``exhausted``."""
        settings, deadline = self._settings, time.monotonic() + left_s
        grammar, index = settings.grammar, len(self._tried)
        fresh = settings.strategy == "plan"
        prompt = (prompts.whole_plan if fresh else prompts.next_step)(block, images, grammar, exhausted)

        def sample(i: int) -> Step:
            left = deadline - time.monotonic()
            if left <= 0:
                raise LanguageModelError(f"no step within {left_s:g} s, {i} samples drawn")
            temperature = 0.0 if i == 0 else settings.temperature
            text = self._model.answer(prompt, temperature=temperature, seed=i, timeout_s=left)
            step = grammar.plan(text, index)[0] if fresh else grammar.step(text, index)
            if isinstance(step, Subtask) and step.text in exhausted:
                raise MalformedAnswerError(
                    f"{step.text!r} was tried {settings.repeats} times and nothing changed"
                )
            return step

        # The first plan of a task is no failure; each one after it is.
        if settings.vote == "always" or (settings.vote == "after_failure" and self._plans > 1):
            try:
                return first_to_ahead_by(settings.ahead, sample, key, most=settings.most_samples).winner
            except NoMajorityError as error:
                return Impossible(f"the language model does not agree with itself: {describe(error)}")
        why: list[str] = []
        for i in range(settings.attempts):
            try:
                return sample(i)
            except MalformedAnswerError as error:
                why.append(plain(describe(error), 350))
        first = f"; the first time: {why[0]}" if why[0] != why[-1] else ""
        return Impossible(
            f"the language model gave no valid step in {settings.attempts} attempts: {why[-1]}{first}"
        )


def _thumbnails(obs: Observation) -> F32:
    return np.stack([resize(obs.images[n], 8).mean(axis=2, dtype=np.float32) for n in sorted(obs.images)])
