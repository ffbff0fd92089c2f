"""Trains the planner head on the world model's pairs of images, as (image, instruction) to next skill."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vista.errors import ConfigError
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
from vista.learning.text_encoder import TextEncoder
from vista.learning.training import Batch, TrainConfig, fit
from vista.planner.network import BEGIN, END, PAD, SPECIAL, PlannerHead, PlannerHeadConfig
from vista.skill import Relation, Skill, Verb, network_text

DONE = "done"
CONTAINER = "tray"
"""Where the things of the training scenes are put."""
TEMPLATES = (
    "put the {} in the tray",
    "place the {} in the tray",
    "put the {} into the tray",
    "move the {} to the tray",
    "the {} belongs in the tray",
    "pick up the {} and put it in the tray",
)
WORDS = (
    *SPECIAL, DONE, "grasp", "place", "the", "in", "on", "tray", "open", "close", "drawer", "left", "middle",
    "right",
)  # fmt: skip


def make_config() -> PlannerHeadConfig:
    """A configuration with the words for everything in the splits."""
    splits = load_splits()
    return PlannerHeadConfig(words=(*WORDS, *splits.colours, *splits.shapes))


class Stages:
    """Images with the thing that their scene is about and the sentence that comes next.

    ``rows``: (image, thing, sentence); ``kinds``: the rows whose sentence grasps, places and ends, in this
    order.

    Raises:
        ConfigError, InvalidValueError: broken data; the file is named.
    """

    def __init__(self, folder: Path, config: PlannerHeadConfig) -> None:
        images: list[np.ndarray] = []
        gripper: list[np.ndarray] = []
        rows: list[tuple[int, str, str]] = []
        kinds: list[str] = []
        offset = 0
        for shard in shard_folders(folder):
            arrays = load_arrays(shard, ("image", "gripper", "source", "goal", "text", "stage"))
            check_frames(shard, arrays, ("image",), config.image_size)
            check_lengths(shard, arrays, ("image", "gripper"))
            check_lengths(shard, arrays, ("source", "goal", "text", "stage"))
            check_finite(shard, arrays, ("gripper",))
            check_indices(shard, arrays, ("source", "goal"), "image")
            for source, goal, text, stage in zip(
                arrays["source"], arrays["goal"], arrays["text"], arrays["stage"], strict=True
            ):
                if (skill := Skill.find(str(text))) is None:
                    raise ConfigError(f"{shard}/text.npy: {str(text)!r} is no skill")
                after = Skill(Verb.PLACE, skill.thing, Relation.IN, CONTAINER)
                rows.append((offset + int(source), skill.thing, network_text(skill)))
                rows.append((offset + int(goal), skill.thing, network_text(after) if stage == 0 else DONE))
                kinds += [skill.verb, after.verb if stage == 0 else DONE]
            images.append(arrays["image"])
            gripper.append(arrays["gripper"])
            offset += len(arrays["image"])
        self.image, self.gripper = np.concatenate(images), np.concatenate(gripper)
        self.rows = rows
        # "done" is rare but ends a task: each kind is drawn equally often.
        kind = np.array(kinds)
        self.kinds = [np.flatnonzero(kind == k) for k in (Verb.GRASP.value, Verb.PLACE.value, DONE)]
        index = {w: i for i, w in enumerate(config.words)}
        self.sentence = np.full((len(rows), config.length), PAD, np.int64)
        for i, (_, _, text) in enumerate(rows):
            words = [BEGIN, *(index[w] for w in text.split()), END]
            self.sentence[i, : len(words)] = words
        labels = sorted({r[1] for r in rows})
        self.label = np.array([labels.index(r[1]) for r in rows])
        told = [t.format(label) for label in labels for t in TEMPLATES]
        self.tokens, self.mask = TextEncoder(len(told) + 1).encode(told)


def make_batch(data: Stages, rng: np.random.Generator, size: int = 64) -> Batch:
    """One batch of ``size`` rows, about a third of each kind."""
    kind = rng.integers(len(data.kinds), size=size)
    rows = np.array([rng.choice(data.kinds[k]) for k in kind])
    picture = np.array([data.rows[r][0] for r in rows])
    told = torch.from_numpy(data.label[rows] * len(TEMPLATES) + rng.integers(len(TEMPLATES), size=size))
    gain = torch.from_numpy(rng.uniform(0.85, 1.15, (size, 1, 1, 1))).float()
    gripper = data.gripper[picture] + rng.normal(0, 0.03, (size, 2)).astype(np.float32)
    return {
        "image": (to_tensor(data.image[picture]) + 1) * gain - 1,
        "tokens": data.tokens[told],
        "mask": data.mask[told],
        "gripper": torch.from_numpy(gripper.astype(np.float32)),
        "sentence": torch.from_numpy(data.sentence[rows]),
    }


def loss(model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, float]]:
    """Cross-entropy of the next word, and the share of whole sentences that are right."""
    sentence = batch["sentence"]
    logits = model(batch["image"], batch["tokens"], batch["mask"], batch["gripper"], sentence[:, :-1])
    wanted = sentence[:, 1:]
    value = F.cross_entropy(logits.flatten(0, 1), wanted.flatten(), ignore_index=PAD)
    right = ((logits.argmax(-1) == wanted) | (wanted == PAD)).all(1).float().mean()
    return value, {"words": float(value.detach()), "right": float(right)}


def train_planner(data: Path, out: Path, checkpoints: Path, config: TrainConfig) -> bool:
    """Train (or resume) and, when all steps are done, save the model in half precision to ``out``.

    Returns:
        Whether training is complete.
    """
    torch.manual_seed(config.seed)
    shape = make_config()
    stages = Stages(data, shape)
    model, _, complete = fit(
        PlannerHead(shape), lambda rng: make_batch(stages, rng), loss, config, checkpoints, "planner"
    )
    if complete:
        model.to(torch.bfloat16).save_pretrained(out)
    return complete
