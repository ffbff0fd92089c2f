"""A planner for executors that are told the whole instruction: it plans nothing."""

from __future__ import annotations

from collections.abc import Sequence

from vista.errors import EmptyInstructionError
from vista.protocols import MemoryItem
from vista.types import Done, Impossible, Observation, Subtask, SubtaskResult


class WholePlanner:
    """Gives the instruction, word for word, as the one subtask, and again after it has failed; Done when it
    was reached."""

    def __init__(self) -> None:
        self._told = ""

    def reset(self) -> None:
        """A new plan begins: the last one failed, or there was none."""
        self._told = ""

    def next(
        self,
        obs: Observation,
        instruction: str,
        recall: Sequence[MemoryItem],
        last: SubtaskResult | None = None,
    ) -> Subtask | Done | Impossible:
        """The instruction as a sentence, never as a skill; Done once it was said.

        Raises:
            InstructionError: an empty instruction.
        """
        if not instruction.strip():
            raise EmptyInstructionError
        if self._told == instruction:
            self._told = ""
            return Done("the executor says that it has done what it was told")
        self._told = instruction
        return Subtask(instruction)
