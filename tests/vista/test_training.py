"""The training loop all learned parts share: interrupted or not, the same weights come out."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from vista.errors import ConfigError
from vista.learning.training import Batch, DivergedError, TrainConfig, fit

CONFIG = TrainConfig(6, lr=1e-2, warmup=2, save_every=3, seed=5)


class Toy(nn.Module):
    """A convolution, a norm and a linear layer: what the real networks are made of."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.GroupNorm(2, 8)
        self.out = nn.Linear(8, 2)
        self.register_buffer("calls", torch.zeros((), dtype=torch.long))

    def forward(self, x: Tensor) -> Tensor:
        return self.out(torch.relu(self.norm(self.conv(x))).mean((2, 3)))


class Batches:
    """Random images; raises ``error`` when it is asked for the ``stop_at``-th time."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.asked, self.stop_at = 0, stop_at
        self.seen: list[float] = []

    def __call__(self, rng: np.random.Generator) -> Batch:
        if self.asked == self.stop_at:
            raise KeyboardInterrupt
        self.asked += 1
        x = torch.from_numpy(rng.normal(size=(4, 3, 8, 8))).float()
        self.seen.append(float(x.sum()))
        return {"x": x, "y": x.mean((2, 3))[:, :2]}


def loss(model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, float]]:
    value = (model(batch["x"]) - batch["y"]).square().mean()
    return value, {"error": float(value.detach())}


def toy() -> Toy:
    torch.manual_seed(0)
    return Toy()


def run(folder: Path, config: TrainConfig = CONFIG, stop_at: int | None = None):
    batches = Batches(stop_at)
    model, losses, complete = fit(toy(), batches, loss, config, folder, "toy")
    return model.state_dict(), losses, complete, batches


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory):
    """One run of all steps, never interrupted."""
    return run(tmp_path_factory.mktemp("straight"))


def test_learns(tmp_path: Path):
    _, losses, complete, _ = run(tmp_path, replace(CONFIG, steps=60, save_every=60))
    assert complete
    assert len(losses) == 60
    assert np.mean(losses[-5:]) < 0.3 * np.mean(losses[:5])
    assert (tmp_path / "loss.png").stat().st_size > 1000


def test_a_killed_run_goes_on_as_if_nothing_had_happened(tmp_path: Path, straight):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, stop_at=4)  # one step beyond the checkpoint, which is lost
    weights, losses, complete, batches = run(tmp_path)
    assert complete
    assert batches.seen == straight[3].seen[3:]
    assert losses == straight[1]
    assert same(weights, straight[0])


@pytest.mark.parametrize("precision", ["bf16", "no"])
def test_a_run_stopped_by_the_clock_after_each_step_does_too(tmp_path: Path, precision: str):
    config = replace(CONFIG, precision=precision, steps=4)
    straight = run(tmp_path / "straight", config)
    short, tmp_path = replace(config, minutes=0.0), tmp_path / "stopped"
    for _ in range(3):
        *_, complete, batches = run(tmp_path, short)
        assert not complete
        assert batches.asked == 1
    weights, losses, complete, _ = run(tmp_path, short)
    assert complete
    assert losses == straight[1]
    assert same(weights, straight[0])


def test_a_complete_run_is_not_trained_further(tmp_path: Path, straight):
    run(tmp_path)
    weights, losses, complete, batches = run(tmp_path)
    assert complete
    assert batches.asked == 0
    assert losses == straight[1]
    assert same(weights, straight[0])


@pytest.mark.parametrize(
    "change", [{"steps": 9}, {"lr": 1e-3}, {"seed": 6}, {"ema": 0.9}, {"precision": "no"}]
)
def test_a_checkpoint_of_other_settings_is_refused(tmp_path: Path, change: dict[str, object]):
    short = replace(CONFIG, minutes=0.0)
    run(tmp_path, short)
    kept = (tmp_path / "settings.json").read_text()
    with pytest.raises(ConfigError, match=next(iter(change))) as caught:
        run(tmp_path, replace(short, **change))  # type: ignore[arg-type]
    assert str(tmp_path) in str(caught.value)
    assert (tmp_path / "settings.json").read_text() == kept


def test_how_long_and_how_often_saved_may_change(tmp_path: Path, straight):
    run(tmp_path, replace(CONFIG, minutes=0.0))
    weights, *_ = run(tmp_path, replace(CONFIG, minutes=None, save_every=1))
    assert same(weights, straight[0])


def test_other_seeds_see_other_batches(tmp_path: Path, straight):
    *_, batches = run(tmp_path, replace(CONFIG, seed=6))
    assert not set(batches.seen) & set(straight[3].seen)


def test_the_average_ships_and_not_the_last_weights(tmp_path: Path):
    from safetensors.torch import load_file

    weights, *_ = run(tmp_path)
    last = load_file(tmp_path / "model.safetensors")
    average = load_file(tmp_path / "ema.safetensors")
    assert same(weights, average)
    assert not torch.allclose(weights["conv.weight"], last["conv.weight"])


def test_leftovers_of_a_torn_save_are_not_read(tmp_path: Path, straight):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, stop_at=3)
    for name in ("model.part", "state.part"):
        (tmp_path / name).write_bytes(b"torn")
    assert json.loads((tmp_path / "state.json").read_text())["step"] == 3
    weights, *_ = run(tmp_path)
    assert same(weights, straight[0])


# --- what is no number, and what is torn


def spoilt_at(step: int, value: float, where: str):
    """A loss that is ``value``, or has such a gradient or leaves such a weight, when it is asked the step-th
    time."""
    asked = [0]

    def spoilt(model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        total, parts = loss(model, batch)
        asked[0] += 1
        if asked[0] != step:
            return total, parts
        if where == "loss":
            return total * value, {**parts, "pixels": value}
        if where == "gradient":
            total.register_hook(lambda gradient: gradient * value)
        else:
            with torch.no_grad():
                model.norm.bias.fill_(value)  # type: ignore[union-attr, operator]
            return total.detach().requires_grad_() * 1.0, parts
        return total, parts

    return spoilt


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("where", ["loss", "gradient"])
def test_a_loss_or_gradient_that_is_no_number_ends_the_run_before_it_is_saved(tmp_path: Path, where, value):
    with pytest.raises(DivergedError) as caught:
        fit(toy(), Batches(), spoilt_at(5, value, where), CONFIG, tmp_path, "toy")
    said = str(caught.value)
    assert said.startswith(f"toy: step 5 of 6: the {where} is ")
    assert f"the last good checkpoint is in {tmp_path}" in said
    assert ("pixels" in said) == (where == "loss")
    assert json.loads((tmp_path / "state.json").read_text())["step"] == 3
    for name in ("model", "ema", "optimizer"):
        tensors = load_file(tmp_path / f"{name}.safetensors")
        assert all(torch.isfinite(v).all() for v in tensors.values())


def test_weights_that_are_no_numbers_are_not_saved(tmp_path: Path):
    with pytest.raises(DivergedError, match=r"step 3 of 6: the weight norm\.bias holds NaN or infinity"):
        fit(toy(), Batches(), spoilt_at(3, float("nan"), "weight"), CONFIG, tmp_path, "toy")
    assert not (tmp_path / "state.json").exists()


def test_without_a_checkpoint_it_says_that_there_is_none(tmp_path: Path):
    with pytest.raises(DivergedError, match="there is no checkpoint in"):
        fit(toy(), Batches(), spoilt_at(1, float("nan"), "loss"), CONFIG, tmp_path, "toy")


def test_a_run_goes_on_after_the_cause_was_mended(tmp_path: Path, straight):
    with pytest.raises(DivergedError):
        fit(toy(), Batches(), spoilt_at(5, float("nan"), "loss"), CONFIG, tmp_path, "toy")
    weights, losses, complete, _ = run(tmp_path)
    assert complete
    assert losses == straight[1]
    assert same(weights, straight[0])


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint after one step."""
    folder = tmp_path_factory.mktemp("begun")
    run(folder, replace(CONFIG, minutes=0.0))
    return folder


