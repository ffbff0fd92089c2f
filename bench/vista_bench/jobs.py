"""The jobs of a bench, one an episode, and the interface for its progress."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EpisodeJob:
    """One episode of one cell and method."""

    cell: str
    method: str
    seed: int

    def __str__(self) -> str:
        return f"{self.cell}, {self.method}, seed {self.seed}"


class BenchProgress:
    """Receives the progress of a suite; this one does nothing."""

    def start(self, total: int, done: int) -> None: ...

    def step(self, job: EpisodeJob, success: bool) -> None: ...
