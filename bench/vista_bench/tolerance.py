"""One failed episode is one failed episode; a fault that meets every episode ends the bench.

An episode without a result (a part that raised, a worker that died) is a failure with its cause. But
episodes that fail over and over for one cause say nothing about the method. They are not kept, so that they
do not look like an honest 0 %, and are run again once the fault is mended.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType

from vista.errors import VistaError
from vista.learning.workers import DEBUG, Crash
from vista_bench.jobs import BenchProgress, EpisodeJob
from vista_bench.results import CrashedEpisode, Episode, Key, Results

AT_FIRST, IN_A_ROW = 3, 5
"""So many crashes before any episode has ended by itself, and so many faults in a row, end a bench."""


class Tolerance:
    """Writes episodes down as they end, those that may be due to a fault of everything a little later.

    Args:
        jobs: What each job is counted by.
        kept: Whether an earlier run of the same bench has results already.
        strict: Whether every crash ends the bench.
    """

    def __init__(
        self,
        results: Results,
        jobs: Mapping[EpisodeJob, Key],
        progress: BenchProgress,
        *,
        kept: bool,
        strict: bool,
    ) -> None:
        self._results, self._jobs, self._progress, self._strict = results, jobs, progress, strict
        self._sound, self._different = kept, False
        self._faults: list[tuple[EpisodeJob, Episode]] = []

    def add(self, job: EpisodeJob, result: Episode | Crash) -> None:
        """Count the result of ``job``.

        Raises:
            VistaError: the settings are wrong, or the last episodes failed for one cause.
        """
        if isinstance(result, Crash):
            if result.settings and not self._sound:
                raise VistaError(result.cause)
            if self._strict:
                raise VistaError(f"{job}: {result.cause}{'' if result.on_purpose else _hint()}")
            result = CrashedEpisode(cause=result.cause)
        elif result.stop_cause is None:
            self._sound = True
            self._keep()
            self._write(job, result)
            return
        if self._faults and not _alike(self._faults[-1][1], result):
            self._different = True
            self._keep()
        self._faults.append((job, result))
        most = IN_A_ROW if self._sound or not isinstance(result, CrashedEpisode) else AT_FIRST
        if len(self._faults) >= most:
            raise VistaError(self._said())

    def __enter__(self) -> Tolerance:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """All jobs have been tried: a few faults among sound episodes are failures; a fault that met every
        episode is an error of the bench."""
        if error is not None or not self._faults:
            return
        if not self._sound and not self._different:
            raise VistaError(self._said())
        self._keep()

    def _keep(self) -> None:
        for job, episode in self._faults:
            self._write(job, episode)
        self._faults.clear()

    def _write(self, job: EpisodeJob, episode: Episode) -> None:
        self._results.add(self._jobs[job], episode)
        self._progress.step(job, episode.success)

    def _said(self) -> str:
        count, (job, episode) = len(self._faults), self._faults[-1]
        which = f"{job}: it" if count == 1 else f"{count} episodes in a row, the last {job},"
        hint = _hint() if isinstance(episode, CrashedEpisode) else ""
        return (
            f"{which} ended by a fault ({episode.stop_cause}), which is no measurement and not kept; what "
            f"was finished before is, and the same command goes on from there{hint}"
        )


def _alike(one: Episode, other: Episode) -> bool:
    """Whether two faults may be one: any two crashes, and two stops with one cause."""
    crashed = isinstance(one, CrashedEpisode), isinstance(other, CrashedEpisode)
    return all(crashed) or (not any(crashed) and one.stop_cause == other.stop_cause)


def _hint() -> str:
    return f"; {DEBUG}=1 shows where"
