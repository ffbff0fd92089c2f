"""Imagined goals for demonstrations: the goal images that the executor would get at run time.

An executor that only saw true goal images trusts every pixel of them. Trained on imagined images of the same
scenes, too, it learns which parts of such an image are reliable.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from vista.errors import ConfigError
from vista.learning.shards import shard_folders, write_shard
from vista.learning.splits import load_splits
from vista.learning.workers import spread
from vista.skill import Relation, Skill, Verb
from vista.types import U8

PER_SEGMENT = 2
_BATCH = 16
_worker: dict[str, Any] = {}


class _Job(NamedTuple):
    """Number and folder of a shard, and where its goals go."""

    number: int
    shard: Path
    target: Path

    def __str__(self) -> str:
        return str(self.shard)


def start_rows(segment: NDArray[np.int32], index: int) -> NDArray[np.int64]:
    """Rows (S, 2) from which each segment's goal is imagined: its first, and one of its first third.

    The second is drawn from the seed range ``imagined``; ``index`` is the number of the shard.
    """
    count = int(segment.max()) + 1 if len(segment) else 0
    rng = np.random.default_rng(_seed(index, 0))
    rows = np.zeros((count, PER_SEGMENT), np.int64)
    for s in range(count):
        mine = np.flatnonzero(segment == s)
        if len(mine) == 0:
            raise ConfigError(f"segment {s} of shard {index} has no rows")
        rows[s] = mine[0], mine[int(rng.integers(max(1, len(mine) // 3)))]
    return rows


def crowded(shard: Path, texts: NDArray[np.str_]) -> NDArray[np.bool_]:
    """Which segments bool (S,) of a shard put one of several things into the same container. These keep their
    true goals: the world model shows each thing in the middle, where another one lies.

    Read from the shard's array ``crowded``; for older shards it follows from the segments' skills
    (``texts``), in each ``episode``.

    Raises:
        ConfigError: ``crowded`` does not have one entry for each segment.
    """
    file = shard / "crowded.npy"
    if file.is_file():
        found = np.load(file, allow_pickle=False).astype(bool)
        if found.shape != (len(texts),):
            raise ConfigError(f"{file}: shape {found.shape} for {len(texts)} segments")
        return np.asarray(found)
    if not (shard / "episode.npy").is_file():
        return np.zeros(len(texts), bool)
    episodes = np.load(shard / "episode.npy", allow_pickle=False)
    put: list[tuple[int, str] | None] = []
    things: dict[tuple[int, str], set[str]] = {}
    for episode, text in zip(episodes, texts, strict=True):
        skill, into = Skill.find(str(text)), None
        if skill is not None and skill.verb is Verb.PLACE and skill.relation is Relation.IN:
            into = (int(episode), skill.place)
            things.setdefault(into, set()).add(skill.thing)
        put.append(into)
    return np.array([into is not None and len(things[into]) > 1 for into in put], bool)


def _seed(index: int, sample: int) -> int:
    first, end = load_splits().seeds["imagined"]
    return first + (index * 1009 + sample) % (end - first)


def _open(world_model: str, threads: int) -> None:
    """Load the world model once per process."""
    import torch

    from vista.learning.text_encoder import TextEncoder
    from vista.world_model.pipeline import GoalImagePipeline

    torch.set_num_threads(threads)
    pipeline = GoalImagePipeline.load(world_model)
    pipeline.unet.to("cuda" if torch.cuda.is_available() else "cpu", memory_format=torch.channels_last)
    _worker.update(pipeline=pipeline, text=TextEncoder())


def _opened(world_model: str) -> Callable[[_Job], int]:
    """The function that does the jobs, for a process of one thread."""
    _open(world_model, 1)
    return _work


def _imagine(frames: U8, texts: list[str], seeds: list[int]) -> U8:
    """Goal images u8 (N, S, S, 3) for ``frames`` u8 (N, S, S, 3), one sentence and one seed each."""
    from vista.learning.tensors import to_tensor

    pipeline, text = _worker["pipeline"], _worker["text"]
    made = []
    for i in range(0, len(frames), _BATCH):
        tokens, mask = text.encode(texts[i : i + _BATCH])
        out = pipeline(to_tensor(frames[i : i + _BATCH]), tokens, mask, seeds=tuple(seeds[i : i + _BATCH]))
        pixels = ((out.images.float().cpu() + 1) * 127.5).round().clamp(0, 255).byte()
        made.append(pixels.permute(0, 2, 3, 1).numpy())
    return np.concatenate(made)


def _work(job: _Job) -> int:
    index, shard, target = job
    segment, texts = np.load(shard / "segment.npy"), np.load(shard / "text.npy")
    front = np.load(shard / "front.npy", mmap_mode="r")
    rows = start_rows(segment, index)
    if len(rows) != len(texts):
        raise ConfigError(f"{shard}: {len(texts)} sentences for {len(rows)} segments")
    frames = np.ascontiguousarray(front[rows.reshape(-1)])
    sentences = [str(t) for t in np.repeat(texts, PER_SEGMENT)]
    images = _imagine(frames, sentences, [_seed(index, k) for k in range(len(frames))])
    images = images.reshape(len(rows), PER_SEGMENT, *images.shape[1:])
    kept = crowded(shard, texts)
    if kept.any():
        images[kept] = np.load(shard / "goal.npy")[kept, None]
    write_shard(target, {"imagined": images})
    return 1


def weights_digest(folder: Path) -> str:
    """A short digest of the weights below ``folder``, to tell which model imagined a goal."""
    digest = hashlib.sha256()
    files = sorted(Path(folder).rglob("*.safetensors"))
    if not files:
        raise ConfigError(f"{folder}: no *.safetensors there")
    for path in files:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def data_digest(data: Path) -> str:
    """A short digest of the demonstrations in ``data``: goals imagined for others do not fit them."""
    digest = hashlib.sha256()
    for shard in shard_folders(Path(data)):
        for name in ("segment", "text", "ee"):
            with (shard / f"{name}.npy").open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def write_imagined(data: Path, out: Path, world_model: Path, workers: int = 1) -> Path:
    """Write ``out/<shard>/imagined.npy`` u8 (S, 2, 96, 96, 3) for every shard of demonstrations in ``data``.

    Whole shards in ``out`` are kept, so an interrupted run goes on where it stopped.

    Args:
        world_model: Folder of the pipeline that imagines.
        workers: Processes, one thread each; 1 works here, with torch's own threads.

    Raises:
        ConfigError: no demonstrations, no world model, or ``out`` holds goals of another world model.
        VistaError: a worker has died, or could not do a shard; those that are done are kept.
    """
    data, out = Path(data), Path(out)
    shards = shard_folders(data)
    meta = {"kind": "imagined goals", "world_model": weights_digest(world_model), "per_segment": PER_SEGMENT}
    out.mkdir(parents=True, exist_ok=True)
    path = out / "meta.json"
    if path.exists() and (found := json.loads(path.read_text(encoding="utf-8"))) != meta:
        raise ConfigError(
            f"{out} holds other goals ({found}), not {meta}: choose another folder or delete it"
        )
    path.write_text(json.dumps(meta), encoding="utf-8")
    made = (_Job(i, shard, out / shard.name) for i, shard in enumerate(shards))
    jobs = [job for job in made if not job.target.exists()]
    with tqdm(total=len(shards), initial=len(shards) - len(jobs), desc="imagined goals", unit="shard") as bar:
        if workers <= 1 or len(jobs) <= 1:
            if jobs:
                import torch

                _open(str(world_model), torch.get_num_threads())
            for job in jobs:
                bar.update(_work(job))
        else:
            for _, done in spread(_opened, str(world_model), jobs, workers):
                bar.update(done)
    return out
