"""What to do next: subtasks, and the goal images of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vista import values
from vista.errors import InvalidValueError
from vista.skill import Skill, network_text
from vista.types.arrays import U8, checked_images, set_field
from vista.types.dialogue import Answered, Question, Refusal
from vista.types.grounding import Grounding
from vista.values import Value


@dataclass(frozen=True, slots=True)
class Subtask:
    """One step of a task: ``step``, a :class:`vista.skill.Skill` or, from a language model or for an executor
    that is told the whole instruction, a sentence that is no skill; ``index``, its place in the task; ``why``
    the planner chose it, in words.

    Raises:
        InvalidValueError: an empty sentence, or an index below 0.
    """

    step: Skill | str
    index: int = 0
    why: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.step, Skill) and not values.text("Subtask.step", self.step).strip():
            raise InvalidValueError("Subtask.step: empty, expected a skill or one short sentence")
        set_field(self, "index", values.whole("Subtask.index", self.index, 0))
        values.text("Subtask.why", self.why)

    @classmethod
    def said(cls, sentence: str, index: int = 0, why: str = "") -> Subtask:
        """``sentence`` as the skill that it says, or as it is where it says none."""
        return cls(Skill.find(sentence) or sentence, index, why)

    @property
    def skill(self) -> Skill | None:
        """The skill; None for a sentence that is none."""
        return self.step if isinstance(self.step, Skill) else None

    @property
    def text(self) -> str:
        """The step in words, for people."""
        return self.step.sentence() if isinstance(self.step, Skill) else self.step

    @property
    def network_text(self) -> str:
        """The step in words, for networks that read them."""
        return network_text(self.step) if isinstance(self.step, Skill) else self.step


@dataclass(frozen=True, slots=True)
class Done:
    """The planner's answer when nothing is left to do."""

    reason: str = ""

    def __post_init__(self) -> None:
        values.text("Done.reason", self.reason)


@dataclass(frozen=True, slots=True)
class Impossible:
    """The planner's answer when the instruction can't be carried out: ``why`` not, and the ``reason`` in
    words, which says what is possible or what is seen."""

    reason: str
    why: Refusal = Refusal.IMPOSSIBLE

    def __post_init__(self) -> None:
        values.text("Impossible.reason", self.reason)
        set_field(self, "why", values.word("Impossible.why", self.why, Refusal))


NextStep = Subtask | Done | Impossible | Question | Answered
"""What a planner may say when it is asked for the next subtask."""


@dataclass(frozen=True, slots=True, eq=False)
class Subgoal(Value):
    """What the world should look like when ``subtask`` is done.

    ``images`` {camera: u8 (H, W, 3) RGB}, empty for a text-only goal; ``score`` [0, 1] from the verifier;
    ``seed`` of the sample that was kept; ``source_stamp_ns`` of the observation it was imagined from;
    ``grounding``: where the thing and the place of the subtask were then.
    """

    subtask: Subtask
    images: Mapping[str, U8]
    score: float
    seed: int
    source_stamp_ns: int
    grounding: Grounding | None = None

    def __post_init__(self) -> None:
        values.instance("Subgoal.subtask", self.subtask, Subtask)
        set_field(self, "images", checked_images("Subgoal.images", self.images))
        set_field(self, "score", values.number("Subgoal.score", self.score, 0.0, 1.0))
        for name in ("seed", "source_stamp_ns"):
            set_field(self, name, values.whole(f"Subgoal.{name}", getattr(self, name)))
        if self.grounding is not None:
            values.instance("Subgoal.grounding", self.grounding, Grounding)


@dataclass(frozen=True, slots=True)
class Digest:
    """An observation in words: ``summary`` of the step that led to it, empty before the first one;
    ``queries`` to the memory; ``missing``: which of the two a model did not deliver (a template did)."""

    summary: str
    queries: tuple[str, ...]
    missing: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        values.text("Digest.summary", self.summary)
        for name in ("queries", "missing"):
            given = values.sequence(f"Digest.{name}", getattr(self, name))
            set_field(self, name, tuple(values.text(f"Digest.{name}", each) for each in given))
