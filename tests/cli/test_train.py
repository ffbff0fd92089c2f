"""Training from the command line: recipes, data from seeds, a smoke-size run of every part."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from vista.assembly import training
from vista.cli import main as cli
from vista.cli import train
from vista.errors import ConfigError, UnknownNameError
from vista.executor.methods import METHODS
from vista.learning.recipes import DataPart, load_recipe
from vista.learning.shards import shard_folders, write_shard
from vista_bench import training_data

NAMES = ("executor", "world_model", "detector", "planner")


@pytest.mark.parametrize("name", NAMES)
def test_every_model_has_a_recipe(name: str):
    recipe = load_recipe(name)
    assert recipe.out == f"models/{name}"
    assert "base" in recipe.stages
    for part in (*recipe.data, *recipe.long):
        assert callable(training_data.maker_of(part))


def recipe_text(kind: str, shard_size: int) -> str:
    return (
        f"out: x\ndata: [{{kind: {kind}, seeds: pairs, scenes: 1, shard_size: {shard_size}}}]\n"
        "stages: {base: {steps: 1, lr: 1}}\nsmoke: {scenes: 1, shard_size: 1, steps: 1}\n"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("out: x\n", "data"),
        (recipe_text("pairs", 0), "shard_size 0"),
        (recipe_text("films", 1), "unknown kind of data"),
        ("out: x\ndata: []\nstages: {}\nsmoke: {scenes: 1, shard_size: 1, steps: 1}\n", "at least one entry"),
        ("out: x\ndata: []\nstages: {base: {step: 1}}\nsmoke: {}\n", "unknown entry of recipe .*step"),
    ],
)  # fmt: skip
def test_a_broken_recipe_is_named(text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "executor.yaml").write_text(text)
    monkeypatch.setattr("vista.learning.recipes.resource_path", lambda _: tmp_path)
    with pytest.raises((ConfigError, UnknownNameError), match=said):
        load_recipe("executor")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["poet"], "unknown part to train 'poet'; known: detector"),
        (["detector", "--stage", "imagined"], "unknown stage of detector 'imagined'; known: base"),
        (["executor", "--backend", "slurm"], "unknown backend 'slurm'; known: processes, ray"),
        (["executor", "--steps", "0"], "--steps 0"),
        (["executor", "--minutes", "-1"], "--minutes -1"),
        (["executor", "--minutes", "nan"], "--minutes"),
        (["executor", "--minutes", "inf"], "--minutes"),
        (["planner", "--seed", "-1"], "--seed"),
        (["planner", "--seed", "9223372036854775808"], "9223372036854775808"),
        (["planner", "--start", "x"], "always trained from the beginning"),
    ],
)
def test_bad_arguments_are_one_sentence(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]):
    assert cli.main(["train", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_data_that_is_there_is_used_and_parts_are_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made: list[DataPart] = []

    def part(entry: DataPart, folder: Path, workers: int, backend: str) -> Path:
        assert (workers, backend) == (1, "ray")
        made.append(entry)
        write_shard(folder / "shard00000", {"x": np.zeros(1)})
        return folder

    monkeypatch.setattr(training_data, "_part", part)
    recipe = load_recipe("executor")
    both = (
        DataPart("demonstrations", "demonstrations", 30, 5),
        DataPart("recoveries", "demonstrations", 10, 5, 50),
    )
    recipe = type(recipe)(recipe.name, recipe.out, both, recipe.stages, recipe.smoke)
    folder = training_data.make_data(recipe, None, tmp_path, 20, 1, backend="ray")
    assert [p.scenes for p in made] == [15, 5]
    names = [p.name for p in shard_folders(folder)]
    assert names == ["shard00000-demonstrations", "shard00000-recoveries"]
    assert training_data.make_data(recipe, folder, tmp_path, 20, 1) == folder
    assert len(made) == 2


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data that all smoke trainings share."""
    return tmp_path_factory.mktemp("smoke")


def run(what: str, folder: Path, *more: str) -> Path:
    data = folder / ("demonstrations" if what == "executor" else "pairs")
    out = folder / "models" / "-".join([what, *more[1:2]])
    places = ["--data", str(data), "--out", str(out), "--checkpoints", str(out.with_name(out.name + "-run"))]
    assert cli.main(["train", what, "--smoke", "--workers", "1", *places, *more]) == 0
    assert list(out.rglob("*.safetensors"))
    assert (out / "loss.png").stat().st_size > 0
    return out


@pytest.mark.parametrize("what", ["world-model", "detector", "planner"])
def test_smoke_training(what: str, smoke: Path):
    pytest.importorskip("mujoco")
    pytest.importorskip("torch")
    assert run(what, smoke).is_dir()


def test_smoke_training_of_the_executor_and_of_one_that_goes_on_from_it(
    smoke: Path, monkeypatch: pytest.MonkeyPatch
):
    pytest.importorskip("mujoco")
    pytest.importorskip("torch")
    for module in (train, training):
        monkeypatch.setattr(module, "home", lambda: smoke)
    world_model = smoke / "models" / "world-model"
    if not world_model.exists():
        run("world-model", smoke)
    first = run("executor", smoke, "--stage", "base", "--world-model", str(world_model))
    (goals,) = (smoke / "runs" / "smoke" / "data").glob("imagined-*")
    assert list(goals.glob("shard*/imagined.npy"))
    assert json.loads((first / "config.json").read_text())["told"] == METHODS["ours"].told == "none"
    more = run("executor", smoke, "--stage", "long", "--world-model", str(world_model), "--start", str(first))
    assert json.loads((more / "config.json").read_text())["told"] == "unnamed"


@pytest.mark.parametrize("option", ["--out", "--checkpoints"])
def test_where_nothing_can_be_written_is_told_before_the_training(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "file").write_text("mine")
    for place in (tmp_path / "file", tmp_path / "file" / "below", tmp_path / ("a" * 300)):
        assert cli.main(["train", "planner", "--smoke", option, str(place)]) == 2
        assert f"{option}: " in (said := capsys.readouterr().err)
        assert "expected a folder that can be written" in said
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
