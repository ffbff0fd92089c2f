"""What a bench has to do, one episode a job, and who hears how far it is."""

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
    """Hears how far a suite is; this one tells nobody."""

    def start(self, total: int, done: int) -> None: ...

    def step(self, job: EpisodeJob, success: bool) -> None: ...
