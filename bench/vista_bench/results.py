"""The results of a bench: one JSON line an episode, counted once, kept through kills."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, cast

from vista.errors import ConfigError
from vista.files.settings import from_options


@dataclass(frozen=True, slots=True)
class Key:
    """The key of an episode; ``fingerprint`` stands for every setting that could change it."""

    cell: str
    method: str
    seed: int
    fingerprint: str


KEYS = tuple(field.name for field in dataclasses.fields(Key))


def rows_of(kind: type) -> Any:
    """A field that is a tuple of ``kind``, a dataclass whose fields stand in JSON as one list."""
    return dataclasses.field(default=(), metadata={"rows": kind})


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One episode as a bench keeps it; suites derive from it. Fields are what JSON knows, tuples and
    mappings of it, and :func:`rows_of`; None is left out."""

    success: bool

    @property
    def stop_cause(self) -> str | None:
        """Why the loop stopped the episode; None for one that ended by itself."""
        return None

    @property
    def failure_name(self) -> str:
        """Why a failed episode failed, in two or three words, by which failures are counted."""
        return "failed"

    def to_json(self) -> dict[str, object]:
        """The fields as plain values, for one JSON object."""
        told: dict[str, object] = {}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if "rows" in field.metadata:
                told[field.name] = [list(dataclasses.astuple(row)) for row in value]
            elif value is not None:
                told[field.name] = value
        return told

    @classmethod
    def from_json(cls, told: Mapping[str, object], where: str) -> Self:
        """The episode that :meth:`to_json` gave.

        Args:
            where: What holds it, for messages.

        Raises:
            ConfigError, UnknownNameError: a field is missing, unknown or of another type.
        """
        plain = dict(told)
        rows = {f.name: f.metadata["rows"] for f in dataclasses.fields(cls) if "rows" in f.metadata}
        for name, kind in rows.items():
            if name in plain:
                plain[name] = _rows(kind, plain[name], f"{where}: {name}")
        return from_options(cls, plain, where)


def _rows(kind: Any, value: object, where: str) -> list[Mapping[str, object]]:
    names = [field.name for field in dataclasses.fields(kind)]
    if not isinstance(value, list) or not all(isinstance(r, list) and len(r) == len(names) for r in value):
        raise ConfigError(f"{where}: expected lists of {', '.join(names)}")
    return [dict(zip(names, row, strict=True)) for row in value]


@dataclass(frozen=True, slots=True, kw_only=True)
class CrashedEpisode(Episode):
    """An episode that ended by an error instead of a result: a failure."""

    success: bool = False
    failure: str = "stopped"
    outcome: str = "stopped"
    cause: str
    crashed: bool = True

    @property
    def stop_cause(self) -> str | None:
        """The error."""
        return self.cause

    @property
    def failure_name(self) -> str:
        """``failure``."""
        return self.failure


E = TypeVar("E", bound=Episode)
F = TypeVar("F", bound=Episode)


@dataclass(frozen=True, slots=True)
class Counted(Generic[E]):
    """An episode and the key that it is counted by."""

    key: Key
    episode: E

    @property
    def seed(self) -> int:
        return self.key.seed

    @property
    def success(self) -> bool:
        return self.episode.success


def failed_seeds(found: Sequence[Counted[E]]) -> list[int]:
    """The seeds of the episodes that failed, in order."""
    return [each.seed for each in found if not each.success]


def wilson(successes: int, n: int) -> tuple[float, float]:
    """95 % Wilson interval of a success rate; (0, 1) where nothing was counted."""
    from scipy.stats import binomtest

    if n == 0:
        return 0.0, 1.0
    interval = binomtest(successes, n).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def rate(flags: Sequence[bool]) -> list[float] | None:
    """The share of ``flags`` that are true, and its 95 % interval; None without any."""
    return [sum(flags) / len(flags), *wilson(sum(flags), len(flags))] if flags else None


