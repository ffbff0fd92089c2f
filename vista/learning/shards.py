"""Makes and reads shards: folders of ``.npy`` arrays, one job each, spread over cores or a cluster."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from vista.errors import ConfigError, InvalidValueError
from vista.learning.weight_files import problem_in_json
from vista.learning.workers import BACKENDS, unordered
from vista.messages.plain_text import plain

Arrays = Mapping[str, NDArray[np.generic]]
Maker = Callable[[Sequence[int]], Arrays]


def write_shard(folder: Path, arrays: Arrays) -> None:
    """Write ``arrays`` to ``folder``, whole or not at all: an interrupted run leaves no half shard."""
    scratch = folder.with_name(folder.name + ".part")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    for name, array in arrays.items():
        np.save(scratch / f"{name}.npy", array)
    os.replace(scratch, folder)


@dataclass(frozen=True, slots=True)
class _Shard:
    """One shard to make. ``written`` where it is made, or handed back: a cluster shares no disk."""

    maker: Maker
    seeds: Sequence[int]
    folder: Path
    written: bool


def _make(job: _Shard) -> tuple[_Shard, Arrays | None]:
    arrays = job.maker(job.seeds)
    if not job.written:
        return job, arrays
    write_shard(job.folder, arrays)
    return job, None


def generate(
    folder: Path,
    maker: Maker,
    seeds: Sequence[int],
    *,
    kind: str,
    shard_size: int,
    workers: int | None = None,
    backend: str = BACKENDS[0],
) -> Path:
    """Fill ``folder`` with shards for ``seeds``; shards that are there already are kept.

    Args:
        maker: Module-level function (or partial) that turns a list of seeds into arrays.
        kind: What the data is; kept in ``meta.json`` and checked on resuming.
        workers, backend: See :func:`vista.learning.workers.unordered`; the data are the same.

    Raises:
        ConfigError: the folder holds data of another kind or other seeds.
    """
    meta = {"kind": kind, "first": int(seeds[0]), "shard_size": shard_size}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "meta.json"
    if path.exists() and (problem := problem_in_json(path)) is not None:
        raise ConfigError(f"{problem}: choose another folder or delete it")
    if path.exists() and (found := json.loads(path.read_text(encoding="utf-8-sig"))) != meta:
        raise ConfigError(
            f"{folder} holds other data ({found}); wanted {meta}: choose another folder or delete it"
        )
    path.write_text(json.dumps(meta))
    jobs = []
    for i in range(0, len(seeds), shard_size):
        target = folder / f"shard{i // shard_size:05d}"
        if not target.exists():
            jobs.append(_Shard(maker, list(seeds[i : i + shard_size]), target, backend == BACKENDS[0]))
    total = sum(len(job.seeds) for job in jobs)
    with tqdm(total=total, desc=f"{kind}", unit="scene", disable=total == 0) as bar:
        for job, arrays in unordered(_make, jobs, workers, backend) if jobs else ():
            if arrays is not None:
                write_shard(job.folder, arrays)
            bar.update(len(job.seeds))
    return folder


def shard_folders(folder: Path, limit: int | None = None) -> list[Path]:
    """The whole shards of ``folder`` in order (the first ``limit``); ConfigError if there are none."""
    shards = sorted(p for p in Path(folder).glob("shard*") if p.is_dir() and p.suffix != ".part")[:limit]
    if not shards:
        raise ConfigError(f"{folder}: no shards there; generate the data first")
    return shards


def load_arrays(shard: Path, keys: Sequence[str]) -> dict[str, NDArray[Any]]:
    """The arrays ``keys`` of one shard. Raises ConfigError naming the file that is missing or unreadable."""
    arrays = {}
    for key in keys:
        file = shard / f"{key}.npy"
        if not file.is_file():
            raise ConfigError(f"{shard}: lacks {key}.npy")
        try:
            array = np.load(file, allow_pickle=False)
        except Exception as error:  # a header may hold anything: more bytes than there are, half a sentence
            why = plain(str(error), 200)
            raise ConfigError(f"{file}: not a whole array of numbers or text: {why}") from error
        if not isinstance(array, np.ndarray) or array.ndim == 0:
            raise ConfigError(f"{file}: not a whole array of numbers or text: expected one with rows")
        arrays[key] = array
    return arrays


def check_frames(shard: Path, arrays: Arrays, keys: Sequence[str], size: int) -> None:
    """Raise ConfigError, naming the file, unless ``keys`` are u8 (N, size, size, 3)."""
    for key in keys:
        frames = arrays[key]
        if frames.dtype != np.uint8 or frames.shape[1:] != (size, size, 3):
            raise ConfigError(
                f"{shard}/{key}.npy: frames {frames.dtype} {frames.shape[1:]}, "
                f"wanted uint8 ({size}, {size}, 3)"
            )


def check_lengths(shard: Path, arrays: Arrays, keys: Sequence[str]) -> None:
    """Raise ConfigError, naming the file, unless ``keys`` have as many rows as the first of them."""
    wanted = len(arrays[keys[0]])
    for key in keys[1:]:
        if len(arrays[key]) != wanted:
            raise ConfigError(
                f"{shard}/{key}.npy: {len(arrays[key])} rows, {keys[0]}.npy has {wanted}: mixed sizes"
            )


def check_finite(shard: Path, arrays: Arrays, keys: Sequence[str]) -> None:
    """Raise InvalidValueError, naming file and row, if one of ``keys`` holds NaN or infinity."""
    for key in keys:
        array = _numbers(shard, key, arrays[key]).astype(np.float64)
        bad = np.flatnonzero(~np.isfinite(array.reshape(len(array), -1)).all(1))
        if len(bad):
            raise InvalidValueError(f"{shard}/{key}.npy: not finite at row {bad[0]}")


def _numbers(shard: Path, key: str, array: NDArray[Any], kinds: str = "biuf") -> NDArray[Any]:
    if array.dtype.kind not in kinds:
        wanted = "numbers" if "f" in kinds else "whole numbers"
        raise InvalidValueError(f"{shard}/{key}.npy: holds {array.dtype}, expected {wanted}")
    return array


def check_indices(shard: Path, arrays: Arrays, keys: Sequence[str], into: str) -> None:
    """Raise InvalidValueError, naming file and row, if one of ``keys`` points outside of array ``into``."""
    end = len(arrays[into])
    for key in keys:
        index = _numbers(shard, key, arrays[key], "iu").astype(np.int64)
        bad = np.flatnonzero((index < 0) | (index >= end))
        if len(bad):
            raise InvalidValueError(
                f"{shard}/{key}.npy: row {bad[0]} points at {index[bad[0]]}, {into}.npy has {end} rows"
            )
