"""Train a part of the stack, making its data from seeds first where it is missing.

Without options it reproduces what ships (config/models/*.yaml). An interrupted run goes on where it was.
"""

from __future__ import annotations

import argparse
import math
import shutil
from dataclasses import replace
from pathlib import Path

from vista.assembly.training import PARTS, TrainingOrder, home, recipe_of_method, training_of
from vista.errors import ConfigError, InvalidValueError, UnknownNameError
from vista.graph.checks import possible_folder
from vista.learning.recipes import load_recipe
from vista.learning.workers import BACKENDS
from vista.messages.plain_text import plain


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``vista train``."""
    add = parser.add_argument
    add("what", metavar="WHAT", help=f"one of: {', '.join(PARTS)}")
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
        help="input of the executor: ours (goal image), named (and the subtask), subtask, text",
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


def main(args: argparse.Namespace) -> int:
    """Make data, train, and say where the model is."""
    if args.what not in PARTS:
        raise UnknownNameError("part to train", args.what, PARTS)
    recipe = load_recipe(args.what.replace("-", "_"))
    if args.method != "ours":
        recipe = recipe_of_method(recipe, args.method)
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
    from vista_bench.training_data import make_data

    data = make_data(recipe, args.data, base / "data", args.scenes, args.workers, smoke=args.smoke,
                     backend=args.backend, suffix="-long" if stage.data == "long" else "")  # fmt: skip
    order = TrainingOrder(args.what, args.method, base, args.start, args.world_model, args.workers)
    training = training_of(order, stage, data)

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
