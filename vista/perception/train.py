"""Trains the detector on the world model's scenes (``vista train detector``)."""

from __future__ import annotations

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
from vista.learning.splits import load_splits
from vista.learning.tensors import to_tensor
from vista.learning.training import Batch, TrainConfig, fit
from vista.perception.geometry import cell_points
from vista.perception.network import CELL, CONTAINERS, HANDLES, SceneDetectorConfig, SceneDetectorNet
from vista.robot.contract import load_robot
from vista.types import CameraSpec

RECOLOURED = 1 / 3
"""Share of training images with their colour channels exchanged."""


class SeenObjects:
    """Images with the things visible in them, as targets on a grid; ``camera`` took them.

    Raises:
        ConfigError, InvalidValueError: broken data; the file is named.
    """

    def __init__(self, folder: Path, config: SceneDetectorConfig, camera: CameraSpec) -> None:
        images, labels, boxes, positions = [], [], [], []
        for shard in shard_folders(folder):
            arrays = load_arrays(shard, ("image", "seen", "label", "box", "position"))
            check_frames(shard, arrays, ("image",), config.image_size)
            check_lengths(shard, arrays, ("seen", "label", "box", "position"))
            check_finite(shard, arrays, ("box", "position"))
            check_indices(shard, arrays, ("seen",), "image")
            images.append(arrays["image"][arrays["seen"]])
            labels.append(arrays["label"])
            boxes.append(arrays["box"])
            positions.append(arrays["position"])
        slots = max(each.shape[1] for each in labels)
        label = np.concatenate([_padded(each, slots, -1) for each in labels]).astype(np.int64)
        box, position = (np.concatenate([_padded(e, slots, 0) for e in es]) for es in (boxes, positions))
        self.image = np.concatenate(images)
        grid = config.image_size // CELL
        table = cell_points(camera, grid)
        n = len(self.image)
        self.centre = np.zeros((n, grid, grid), np.float32)
        # (row, column, shape, colour, dx, dy, w, h, px, py, pz, valid) of each thing.
        self.things = np.zeros((n, label.shape[1], 12), np.float32)
        middle, size = (box[..., :2] + box[..., 2:]) / 2, box[..., 2:] - box[..., :2]
        ys, xs = np.mgrid[0:grid, 0:grid]
        for i in range(n):
            for k in range(label.shape[1]):
                u, v = middle[i, k] * grid
                if label[i, k, 0] < 0 or not (0 <= u < grid and 0 <= v < grid):
                    continue
                column, row = int(u), int(v)
                # A soft peak: cells beside the centre are punished less.
                spread = np.exp(-((xs - column) ** 2 + (ys - row) ** 2) / (2 * 0.7**2)).astype(np.float32)
                self.centre[i] = np.maximum(self.centre[i], np.where(spread > 0.1, spread, 0))
                place = (position[i, k] - table[row, column]) * 10
                self.things[i, k] = (
                    row, column, *label[i, k], u - column - 0.5, v - row - 0.5, *size[i, k], *place, 1,
                )  # fmt: skip

    def __len__(self) -> int:
        return len(self.image)


def _padded(array: np.ndarray, slots: int, value: int) -> np.ndarray:
    """(Q, K, ...) with K of ``slots``: scenes with a cabinet show more things than others."""
    widths = [(0, 0), (0, slots - array.shape[1]), *[(0, 0)] * (array.ndim - 2)]
    return np.pad(array, widths, constant_values=value)


def words_of_shapes(folder: Path) -> tuple[str, ...]:
    """The shape words of a detector of the data in ``folder``: those of things, then the container's and,
    where the data show drawers, the handle's."""
    shapes, places = load_splits().shapes, (*CONTAINERS, *HANDLES)
    most = max(int(load_arrays(shard, ("label",))["label"][..., 0].max()) for shard in shard_folders(folder))
    return *shapes, *places[: max(1, most - len(shapes) + 1)]


