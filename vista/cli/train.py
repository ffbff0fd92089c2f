"""Train a part of the stack, making its data from seeds first where it is missing.

Without options it reproduces what ships (config/models/*.yaml). An interrupted run goes on where it was.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from vista.errors import ConfigError, InvalidValueError, UnknownNameError
from vista.executor.methods import METHODS
from vista.files.resources import resource_roots
from vista.graph.checks import possible_folder
from vista.learning.recipes import DataPart, Recipe, Stage, load_recipe
from vista.learning.shards import Maker, generate, shard_folders
from vista.learning.splits import load_splits
from vista.learning.spread import BACKENDS
from vista.messages.plain_text import plain

if TYPE_CHECKING:
    from vista.learning.training import TrainConfig

WHAT = ("detector", "planner", "world-model", "executor")
Training = Callable[[Path, Path, Path, "TrainConfig"], bool]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``vista train``."""
    add = parser.add_argument
    add("what", metavar="WHAT", help=f"one of: {', '.join(WHAT)}")
    add(
        "--stage",
        default="base",
        metavar="NAME",
        help="base; then long: with stack, drawer and search; executor: some more to compare",
    )
    add(
        "--method",
        default="ours",
        metavar="NAME",
        help="executor: what it is shown and told: ours (goal image), named (subtask, too), subtask, text",
    )
    add("--smoke", action="store_true", help="a few scenes and steps into runs/smoke: does everything fit?")
    add("--steps", type=int, metavar="N", help="steps in all")
    add("--minutes", type=float, metavar="M", help="stop after that long; the same command goes on")
    add("--workers", type=int, metavar="N", help="how many make data at once (default: all cores)")
    add("--backend", default=BACKENDS[0], metavar="NAME",
        help="who makes data: processes, or ray (the cluster at RAY_ADDRESS, else this machine)")  # fmt: skip
    add("--scenes", type=int, metavar="N", help="scenes of data")
    add("--seed", type=int, default=0, help="of the weights and the batches (default 0)")
    add("--data", type=Path, metavar="DIR", help="data that is there, or where to make it")
    add("--out", type=Path, metavar="DIR", help="where the model goes (default: where the shipped one is)")
    add("--checkpoints", type=Path, metavar="DIR", help="where an interrupted run is kept")
    add("--start", type=Path, metavar="DIR", help="weights to begin with (not for a planner)")
    add("--world-model", type=Path, metavar="DIR", help="what imagines the goals of the executor")
    add("--fresh", action="store_true", help="forget the checkpoint and begin anew")


def home() -> Path:
    """Where data, checkpoints and models go by default: the source tree, or here when there is none."""
    root = resource_roots()[0]
    return root if (root / "pyproject.toml").is_file() else Path.cwd()


