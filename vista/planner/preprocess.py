"""What is told to the memory, and what is asked of it, at each turn (RoboMemory's information preprocessor).

The default needs nothing but detections and templates; a language model may take its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from vista.types import Detection, Note, Observation, SubtaskResult


@dataclass(frozen=True, slots=True)
class Digest:
    """An observation in words: ``summary`` of the step that led to it, empty before the first one;
    ``queries`` to the memory; ``missing``: which of the two a model did not deliver (a template did)."""

    summary: str
    queries: tuple[str, ...]
    missing: tuple[str, ...] = ()


@runtime_checkable
class Preprocessor(Protocol):
    """Turns an observation into a summary and queries, in bounded time."""

    def digest(
        self,
        obs: Observation,
        instruction: str,
        seen: Sequence[Detection],
        last: SubtaskResult | None = None,
    ) -> Digest: ...


class TemplatePreprocessor:
    """Asks about the instruction and where each thing is that it names and that is seen."""

    def digest(
        self,
        obs: Observation,
        instruction: str,
        seen: Sequence[Detection],
        last: SubtaskResult | None = None,
    ) -> Digest:
        queries = [instruction, *(f"where is the {name}" for name in named(instruction, seen))]
        return Digest("" if last is None else outcome_line(last), tuple(queries))


def named(text: str, seen: Sequence[Detection]) -> list[str]:
    """Labels of what is ``seen`` that ``text`` speaks of, in alphabetical order."""
    return sorted({d.label for d in seen if d.label.lower() in text.lower()})


def outcome_line(result: SubtaskResult) -> str:
    """How a subtask went, as the temporal memory keeps it."""
    reason = f" ({result.reason})" if result.reason else ""
    return f"{result.text}: {result.state} after {result.end_s - result.start_s:.1f} s{reason}"


def sighting(seen: Detection, stamp_ns: int) -> Note:
    """A detection as the spatial memory takes it."""
    x, y, z = (float(v) for v in seen.position)
    text = f"{seen.label} at ({x:.2f}, {y:.2f}, {z:.2f}) m"
    return Note("spatial", text, stamp_ns, (seen.label,), (x, y, z), confidence=seen.score, source="detector")
