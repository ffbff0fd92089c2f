"""The data of a recipe, made from seeds in the simulator where it is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from vista.learning.recipes import DataPart, Recipe
from vista.learning.shards import Maker, generate, shard_folders
from vista.learning.splits import load_splits
from vista.learning.workers import BACKENDS
from vista_sim.tasks import find_task


def maker_of(part: DataPart) -> Maker:
    """The function that makes the shards of ``part`` from seeds.

    Raises:
        UnknownNameError: no such task.
    """
    find_task(part.task)
    if part.kind == "pairs":
        from vista_sim.generate.pairs import make_pairs
        from vista_sim.generate.task_pairs import make_task_pairs

        return make_pairs if part.task == "pick_place" else partial(make_task_pairs, task=part.task)
    from vista_sim.generate.demos import make_demonstrations
    from vista_sim.generate.task_demos import make_task_demonstrations

    recovery = part.kind == "recoveries"
    if part.task == "pick_place":
        return partial(make_demonstrations, recovery=recovery)
    return partial(make_task_demonstrations, task=part.task, recovery=recovery)


def make_data(
    recipe: Recipe,
    given: Path | None,
    base: Path,
    scenes: int | None,
    workers: int | None,
    *,
    smoke: bool = False,
    backend: str = BACKENDS[0],
    suffix: str = "",
) -> Path:
    """The folder with the data of ``recipe``; missing data is made.

    Args:
        given: A folder that is used as it is if it holds shards, else filled with the first part.
        base: Where the folders of the parts are, each named by its kind.
        scenes: Instead of the recipe's number, shared out among the parts as there.
        suffix: Of the folder in which the parts are put together.

    Raises:
        ConfigError: the folder holds data of another kind or other seeds.
    """
    if given is not None and any(given.glob("shard*")):
        return given
    total = sum(part.scenes for part in recipe.data)
    parts = []
    for part in recipe.data:
        if smoke:
            part = replace(part, scenes=recipe.smoke.scenes, shard_size=recipe.smoke.shard_size)
        if scenes is not None:
            part = replace(part, scenes=max(1, scenes * part.scenes // total) if not smoke else scenes)
        parts.append(part)
    if given is not None:
        return _part(parts[0], given, workers, backend)
    folders = [_part(part, base / part.folder, workers, backend) for part in parts]
    if len(folders) == 1:
        return folders[0]
    counts = [-(-part.scenes // part.shard_size) for part in parts]
    return _join(folders, counts, base / (recipe.name.partition("-")[0] + suffix))


def _part(part: DataPart, folder: Path, workers: int | None, backend: str) -> Path:
    splits = load_splits()
    first = splits.seed(part.seeds, part.offset)
    splits.seed(part.seeds, part.offset + part.scenes - 1)
    seeds = range(first, first + part.scenes)
    return generate(
        folder, maker_of(part), seeds, kind=part.folder, shard_size=part.shard_size, workers=workers,
        backend=backend,
    )  # fmt: skip


def _join(folders: Sequence[Path], counts: Sequence[int], target: Path) -> Path:
    """One folder of links to the first ``counts`` shards of each of ``folders``."""
    target.mkdir(parents=True, exist_ok=True)
    for folder, count in zip(folders, counts, strict=True):
        for shard in shard_folders(folder, count):
            link = target / f"{shard.name}-{folder.name}"
            if not link.is_symlink():
                link.symlink_to(shard.resolve(), target_is_directory=True)
    return target