def make_batch(data: SeenObjects, rng: np.random.Generator, size: int = 64) -> Batch:
    """One batch of random images; a third have exchanged colour channels, and no target for the colour.

    So the network learns a shape in colours that it never comes in, and recognises combinations of colour and
    shape that are not in the data.
    """
    rows = rng.integers(len(data), size=size)
    pixels, things = data.image[rows], data.things[rows]
    for i in np.flatnonzero(rng.random(size) < RECOLOURED):
        pixels[i] = pixels[i][..., rng.permutation(3)]
        things[i, :, 3] = -1
    gain = torch.from_numpy(rng.uniform(0.85, 1.15, (size, 1, 1, 1))).float()
    image = (to_tensor(pixels) + 1) * gain - 1
    return {
        "image": image,
        "centre": torch.from_numpy(data.centre[rows]),
        "things": torch.from_numpy(things),
    }


def loss(model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, float]]:
    """Focal loss on centres; cross-entropy on shape and colour, L1 on box and place, at the centres."""
    out = model(batch["image"])
    heat, p = batch["centre"], out.centre.sigmoid().clamp(1e-4, 1 - 1e-4)
    hit = heat == 1
    focal = torch.where(hit, -((1 - p) ** 2) * p.log(), -((1 - heat) ** 4) * p**2 * (1 - p).log())
    centre = focal.sum() / hit.sum().clamp(min=1)
    things = batch["things"]
    b, k = torch.nonzero(things[..., 11] > 0, as_tuple=True)
    thing = things[b, k]
    row, column = thing[:, 0].long(), thing[:, 1].long()
    shape = F.cross_entropy(out.shape[b, row, column], thing[:, 2].long())
    coloured = thing[:, 3] >= 0
    colour = F.cross_entropy(out.colour[b, row, column][coloured], thing[coloured, 3].long())
    box = (out.box[b, row, column] - thing[:, 4:8]).abs().mean()
    place = (out.place[b, row, column] - thing[:, 8:11]).abs().mean()
    parts = {"centre": centre, "shape": shape, "colour": colour, "box": box, "place": place}
    total = centre + 0.5 * shape + 0.5 * colour + box + 2 * place
    return total, {n: float(v.detach()) for n, v in parts.items()}


def begin_with(start: Path, config: SceneDetectorConfig) -> SceneDetectorNet:
    """The network of ``config`` with the weights in ``start``; shapes and places unknown there begin anew.

    Raises:
        ConfigError: nothing is there. ModelMismatchError: a detector of another camera, image size, width or
            other colours, or one that knows shapes which ``config`` lacks.
    """
    known = load_network(SceneDetectorNet, start, "detector")
    old: SceneDetectorConfig = known.config
    for name in ("camera", "image_size", "channels", "colours"):
        if getattr(old, name) != getattr(config, name):
            raise ModelMismatchError(
                f"{start}: a detector with {name} {getattr(old, name)}, the data ask for "
                f"{getattr(config, name)}"
            )
    if missing := [word for word in old.shapes if word not in config.shapes]:
        raise ModelMismatchError(f"{start}: a detector that knows a {missing[0]}, which the data do not show")
    model, weights = SceneDetectorNet(config), known.state_dict()
    for name in ("out.weight", "out.bias"):
        was, wanted = weights[name], model.state_dict()[name].clone()
        after = was[1 + len(old.shapes) :]
        wanted[0], wanted[1 + len(config.shapes) :] = was[0], after
        for i, word in enumerate(old.shapes):
            wanted[1 + config.shapes.index(word)] = was[1 + i]
        weights[name] = wanted
    model.load_state_dict(weights)
    return model


def train_detector(
    data: Path,
    out: Path,
    checkpoints: Path,
    config: TrainConfig,
    *,
    start: Path | None = None,
    robot: str = "panda",
) -> bool:
    """Train (or resume) and, when all steps are done, save the model in half precision to ``out``.

    Args:
        start: Folder of a detector to fine-tune, see :func:`begin_with`.
        robot: Name or file of the contract of the arm whose camera took the images.

    Returns:
        Whether training is complete.
    """
    torch.manual_seed(config.seed)
    shape = SceneDetectorConfig(shapes=words_of_shapes(data), colours=load_splits().colours)
    model = SceneDetectorNet(shape) if start is None else begin_with(start, shape)
    seen = SeenObjects(data, shape, load_robot(robot).cameras[shape.camera])
    model, _, complete = fit(model, lambda rng: make_batch(seen, rng), loss, config, checkpoints, "detector")
    if complete:
        model.to(torch.bfloat16).save_pretrained(out)
    return complete
