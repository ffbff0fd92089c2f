"""The training loop all learned parts share: interrupted or not, the same weights come out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from vista.errors import ConfigError
from vista.training import Batch, TrainConfig, fit

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
