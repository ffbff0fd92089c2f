"""What a suite is: cells and methods to choose from, and how one episode of them is run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vista.errors import ConfigError, InvalidValueError, UnknownNameError
from vista.learning.splits import load_splits
from vista.learning.workers import attempts
from vista_bench.episode import Refs
from vista_bench.fingerprint import code_digest, fingerprint, libraries
from vista_bench.results import Key, Record, Results, summary
from vista_bench.tolerance import Tolerance, crashes

Cell = dict[str, object]
MOST = 10**6
MOST_WORKERS = 1024
MOST_RECORDS = 10**8


@dataclass(frozen=True, slots=True)
class Settings:
    """The arguments of one bench; ``seed`` is an offset into the range ``split``; ``records`` are sizes of
    a memory (empty: the cell's own).

    Raises:
        InvalidValueError: a number that means nothing, or would mean everything; an empty name.
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


@dataclass(frozen=True, slots=True)
class Job:
    """One episode of one cell and method."""

    cell: str
    method: str
    seed: int

    def __str__(self) -> str:
        return f"{self.cell}, {self.method}, seed {self.seed}"


def seeds_of(settings: Settings, count: int, first: int = 0, *, split: str | None = None) -> list[int]:
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


class Progress:
    """What a suite tells while it runs; this one tells nobody."""

    def start(self, total: int, done: int) -> None: ...

    def step(self, job: Job, record: Record) -> None: ...


class Suite:
    """Runs episodes that end in success or not, spread over processes, each counted once.

    A suite fills in the class variables, ``seeds``, ``identity`` and ``opener``; one that measures something
    else overrides ``measure``.
    """

    name = ""
    cells: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    default_cells: tuple[str, ...] = ()
    default_methods: tuple[str, ...] = ()
    episodes: Mapping[str, int] = {}
    default_episodes = 50
    in_parent: tuple[str, ...] = ()  # cells whose episodes cannot share the machine with others
    whole = False  # a cell counts only when every episode of it ended
    paged = False  # whether there is a page to write
    resumes = True  # whether it has episodes with seeds, which are kept

    def check(self, settings: Settings) -> None:
        """Raise what is wrong with ``settings`` before any work starts."""
        for cell in settings.cells:
            if cell not in self.cells:
                raise UnknownNameError(f"cell of suite {self.name!r}", cell, self.cells)
        for method in settings.methods:
            if method not in self.methods:
                raise UnknownNameError(f"method of suite {self.name!r}", method, self.methods)
        if self.resumes:
            for cell in settings.cells or self.default_cells:
                self.seeds(settings, cell, self.count(settings, cell))

    def count(self, settings: Settings, cell: str) -> int:
        """How many episodes ``cell`` has."""
        return settings.episodes or self.episodes.get(cell, self.default_episodes)

    def seeds(self, settings: Settings, cell: str, count: int) -> Sequence[int]:
        """The seeds of ``count`` episodes."""
        raise NotImplementedError

    def identity(self, settings: Settings, cell: str, method: str) -> Mapping[str, object]:
        """Every setting that could change an episode of this cell and method, as plain values. The code and
        the libraries count for every suite and need not be told."""
        raise NotImplementedError

    def opener(self, cell: str) -> Callable[[Settings], Callable[[Job], Record]]:
        """A module-level function that opens what a process needs and returns what runs a job."""
        raise NotImplementedError

    def describe(self, records: Sequence[Record]) -> Cell:
        """What a cell of this suite tells beside its success rate."""
        return {}

    def measure(self, settings: Settings, out: Path, progress: Progress) -> list[Cell]:
        """Run what is missing and sum up."""
        return [self._cell(*found) for found in self.collect(settings, out, progress)]

    def collect(
        self, settings: Settings, out: Path, progress: Progress
    ) -> list[tuple[str, str, list[Record]]]:
        """Run what is missing; cell, method and all episodes of each, in the order of the seeds."""
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
            missing = [key for key in keys if results.get(key) is None]
            progress.start(len(keys), len(keys) - len(missing))
            for cell in dict.fromkeys(key.cell for key in missing):
                mine = {Job(k.cell, k.method, k.seed): k for k in missing if k.cell == cell}
                workers = 1 if cell in self.in_parent else settings.workers
                kept = any(results.get(key) is not None for key in keys)
                with Tolerance(results, mine, progress, kept=kept, strict=self.whole) as tolerance:
                    for job, result in attempts(self.opener(cell), settings, list(mine), workers):
                        tolerance.add(job, result)
            return [
                (cell, method, [r for k in mine if (r := results.get(k)) is not None])
                for cell, method, mine in plan
            ]

    def page(self, settings: Settings, out: Path, report: Mapping[str, object], folder: Path) -> Path:
        """Write ``index.html`` about a finished ``report`` into ``folder``; ``out`` holds its episodes.

        Raises:
            ConfigError: this suite has no page.
        """
        raise ConfigError(f"--page: suite {self.name!r} has no page; 'vista' has one")

    def _cell(self, cell: str, method: str, records: Sequence[Record]) -> Cell:
        """What is told of a cell. An episode that crashed has failed; there is nothing more to tell of it."""
        broken = crashes(records)
        if not broken:
            return {**summary(cell, method, records), **self.describe(records)}
        whole = [record for record in records if record not in broken]
        told = self.describe(whole) if whole else {}
        failures = Counter(str(r.get("failure", "failed")) for r in records if not r["success"])
        recounted = {
            "failures": dict(failures.most_common()),
            "failed_seeds": [r["seed"] for r in records if not r["success"]],
        }
        told |= {name: value for name, value in recounted.items() if name in told}
        return {**summary(cell, method, records), **told, "crashed": len(broken)}
