"""Suites: cells and methods to choose from, and how one episode of them is run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar, cast

from vista.assembly import Refs
from vista.errors import ConfigError, InvalidValueError, UnknownNameError
from vista.learning.splits import load_splits
from vista.learning.workers import attempts
from vista_bench.fingerprint import code_digest, fingerprint, libraries
from vista_bench.jobs import BenchProgress, EpisodeJob
from vista_bench.results import Counted, CrashedEpisode, Episode, Key, Results, failed_seeds, summary
from vista_bench.tolerance import Tolerance

Cell = dict[str, object]
MOST = 10**6
MOST_WORKERS = 1024
MOST_RECORDS = 10**8
E = TypeVar("E", bound=Episode)


@dataclass(frozen=True, slots=True)
class BenchSettings:
    """The arguments of one bench; ``seed`` is an offset into the range ``split``; ``records`` are sizes of
    a memory (empty: the cell's own).

    Raises:
        InvalidValueError: a number out of its range, or an empty name.
    """

    cells: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    seed: int = 0
    episodes: int | None = None
    split: str = "bench"
    task: str = "pick_place"
    objects: str | None = None
    scene: str | None = None
    workers: int = 1
    refs: Refs = field(default_factory=Refs)
    records: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for option, value, low, high in (
            ("seed", self.seed, 0, MOST),
            ("episodes", 1 if self.episodes is None else self.episodes, 1, MOST),
            ("workers", self.workers, 1, MOST_WORKERS),
            *(("records", size, 1, MOST_RECORDS) for size in self.records),
        ):
            if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
                raise InvalidValueError(f"--{option} {value}, expected {low} to {high}")
        for option in ("split", "task", "objects", "scene"):
            value = getattr(self, option)
            if value is not None and not value.strip():
                raise InvalidValueError(f"--{option} {value!r} is empty; leave the option out instead")


Opener = Callable[[BenchSettings], Callable[[EpisodeJob], E]]
"""A module-level function that opens what a process needs and returns the function that runs a job."""
Ending = Counted[E] | Counted[CrashedEpisode]


def seeds_of(settings: BenchSettings, count: int, first: int = 0, *, split: str | None = None) -> list[int]:
    """``count`` seeds of the range that ``settings`` name, or of ``split``, from ``first`` and the offset on.

    Raises:
        UnknownNameError: no such range. InvalidValueError: it has not as many.
    """
    name, splits = split or settings.split, load_splits()
    begin = splits.seed(name, 0)
    size = splits.seeds[name][1] - begin
    if first + settings.seed + count > size:
        room = max(0, size - first)
        raise InvalidValueError(
            f"--seed {settings.seed}, {count} episodes: range {name!r} has {room} seeds for them"
        )
    return [begin + first + settings.seed + i for i in range(count)]


class AnySuite:
    """Cells and methods to choose from, and how they are measured."""

    name = ""
    cells: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    default_cells: tuple[str, ...] = ()
    default_methods: tuple[str, ...] = ()
    paged = False  # whether there is a page to write

    def check(self, settings: BenchSettings) -> None:
        """Raise an error for wrong ``settings`` before any work starts."""
        for cell in settings.cells:
            if cell not in self.cells:
                raise UnknownNameError(f"cell of suite {self.name!r}", cell, self.cells)
        for method in settings.methods:
            if method not in self.methods:
                raise UnknownNameError(f"method of suite {self.name!r}", method, self.methods)

    def measure(self, settings: BenchSettings, out: Path, progress: BenchProgress) -> list[Cell]:
        """Run the missing episodes and sum up."""
        raise NotImplementedError

    def markdown(self, cells: Sequence[Cell]) -> str:
        """The tables of the documents, printed in place of the usual one; empty: that one is printed."""
        return ""

    def page(self, settings: BenchSettings, out: Path, report: Mapping[str, object], folder: Path) -> Path:
        """Write ``index.html`` about a finished ``report`` into ``folder``; ``out`` holds its episodes.

        Raises:
            ConfigError: this suite has no page.
        """
        raise ConfigError(f"--page: suite {self.name!r} has no page; 'vista' has one")


class Suite(AnySuite, Generic[E]):
    """Runs episodes that end in success or not, spread over processes, each counted once.

    A suite fills in the class variables, ``seeds``, ``identity`` and ``opener``.
    """

    kind: type[Episode]
    episodes: Mapping[str, int] = {}
    default_episodes = 50
    in_parent: tuple[str, ...] = ()  # cells whose episodes cannot share the machine with others
    whole = False  # a cell counts only when every episode of it ended

    def check(self, settings: BenchSettings) -> None:
        super().check(settings)
        for cell in settings.cells or self.default_cells:
            self.seeds(settings, cell, self.count(settings, cell))

    def count(self, settings: BenchSettings, cell: str) -> int:
        """How many episodes ``cell`` has."""
        return settings.episodes or self.episodes.get(cell, self.default_episodes)

    def kind_of(self, cell: str) -> type[E]:
        """The class of the episodes of ``cell``."""
        return cast("type[E]", self.kind)

    def seeds(self, settings: BenchSettings, cell: str, count: int) -> Sequence[int]:
        """The seeds of ``count`` episodes."""
        raise NotImplementedError

    def identity(self, settings: BenchSettings, cell: str, method: str) -> Mapping[str, object]:
        """Every setting that could change an episode of this cell and method, as plain values. The code and
        the libraries count for every suite and need not be told."""
        raise NotImplementedError

    def opener(self, cell: str) -> Opener[E]:
        """The function that opens a process for the episodes of ``cell``."""
        raise NotImplementedError

    def describe(self, found: Sequence[Counted[E]]) -> Cell:
        """The numbers of a cell beside its success rate."""
        return {}

    def measure(self, settings: BenchSettings, out: Path, progress: BenchProgress) -> list[Cell]:
        return [self._cell(*found) for found in self.collect(settings, out, progress)]

    def collect(
        self, settings: BenchSettings, out: Path, progress: BenchProgress
    ) -> list[tuple[str, str, list[Ending[E]]]]:
        """Run the missing episodes. Returns cell, method and all episodes of each, in the order of the
        seeds."""
        self.check(settings)
        plan: list[tuple[str, str, list[Key]]] = []
        for cell in dict.fromkeys(settings.cells or self.default_cells):
            count = self.count(settings, cell)
            for method in dict.fromkeys(settings.methods or self.default_methods):
                told = {**self.identity(settings, cell, method), "code": code_digest()}
                mark = fingerprint({**told, "libraries": dict(libraries())})
                seeds = self.seeds(settings, cell, count)
                plan.append((cell, method, [Key(cell, method, s, mark) for s in seeds]))
        with Results(out) as results:
            keys = [key for _, _, mine in plan for key in mine]
            missing = [key for key in keys if key not in results]
            progress.start(len(keys), len(keys) - len(missing))
            for cell in dict.fromkeys(key.cell for key in missing):
                mine = {EpisodeJob(k.cell, k.method, k.seed): k for k in missing if k.cell == cell}
                workers = 1 if cell in self.in_parent else settings.workers
                kept = any(key in results for key in keys)
                with Tolerance(results, mine, progress, kept=kept, strict=self.whole) as tolerance:
                    for job, result in attempts(self.opener(cell), settings, list(mine), workers):
                        tolerance.add(job, result)
            found: list[tuple[str, str, list[Ending[E]]]] = []
            for cell, method, here in plan:
                ended = (results.get(key, self.kind_of(cell)) for key in here)
                found.append((cell, method, [each for each in ended if each is not None]))
            return found

    def _cell(self, cell: str, method: str, found: Sequence[Ending[E]]) -> Cell:
        """The row of a cell. An episode that crashed counts as failed and as nothing else."""
        whole = sound(found)
        told = self.describe(whole) if whole or not found else {}
        base = summary(cell, method, cast("Sequence[Counted[Episode]]", found))
        if len(whole) == len(found):
            return {**base, **told}
        failures = Counter(each.episode.failure_name for each in found if not each.success)
        recounted: Cell = {
            "failures": dict(failures.most_common()),
            "failed_seeds": failed_seeds(cast("Sequence[Counted[Episode]]", found)),
        }
        told |= {name: value for name, value in recounted.items() if name in told}
        return {**base, **told, "crashed": len(found) - len(whole)}


def sound(found: Sequence[Ending[E]]) -> list[Counted[E]]:
    """Those of ``found`` that have a result."""
    return [cast("Counted[E]", each) for each in found if not isinstance(each.episode, CrashedEpisode)]
