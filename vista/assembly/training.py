"""Which function trains a part of the stack, by the recipe of the part."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from vista.errors import ConfigError, UnknownNameError
from vista.executor.methods import METHODS
from vista.files.resources import resource_roots
from vista.learning.recipes import Recipe, TrainingStage
from vista.robot.contract import load_robot
from vista.robot.model_fit import write_trained_for

if TYPE_CHECKING:
    from vista.learning.training import TrainConfig

CAMERAS = {
    "detector": ("front",), "planner": ("front",), "world-model": ("front",), "executor": ("front", "wrist"),
}  # fmt: skip
"""The cameras whose images each part sees."""
SHIPPED = ("detector", "planner", "world_model", "executor", "executor_long", "switcher")
"""The folders of the models that ship and move an arm."""
PARTS = ("detector", "planner", "world-model", "executor")
Training = Callable[[Path, Path, Path, "TrainConfig"], bool]
"""Takes the folders of the data, the model and the checkpoints; True when the training is complete."""


@dataclass(frozen=True, slots=True)
class TrainingOrder:
    """What is trained: ``what`` of :data:`PARTS` and, of an executor, the ``method``; ``base``: the folder
    below which data and models go; ``start``: weights to begin with; ``world_model``: the one that imagines
    goals; ``workers``: processes that imagine them; ``robot``: whose data it is."""

    what: str
    method: str
    base: Path
    start: Path | None = None
    world_model: Path | None = None
    workers: int | None = None
    robot: str = "panda"


def home() -> Path:
    """The folder of data, checkpoints and models: the source tree, or the current one where there is none."""
    root = resource_roots()[0]
    return root if (root / "pyproject.toml").is_file() else Path.cwd()


def recipe_of_method(recipe: Recipe, name: str) -> Recipe:
    """The recipe of the executor for another method, with the same number of steps in all.

    Raises:
        ConfigError: another part than the executor. UnknownNameError: no such method.
    """
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


def training_of(order: TrainingOrder, stage: TrainingStage, data: Path) -> Training:
    """The function that trains ``order.what`` on ``data``, and notes beside the weights which arm and cameras
    they are for; the goals of an executor are imagined first.

    Raises:
        ConfigError: the weights to begin with, or the world model, are not there.
    """
    train = _training_of(order, stage, data)

    def noted(data: Path, out: Path, checkpoints: Path, config: TrainConfig) -> bool:
        complete = train(data, out, checkpoints, config)
        if complete:
            write_trained_for(out, load_robot(order.robot), CAMERAS[order.what])
        return complete

    return noted


def _training_of(order: TrainingOrder, stage: TrainingStage, data: Path) -> Training:
    what = order.what
    if what == "planner":
        from vista.planner.train import train_planner

        return train_planner
    start = order.start or (home() / stage.start if stage.start else None)
    if start is not None and not start.is_dir():
        raise ConfigError(f"{what}: no weights in {start} to begin with; train the stage base first")
    if what == "detector":
        from vista.perception.train import train_detector

        return partial(train_detector, start=start)
    if what == "world-model":
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
    method = METHODS[order.method]
    training = replace(training, augment_colour=method.goal_image)
    train = partial(
        train_executor, start=start, training=training, goal_image=method.goal_image,
        told=stage.told or method.told, chunk_head=stage.chunk_head or "l1",
    )  # fmt: skip
    if stage.imagined is None:
        return train
    from vista.assembly.references import shipped
    from vista.world_model.imagined_goals import data_digest, weights_digest, write_imagined

    world_model = order.world_model or shipped("world_model")
    goals = order.base / "data" / f"imagined-{weights_digest(world_model)}-{data_digest(data)}"
    write_imagined(data, goals, world_model, order.workers or os.cpu_count() or 1)
    return partial(train, imagined=goals)
