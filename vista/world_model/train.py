"""Trains the world model on action-free image pairs (``vista train world-model``).

Flow matching between the *current* image plus a little noise and the goal image (a data-dependent coupling),
so that the network predicts a change and one to four steps suffice. Most samples are at the start of the
flow, where the first and often only step is taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vista.errors import ModelMismatchError
from vista.learning.pretrained import load_network
from vista.learning.shards import (
    check_finite,
    check_frames,
    check_indices,
    check_lengths,
    load_arrays,
    shard_folders,
)
from vista.learning.tensors import to_tensor
from vista.learning.text_encoder import TextEncoder
from vista.learning.training import Batch, LossFn, TrainConfig, fit
from vista.types import F32
from vista.world_model.unet import PATCH, GoalUNet

KEYS = ("image", "source", "goal", "text", "hand", "object")
HINT = 4.0
"""Log of how much likelier a place is where somebody says so."""


@dataclass(frozen=True, slots=True)
class WorldModelTraining:
    """``batch`` size; ``at_start``: share of samples at the start of the flow; ``heat``: weight of the heat
    maps' cross-entropy; ``changed``: weight of pixels that change; ``hinted``: share of samples that are told
    about where gripper and object will be, as by a second opinion."""

    batch: int = 32
    at_start: float = 0.75
    heat: float = 0.03
    changed: float = 5.0
    hinted: float = 0.35


class Pairs:
    """Image pairs in memory. ConfigError or InvalidValueError name the file and what is wrong with it."""

    def __init__(self, folder: Path, size: int) -> None:
        images, sources, goals, texts, hands, things = [], [], [], [], [], []
        offset = 0
        for shard in shard_folders(folder):
            arrays = load_arrays(shard, KEYS)
            check_frames(shard, arrays, ("image",), size)
            check_lengths(shard, arrays, ("source", "goal", "text", "hand", "object"))
            check_finite(shard, arrays, ("hand", "object"))
            check_indices(shard, arrays, ("source", "goal"), "image")
            images.append(arrays["image"])
            sources.append(arrays["source"].astype(np.int64) + offset)
            goals.append(arrays["goal"].astype(np.int64) + offset)
            texts.append(arrays["text"])
            hands.append(arrays["hand"])
            things.append(arrays["object"])
            offset += len(arrays["image"])
        self.image = np.concatenate(images)
        self.source, self.goal = np.concatenate(sources), np.concatenate(goals)
        self.hand = np.clip(np.concatenate(hands), 0.0, 0.999)
        self.object = np.concatenate(things)
        names, self.text = np.unique(np.concatenate(texts), return_inverse=True)
        self.tokens, self.mask = TextEncoder().encode([str(n) for n in names])

    def __len__(self) -> int:
        return len(self.source)


def make_batch(
    data: Pairs, training: WorldModelTraining, noise_scale: float, rng: np.random.Generator
) -> Batch:
    """One batch: the sample at a noise level, and what it should become."""
    rows = rng.integers(len(data), size=training.batch)
    current, goal = to_tensor(data.image[data.source[rows]]), to_tensor(data.image[data.goal[rows]])
    sigma = np.where(rng.random(len(rows)) < training.at_start, 1.0, rng.uniform(0.05, 1.0, len(rows)))
    level = torch.from_numpy(sigma).float()
    generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
    start = current + noise_scale * torch.randn(current.shape, generator=generator)
    noisy = level[:, None, None, None] * start + (1 - level[:, None, None, None]) * goal
    side = current.shape[-1] // PATCH
    hand, thing = cells(data.hand[rows], side), cells(data.object[rows], side)
    told = torch.from_numpy(rng.random(len(rows)) < training.hinted)
    text = torch.from_numpy(data.text[rows])
    return {
        "noisy": noisy.contiguous(memory_format=torch.channels_last),
        "current": current,
        "goal": goal,
        "sigma": level,
        "tokens": data.tokens[text],
        "mask": data.mask[text],
        "cell": hand,
        "object_cell": thing,
        "prior": hint(hand, told, side),
        "object_prior": hint(thing, told, side),
    }


def cells(points: F32, side: int) -> Tensor:
    """Numbers i8 (N,) of the cells in which ``points`` (N, 2), image fractions, are; -1: outside."""
    at = np.floor(points * side).astype(np.int64)
    inside = ((at >= 0) & (at < side)).all(1)
    return torch.from_numpy(np.where(inside, at[:, 1] * side + at[:, 0], -1))


def hint(cell: Tensor, told: Tensor, side: int) -> Tensor:
    """A prior f32 (B, side, side) that knows ``cell`` (B,) to a cell around, where ``told`` (B,); else 0.

    A painter that never saw a sure heat map paints a little of the object at each place it might be put.
    """
    known = told & (cell >= 0)
    here = F.one_hot(cell.clamp(min=0), side * side).view(-1, 1, side, side).float()
    return HINT * F.max_pool2d(here, 3, 1, 1)[:, 0] * known[:, None, None]


def make_loss(training: WorldModelTraining) -> LossFn:
    """The loss: error of the goal image, changed pixels weighted, plus the heat map's cross-entropy."""

    def loss(model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        out = model(
            batch["noisy"], batch["current"], batch["sigma"], batch["tokens"], batch["mask"], batch["prior"],
            batch["object_prior"],
        )  # fmt: skip
        wanted = batch["goal"] - batch["current"]
        weight = 1 + (training.changed - 1) * (wanted.abs().amax(1, keepdim=True) > 0.1).float()
        error = out.change - wanted
        pixels = ((0.5 * error.abs() + error.square()) * weight).mean() / weight.mean()
        heat = F.cross_entropy(out.heat.flatten(1), batch["cell"])
        parts = {}
        if out.object_heat is not None and bool((batch["object_cell"] >= 0).any()):
            known = F.cross_entropy(out.object_heat.flatten(1), batch["object_cell"], ignore_index=-1)
            parts["object"] = float(known.detach())
            heat = heat + known
        with torch.no_grad():
            side = out.heat.shape[-1]
            best = out.heat.flatten(1).argmax(1)
            dx, dy = best % side - batch["cell"] % side, best // side - batch["cell"] // side
            near = (torch.maximum(dx.abs(), dy.abs()) <= 1).float().mean()
        parts |= {"pixels": float(pixels.detach()), "heat": float(heat.detach()), "near": float(near)}
        return pixels + training.heat * heat, parts

    return loss


def begin_with(start: Path) -> GoalUNet:
    """The network of the pipeline in ``start``; unlike one that diffusers loads, it does not keep the path
    of that folder in its configuration, where whoever gets the next pipeline could read it.

    Raises:
        ConfigError: nothing is there. ModelMismatchError: weights of another network, or a torn file.
    """
    known = load_network(GoalUNet, start / "unet", "world model", dtype_argument="torch_dtype")
    own = {name: value for name, value in known.config.items() if not name.startswith("_")}
    model = GoalUNet(**{**own, "tells_object": True})
    missing, unknown = model.load_state_dict(known.state_dict(), strict=False)
    new = [name for name in missing if "object" not in name]
    if new or unknown:
        raise ModelMismatchError(f"{start}: weights lack {new or 'none'}, hold {unknown or 'none'}")
    return model


def train_world_model(
    data: Path, out: Path, checkpoints: Path, config: TrainConfig, *, start: Path | None = None,
    training: WorldModelTraining | None = None,
) -> bool:  # fmt: skip
    """Train (or resume) and, when all steps are done, save the pipeline in half precision to ``out``.

    ``start``: folder of a pipeline to fine-tune. Returns whether training is complete.
    """
    from vista.world_model.pipeline import GoalImagePipeline, make_scheduler

    torch.manual_seed(config.seed)
    training = training or WorldModelTraining()
    model = GoalUNet(tells_object=True) if start is None else begin_with(start)
    pairs = Pairs(data, model.config.image_size)
    scale = float(model.config.noise_scale)
    trained, _, complete = fit(
        model, lambda rng: make_batch(pairs, training, scale, rng), make_loss(training), config, checkpoints,
        "world model",
    )  # fmt: skip
    if complete:
        GoalImagePipeline(trained.to(torch.bfloat16), make_scheduler()).save_pretrained(out)
    return complete