def main(args: argparse.Namespace) -> int:
    """Make data, train, and say where the model is."""
    if args.what not in WHAT:
        raise UnknownNameError("part to train", args.what, WHAT)
    recipe = load_recipe(args.what.replace("-", "_"))
    if args.method != "ours":
        recipe = _other_method(recipe, args.method)
    if args.stage not in recipe.stages:
        raise UnknownNameError(f"stage of {args.what}", args.stage, recipe.stages)
    for name in ("steps", "minutes", "workers", "scenes"):
        value = getattr(args, name)
        if value is not None and not 0 < value < math.inf:
            raise InvalidValueError(f"--{name} {value:g}, expected a finite number above 0")
    if not 0 <= args.seed < 2**63:
        raise InvalidValueError(f"--seed {args.seed}, expected 0 to {2**63 - 1}")
    if args.backend not in BACKENDS:
        raise UnknownNameError("backend", args.backend, BACKENDS)
    if args.start is not None and args.what == "planner":
        raise ConfigError("--start: a planner is always trained from the beginning")
    stage = recipe.stages[args.stage]
    if stage.data == "long":
        recipe = replace(recipe, data=recipe.long)
    if args.smoke:
        stage = replace(stage, steps=recipe.smoke.steps, batch=recipe.smoke.batch)
    stage = replace(stage, steps=args.steps or stage.steps)

    base = home() / "runs" / "smoke" if args.smoke else home()
    name = recipe.name if args.stage == "base" else f"{recipe.name}-{args.stage}"
    out: Path = args.out or base / (stage.out or recipe.out)
    checkpoints: Path = args.checkpoints or base / "checkpoints" / name
    possible_folder("--out", out)
    possible_folder("--checkpoints", checkpoints)
    if args.fresh and checkpoints.is_dir():
        if any(checkpoints.iterdir()) and not (checkpoints / "settings.json").is_file():
            raise ConfigError(f"--fresh: {checkpoints} holds no checkpoint; it is left as it is")
        shutil.rmtree(checkpoints, ignore_errors=True)
    data = make_data(recipe, args.data, base / "data", args.scenes, args.workers, smoke=args.smoke,
                     backend=args.backend, suffix="-long" if stage.data == "long" else "")  # fmt: skip
    training = _training(args, stage, data, base, out)

    from vista.learning.training import TrainConfig

    config = TrainConfig(
        stage.steps, stage.lr, ema=stage.ema, seed=args.seed, minutes=args.minutes,
        warmup=min(50, max(1, stage.steps // 4)),
    )  # fmt: skip
    complete = training(data, out, checkpoints, config)
    if not complete:
        where = plain(str(checkpoints))
        print(f"{args.what}: stopped after {args.minutes:g} min; the same command goes on ({where})")
        return 0
    if (checkpoints / "loss.png").is_file():
        shutil.copyfile(checkpoints / "loss.png", out / "loss.png")
    size = sum(p.stat().st_size for p in out.rglob("*.safetensors")) / 1e6
    print(f"{args.what}: {stage.steps} steps done; the model is in {plain(str(out))} ({size:.1f} MB)")
    return 0


def _other_method(recipe: Recipe, name: str) -> Recipe:
    """The recipe of the executor for another method, with the same number of steps in all."""
    if recipe.name != "executor":
        raise ConfigError(f"--method {name}: there is one kind of {recipe.name}")
    if name not in METHODS:
        raise UnknownNameError("method", name, METHODS)
    method, stages = METHODS[name], recipe.stages
    ships = [stage for stage in stages.values() if stage.data == "data" and stage.out is None]
    mine = {"base": replace(stages["base"], steps=sum(stage.steps for stage in ships), told=None)}
    mine |= {k: replace(s, start=method.folder, out=method.long_folder, told=None)
             for k, s in stages.items() if s.data == "long"}  # fmt: skip
    if not method.goal_image:  # it is shown nothing that could be imagined
        mine = {k: replace(s, imagined=None, delayed=None) for k, s in mine.items()}
    return replace(recipe, name=f"executor-{name}", out=method.folder, stages=mine)


def _training(args: argparse.Namespace, stage: Stage, data: Path, base: Path, out: Path) -> Training:
    """The function that trains ``args.what``, with everything bound that only it knows."""
    if args.what == "planner":
        from vista.planner.train import train_planner

        return train_planner
    start = args.start or (home() / stage.start if stage.start else None)
    if start is not None and not start.is_dir():
        raise ConfigError(f"{args.what}: no weights in {start} to begin with; train the stage base first")
    if args.what == "detector":
        from vista.perception.train import train_detector

        return partial(train_detector, start=start)
    if args.what == "world-model":
        from vista.world_model.train import WorldModelTraining, train_world_model

        how = WorldModelTraining() if stage.batch is None else WorldModelTraining(batch=stage.batch)
        return partial(train_world_model, start=start, training=how)
    from vista.executor.train import ExecutorTraining, train_executor

    usual = ExecutorTraining()
    training = replace(
        usual,
        batch=stage.batch or usual.batch,
        imagined=stage.imagined or usual.imagined,
        delayed=stage.delayed or usual.delayed,
        offset=usual.offset if stage.offset else 0.0,
        padding=stage.padding,
    )
    method = METHODS[args.method]
    training = replace(training, augment_colour=method.goal_image)
    train = partial(
        train_executor, start=start, training=training, goal_image=method.goal_image,
        told=stage.told or method.told, chunk_head=stage.chunk_head or "l1",
    )  # fmt: skip
    if stage.imagined is None:
        return train
    from vista.assembly.references import shipped
    from vista.world_model.imagined_goals import data_digest, weights_digest, write_imagined

    world_model = args.world_model or shipped("world_model")
    goals = base / "data" / f"imagined-{weights_digest(world_model)}-{data_digest(data)}"
    write_imagined(data, goals, world_model, args.workers or os.cpu_count() or 1)
    return partial(train, imagined=goals)


def _maker(part: DataPart) -> Maker:
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
    """The folder with the data of ``recipe``; what is missing is made.

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
        folder, _maker(part), seeds, kind=part.folder, shard_size=part.shard_size, workers=workers,
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
