"""How each model that ships is made: ``config/models/*.yaml`` as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from vista.errors import ConfigError, UnknownNameError
from vista.files.resources import resource_path
from vista.files.settings import from_options
from vista.files.yaml_file import read_yaml
from vista.values import shown

KINDS = ("demonstrations", "recoveries", "pairs")
ENTRIES = ("out", "data", "stages", "smoke", "long")


@dataclass(frozen=True, slots=True)
class DataPart:
    """``scenes`` seeds of the range ``seeds`` from ``offset`` on, made into shards of ``shard_size``."""

    kind: str
    seeds: str
    scenes: int
    shard_size: int
    offset: int = 0
    task: str = "pick_place"

    @property
    def folder(self) -> str:
        """Its folder, below the folder of all data."""
        return self.kind if self.task == "pick_place" else f"{self.kind}-{self.task}"


@dataclass(frozen=True, slots=True)
class TrainingStage:
    """One training run; ``start``: folder of the weights it begins with; ``imagined``: share of its goals;
    ``delayed``: share of its samples with images older than their pose; ``data``: what of the recipe;
    ``out``: where the model goes, if not where the recipe says; ``chunk_head``, ``padding``, ``offset``,
    ``told``: of the executor, for comparisons (``ExecutorTraining``, ``GoalVLAConfig``)."""

    steps: int
    lr: float
    ema: float = 0.995
    batch: int | None = None
    imagined: float | None = None
    delayed: float | None = None
    start: str | None = None
    data: str = "data"
    out: str | None = None
    chunk_head: str | None = None
    padding: bool = True
    offset: bool = True
    told: str | None = None


@dataclass(frozen=True, slots=True)
class Smoke:
    """The sizes of a short training that only tests the pipeline."""

    scenes: int
    shard_size: int
    steps: int
    batch: int | None = None


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that makes one model; ``out`` and ``start`` are as in the source tree.

    ``data``: what ships is made of; ``long``: that of the longer tasks, for stages that say so.
    """

    name: str
    out: str
    data: tuple[DataPart, ...]
    stages: Mapping[str, TrainingStage]
    smoke: Smoke
    long: tuple[DataPart, ...] = ()


def load_recipe(name: str) -> Recipe:
    """The recipe ``config/models/<name>.yaml``.

    Raises:
        UnknownNameError: none of that name. ConfigError: a missing, unknown or malformed entry.
    """
    folder = resource_path("config/models")
    path = folder / f"{name}.yaml"
    known = sorted(p.stem for p in folder.glob("*.yaml"))
    if name not in known:
        raise UnknownNameError("model", name, known)
    data = read_yaml(path, "recipe")
    if not isinstance(data, dict):
        raise ConfigError(f"recipe {path}: {shown(data)}, expected a mapping with {', '.join(ENTRIES)}")
    for entry in data:
        if entry not in ENTRIES:
            raise ConfigError(f"recipe {path}: unknown entry {shown(entry)}; known: {', '.join(ENTRIES)}")
    recipe = from_options(Recipe, {"name": name, **data}, f"recipe {path}")
    _check(path, recipe)
    return recipe


def _check(path: Path, recipe: Recipe) -> None:
    if not recipe.data or not recipe.stages:
        raise ConfigError(f"{path}: 'data' and 'stages' need at least one entry")
    for part in (*recipe.data, *recipe.long):
        if part.kind not in KINDS:
            raise UnknownNameError(f"kind of data in {path}", part.kind, KINDS)
    for stage in recipe.stages.values():
        known = ("data", "long") if recipe.long else ("data",)
        if stage.data not in known:
            raise UnknownNameError(f"data of a stage in {path}", stage.data, known)
    parts = (*recipe.data, *recipe.long)
    entries: list[DataPart | TrainingStage | Smoke] = [*parts, *recipe.stages.values(), recipe.smoke]
    for entry in entries:
        for name, value in asdict(entry).items():
            if (
                isinstance(value, int | float)
                and not isinstance(value, bool)
                and value <= 0
                and name != "offset"
            ):
                raise ConfigError(f"{path}: {name} {value}, expected above 0")
