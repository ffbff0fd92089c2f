"""The notes and queries for the memory at each turn (RoboMemory's information preprocessor).

The default works with detections and templates; a language model may take its place.
"""

from __future__ import annotations

from collections.abc import Sequence

from vista.protocols import Memory, Note
from vista.types import Detection, Digest, Observation, SubtaskResult


class TemplatePreprocessor:
    """Queries the memory for the instruction, and for where each thing is that is seen and named in it."""

    def digest(
        self,
        obs: Observation,
        instruction: str,
        seen: Sequence[Detection],
        last: SubtaskResult | None = None,
    ) -> Digest:
        """The summary of ``last`` (empty for the first turn) and the queries."""
        queries = [instruction, *(f"where is the {name}" for name in named((instruction,), seen))]
        return Digest("" if last is None else outcome_line(last), tuple(queries))


def named(phrases: Sequence[str], seen: Sequence[Detection]) -> list[str]:
    """Those labels of ``seen`` that occur in one of ``phrases``, in alphabetical order."""
    return sorted({d.label for d in seen if any(d.label.lower() in phrase.lower() for phrase in phrases)})


def outcome_line(result: SubtaskResult) -> str:
    """How a subtask went, in words: the temporal memory keeps it for people and language models."""
    reason = f" ({result.reason})" if result.reason else ""
    return f"{result.text}: {result.state} after {result.end_s - result.start_s:.1f} s{reason}"


def sighting(memory: Memory, seen: Detection, stamp_ns: int, run: int) -> Note:
    """The note for the spatial memory that ``seen`` was detected at ``stamp_ns`` [ns] of the clock's
    ``run``."""
    x, y, z = (float(v) for v in seen.position)
    text = f"{seen.label} at ({x:.2f}, {y:.2f}, {z:.2f}) m"
    return memory.note(
        "spatial", text, stamp_ns, entities=(seen.label,), position=(x, y, z), confidence=seen.score,
        source="detector", run=run,
    )  # fmt: skip