@pytest.fixture
def kept(begun: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(begun, tmp_path / "kept"))


TENSORS = ("model.safetensors", "ema.safetensors", "optimizer.safetensors")
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 2\n"


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        *((name, spoil) for name in (*TENSORS, "state.json") for spoil in ("empty", "cut", "pointer")),
        *((name, "gone") for name in TENSORS),
    ],
)
def test_a_torn_checkpoint_is_refused_by_the_name_of_its_file(kept: Path, name: str, spoil: str):
    file = kept / name
    raw = file.read_bytes()
    file.write_bytes({"empty": b"", "cut": raw[:-9], "pointer": POINTER, "gone": b""}[spoil])
    if spoil == "gone":
        file.unlink()
    with pytest.raises(ConfigError) as caught:
        run(kept)
    assert str(file) in str(caught.value)
    assert "delete the folder" in str(caught.value)


@pytest.mark.parametrize(
    "state",
    [
        "[]", "null", "{}", '{"step": 1}', '{"step": "1", "losses": [1.0]}', '{"step": 2, "losses": [1.0]}',
        '{"step": 1, "losses": [NaN]}', '{"step": -1, "losses": []}', '{"step": true, "losses": [1.0]}',
        '{"step": 1, "losses": ["x"]}', '{"step": 0, "losses": []}',
    ],
)  # fmt: skip
def test_a_state_that_makes_no_sense_is_refused_by_name(kept: Path, state: str):
    (kept / "state.json").write_text(state)
    with pytest.raises(ConfigError, match=r"state\.json"):
        run(kept)


@pytest.mark.parametrize("settings", [None, b"", b"[]", b"{"])
def test_settings_that_are_torn_are_refused_by_name(kept: Path, settings: bytes | None):
    (kept / "settings.json").unlink()
    if settings is not None:
        (kept / "settings.json").write_bytes(settings)
    with pytest.raises(ConfigError, match=r"settings\.json"):
        run(kept)


def test_a_checkpoint_of_another_network_is_refused(kept: Path):
    with pytest.raises(ConfigError, match="checkpoint of another network"):
        fit(nn.Sequential(nn.Linear(3, 2)), Batches(), loss, CONFIG, kept, "toy")


@pytest.mark.parametrize("replaced", [0, 1, 2, 3])
def test_a_save_that_was_killed_between_two_files_is_finished(tmp_path: Path, straight, replaced: int):
    """All files of the next checkpoint were written, and ``replaced`` of them were already moved."""
    run(tmp_path / "late", replace(CONFIG, save_every=6))
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "early", stop_at=3)
    for i, name in enumerate(("model", "ema", "optimizer")):
        end = "safetensors" if i < replaced else "part"
        shutil.copy(tmp_path / "late" / f"{name}.safetensors", tmp_path / "early" / f"{name}.{end}")
    shutil.copy(tmp_path / "late" / "state.json", tmp_path / "early" / "state.part")
    weights, losses, complete, batches = run(tmp_path / "early")
    assert complete
    assert batches.asked == 0
    assert losses == straight[1]
    assert same(weights, straight[0])


def test_files_of_two_steps_are_refused(tmp_path: Path):
    run(tmp_path / "late")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "early", stop_at=3)
    shutil.copy(tmp_path / "late" / "model.safetensors", tmp_path / "early" / "model.safetensors")
    with pytest.raises(ConfigError, match=r"model\.safetensors is of step 6, state\.json of step 3"):
        run(tmp_path / "early")