def summary(cell: str, method: str, found: Sequence[Counted[E]]) -> dict[str, object]:
    """The part that all cells of all reports share: ``n``, ``success_rate`` and its ``interval``."""
    n, good = len(found), sum(each.success for each in found)
    return {
        "cell": cell,
        "method": method,
        "n": n,
        "success_rate": good / n if n else None,
        "interval": list(wilson(good, n)),
    }


class Results:
    """The file ``episodes.jsonl`` of ``folder``; one process at a time writes to it.

    A line that was torn by a kill or a full disk is cut off when the file is opened. The first line of a key
    counts.

    Raises:
        ConfigError: another bench is writing there, a line is not a result, or nothing can be written there.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "episodes.jsonl"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("a+b", buffering=0)
        except OSError as error:
            raise ConfigError(f"--out {folder}: nothing can be written there: {error.strerror}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise ConfigError(f"another bench is writing to {folder}; choose another --out") from error
        self._told: dict[Key, Mapping[str, object]] = {}
        self._file.seek(0)
        data = self._file.read()
        whole = data.rfind(b"\n") + 1
        lines = data[:whole].splitlines(keepends=True)
        while lines and b"\0" in lines[-1]:  # the rest of a block after a lost power supply
            whole -= len(lines.pop())
        if whole != len(data):
            self._file.truncate(whole)
        for number, line in enumerate(lines, 1):
            try:
                key, told = _read(line)
            except (ValueError, KeyError, TypeError, ArithmeticError, RecursionError) as error:
                self._file.close()
                raise ConfigError(f"{self.path} line {number} is not a result; delete or mend it") from error
            self._told.setdefault(key, told)

    def __contains__(self, key: Key) -> bool:
        return key in self._told

    def get(self, key: Key, kind: type[F]) -> Counted[F] | Counted[CrashedEpisode] | None:
        """The result of ``key``, None if there is none yet.

        Raises:
            ConfigError, UnknownNameError: it is no ``kind``.
        """
        if key not in self._told:
            return None
        told, where = self._told[key], f"{self.path}: {key.cell}, {key.method}, seed {key.seed}"
        if told.get("crashed"):
            return Counted(key, CrashedEpisode.from_json(told, where))
        return Counted(key, kind.from_json(told, where))

    def add(self, key: Key, episode: Episode) -> None:
        """Keep a result; it is on the disk when this returns. A key that is there already stays as it is."""
        if key in self._told:
            return
        line = {**dataclasses.asdict(key), **episode.to_json()}
        data = json.dumps(line).encode()
        self._told[key] = _read(data)[1]
        self._write(data + b"\n")

    def _write(self, line: bytes) -> None:
        """Append ``line`` whole, or nothing of it."""
        before = os.fstat(self._file.fileno()).st_size
        try:
            left = memoryview(line)
            while left:
                left = left[self._file.write(left) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            with contextlib.suppress(OSError):  # else the torn line is cut off at the next start
                self._file.truncate(before)
            raise ConfigError(
                f"{self.path}: the result of an episode cannot be written: {error.strerror}; what was "
                "finished before is kept, and the same command goes on from there"
            ) from error

    def close(self) -> None:
        """Let another bench write."""
        self._file.close()

    def __enter__(self) -> Results:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _read(line: bytes) -> tuple[Key, Mapping[str, object]]:
    """Key and episode of one line of the file; anything else raises an error of some kind."""
    told = cast("dict[str, object]", json.loads(line))
    cell, method, seed, fingerprint = (told[name] for name in KEYS)
    texts = isinstance(cell, str) and isinstance(method, str) and isinstance(fingerprint, str)
    if not texts or type(seed) is not int or type(told["success"]) is not bool:
        raise TypeError("a name, seed or success of another type")
    key = Key(str(cell), str(method), seed, str(fingerprint))
    return key, {name: value for name, value in told.items() if name not in KEYS}
