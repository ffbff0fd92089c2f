"""Writes and runs shards: one worker process per core, one folder of ``.npy`` arrays per shard."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from vista.errors import ConfigError

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


def _work(job: tuple[Maker, Sequence[int], Path]) -> int:
    maker, seeds, folder = job
    write_shard(folder, maker(seeds))
    return len(seeds)


def generate(
    folder: Path, maker: Maker, seeds: Sequence[int], *, kind: str, shard_size: int, workers: int | None = None
) -> Path:
    """Fill ``folder`` with shards for ``seeds``; shards that are there already are kept.

    Args:
        maker: Module-level function (or partial) that turns a list of seeds into arrays.
        kind: What the data is; kept in ``meta.json`` and checked on resuming.

    Raises:
        ConfigError: the folder holds data of another kind or other seeds.
    """
    meta = {"kind": kind, "first": int(seeds[0]), "shard_size": shard_size}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "meta.json"
    if path.exists() and (found := json.loads(path.read_text())) != meta:
        raise ConfigError(f"{folder} holds other data ({found}); wanted {meta}: choose another folder or delete it")
    path.write_text(json.dumps(meta))
    jobs = []
    for i in range(0, len(seeds), shard_size):
        target = folder / f"shard{i // shard_size:05d}"
        if not target.exists():
            jobs.append((maker, list(seeds[i : i + shard_size]), target))
    workers = workers or os.cpu_count() or 1
    total = sum(len(j[1]) for j in jobs)
    with tqdm(total=total, desc=f"{kind}", unit="scene", disable=total == 0) as bar:
        if workers == 1 or len(jobs) == 1:
            for job in jobs:
                bar.update(_work(job))
        else:
            # Spawned, not forked: each worker opens an OpenGL context of its own.
            with multiprocessing.get_context("spawn").Pool(workers) as pool:
                for done in pool.imap_unordered(_work, jobs):
                    bar.update(done)
    return folder


def shard_folders(folder: Path, limit: int | None = None) -> list[Path]:
    """The whole shards of ``folder`` in order (the first ``limit``); ConfigError if there are none."""
    shards = sorted(p for p in Path(folder).glob("shard*") if p.is_dir() and p.suffix != ".part")[:limit]
    if not shards:
        raise ConfigError(f"{folder}: no shards there; generate the data first")
    return shards
