"""The results of a bench: one JSON line an episode, counted once, kept through kills."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from vista.errors import ConfigError

Record = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Key:
    """What an episode is counted by; ``fingerprint`` stands for every setting that could change it."""

    cell: str
    method: str
    seed: int
    fingerprint: str


def wilson(successes: int, n: int) -> tuple[float, float]:
    """95 % Wilson interval of a success rate; (0, 1) where nothing was counted."""
    from scipy.stats import binomtest

    if n == 0:
        return 0.0, 1.0
    interval = binomtest(successes, n).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def summary(cell: str, method: str, records: Sequence[Record]) -> dict[str, object]:
    """What every cell of every report holds: ``n``, ``success_rate`` and its ``interval``."""
    n, good = len(records), sum(bool(r["success"]) for r in records)
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
        self._records: dict[Key, Record] = {}
        self._file.seek(0)
        data = self._file.read()
        whole = data.rfind(b"\n") + 1
        lines = data[:whole].splitlines(keepends=True)
        while lines and b"\0" in lines[-1]:  # what a lost power supply leaves of a block
            whole -= len(lines.pop())
        if whole != len(data):
            self._file.truncate(whole)
        for number, line in enumerate(lines, 1):
            try:
                key, record = _read(line)
            except (ValueError, KeyError, TypeError, ArithmeticError, RecursionError) as error:
                self._file.close()
                raise ConfigError(f"{self.path} line {number} is not a result; delete or mend it") from error
            self._records.setdefault(key, record)

    def get(self, key: Key) -> Record | None:
        """The result of ``key``, None if there is none yet."""
        return self._records.get(key)

    def add(self, key: Key, record: Record) -> None:
        """Keep a result; it is on the disk when this returns. A key that is there already stays as it is."""
        if key in self._records:
            return
        line = {"cell": key.cell, "method": key.method, "seed": key.seed, "fingerprint": key.fingerprint}
        self._records[key] = {**line, **record}
        self._write(json.dumps(self._records[key]).encode() + b"\n")

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


def _read(line: bytes) -> tuple[Key, Record]:
    """One line of the file; whatever it holds else is an error of some kind."""
    record = json.loads(line)
    key = Key(record["cell"], record["method"], record["seed"], record["fingerprint"])
    texts = all(isinstance(value, str) for value in (key.cell, key.method, key.fingerprint))
    if not texts or type(key.seed) is not int or type(record["success"]) is not bool:
        raise TypeError("a name, seed or success of another type")
    return key, record
