"""Trains the executor on demonstrations (``vista train executor``).

Targets are cumulative: row t of a chunk is the expert's clean target t steps on, relative to the pose
measured now, in the hand frame; after the milestone the last target repeats (VISTA's subtask-aware padding).
The goal is the camera image at the end of the subtask, a frame more or less (VISTA's random goal offset),
blurred half of the time, and, once a world model exists, an imagined one. Some samples show the images of
up to ``DELAY_ROWS`` rows ago beside the pose of now: what an arm knows that plans for where it will be when
its plan arrives (VLASH, arXiv 2512.01031).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from scipy.spatial.transform import Rotation
from torch import Tensor, nn

from vista.errors import ConfigError, ModelMismatchError
from vista.executor.features import MEASURED_HAND, proprio
from vista.executor.modeling import GoalVLA, GoalVLAConfig
from vista.shards import (
    check_finite,
    check_frames,
    check_indices,
    check_lengths,
    load_arrays,
    shard_folders,
)
from vista.text import TextEncoder
from vista.training import Batch, TrainConfig, fit
from vista.types import I64, U8

KEYS = ("front", "wrist", "ee", "target", "gripper", "done", "segment", "goal", "text")


# One unit of loss for this much turn: weighed like translation, the turn of the wrist was hardly learned.
ROTATION_LOSS_RAD = 0.12

# The oldest images that a sample shows beside the pose of now [rows]: a latency of 400 ms.
DELAY_ROWS = 4


@dataclass(frozen=True, slots=True)
class ExecutorTraining:
    """How to train: ``batch`` size, ``augment_colour`` (off for the text baseline: it ruins colour words),
    ``imagined``: share of samples whose goal is imagined where one is stored, ``delayed``: share of samples
    whose images are older than their pose."""

    batch: int = 64
    augment_colour: bool = True
    imagined: float = 0.5
    delayed: float = 0.0


def _checked(shard: Path, size: int) -> dict[str, np.ndarray]:
    """One shard's arrays, whole, of one length, finite, with frames of ``size`` [px]."""
    arrays = load_arrays(shard, KEYS)
    check_frames(shard, arrays, ("front", "wrist", "goal"), size)
    check_lengths(shard, arrays, ("front", "wrist", "ee", "target", "gripper", "done", "segment"))
    check_lengths(shard, arrays, ("goal", "text"))
    check_finite(shard, arrays, ("ee", "target", "gripper"))
    check_indices(shard, arrays, ("segment",), "goal")
    return arrays


def _whole(shard: Path, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same shard with each episode as one segment, told by its instruction; only its end is done."""
    episode, told = _episodes(shard, arrays)
    # The last segment of each episode; segments of one episode follow each other.
    last = np.flatnonzero(np.diff(episode, append=episode[-1] + 1))
    done = arrays["done"] * np.isin(arrays["segment"], last)
    return {
        **arrays,
        "text": told[last],
        "goal": arrays["goal"][last],
        "segment": np.searchsorted(last, arrays["segment"]),
        "done": done.astype(np.uint8),
    }


def _episodes(shard: Path, arrays: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The episode of each segment, and its instruction; in data made before these were kept, an episode is
    a grasp and a place."""
    if (shard / "instruction.npy").is_file():
        kept = load_arrays(shard, ("episode", "instruction"))
        return kept["episode"], kept["instruction"]
    texts = [str(text) for text in arrays["text"]]
    told = []
    for grasp, place in zip(texts[::2], texts[1::2], strict=False):
        thing = grasp.removeprefix("grasp ")
        if len(texts) % 2 or thing == grasp or not place.startswith(f"place {thing} "):
            raise ConfigError(f"{shard}: {grasp!r}, {place!r} are not the two subtasks of one episode")
        told += [f"put {place.removeprefix('place ')}"] * 2
    return np.arange(len(texts)) // 2, np.array(told)


class Demonstrations:
    """Demonstrations in memory with their labels; refuses broken data before training starts.

    Args:
        folder: Shards as ``vista_sim.generate.demos`` writes them.
        imagined: Folder with the same shards' ``imagined.npy`` (S, K, 96, 96, 3), or None.

    An executor that is told the whole instruction (``config.told``) gets whole episodes instead of subtasks.

    Raises:
        ConfigError: missing or mixed-size arrays, episodes of which nobody knows the instruction;
        InvalidValueError: non-finite targets. Both name the file.
    """

    def __init__(self, folder: Path, config: GoalVLAConfig, imagined: Path | None = None) -> None:
        parts: dict[str, list[np.ndarray]] = {k: [] for k in KEYS}
        extra: list[np.ndarray] = []
        offset = 0
        for shard in shard_folders(folder):
            arrays = _checked(shard, config.image_size)
            if imagined is not None:
                dreamt = load_arrays(imagined / shard.name, ["imagined"])["imagined"]
                if dreamt.shape[:1] + dreamt.shape[2:] != arrays["goal"].shape:
                    raise ConfigError(
                        f"{imagined / shard.name}/imagined.npy: {dreamt.shape}, "
                        f"wanted goals for {len(arrays['goal'])} segments of {shard}"
                    )
                extra.append(dreamt)
            if config.told == "instruction":
                arrays = _whole(shard, arrays)
            arrays["segment"] = arrays["segment"] + offset
            offset += len(arrays["goal"])
            for key in KEYS:
                parts[key].append(arrays[key])
        # One after the other, its shards let go: twice all images would be twice the memory.
        joined = {k: np.concatenate(parts.pop(k)) for k in KEYS}
        self.front, self.wrist, self.goal = joined["front"], joined["wrist"], joined["goal"]
        self.imagined = np.concatenate(extra) if extra else None
        self.segment = joined["segment"].astype(np.int64)
        self.reached = joined["done"].astype(np.float32)
        n = len(self.segment)
        last = np.zeros(offset, np.int64)
        last[self.segment] = np.arange(n)
        first = np.full(offset, n, np.int64)
        np.minimum.at(first, self.segment, np.arange(n))
        self.end, self.begin = last[self.segment], first[self.segment]
        ee = joined["ee"].astype(np.float64)
        target = joined["target"].astype(np.float64)
        command = joined["gripper"][:, 3]
        steps = np.minimum(np.arange(n)[:, None] + np.arange(config.chunk)[None], self.end[:, None])
        inverse = np.linalg.inv(ee)
        relative = inverse[:, None] @ target[steps]
        self.delta = self._delta(relative)
        self.gripper = (command[steps] > 0.5).astype(np.float32)
        done_at = np.full(offset, n, np.int64)
        np.minimum.at(done_at, self.segment[self.reached > 0], np.flatnonzero(self.reached > 0))
        length = np.maximum(1, done_at[self.segment] - self.begin)
        self.progress = np.clip((np.arange(n) - self.begin) / length, 0, 1).astype(np.float32)
        final = self._delta((inverse @ target[self.end])[:, None])[:, 0]
        self.goal_pose = np.concatenate([final[:, :3], final[:, 5:6]], 1)
        g = joined["gripper"].astype(np.float64)
        self.proprio = proprio(ee, g[:, 0], g[:, 1], g[:, 2])
        texts, self.text_index = np.unique(joined["text"], return_inverse=True)
        tokens, mask = TextEncoder().encode([str(t) for t in texts])
        weight = mask[..., None].float()
        self.text = (tokens * weight).sum(1) / weight.sum(1)
        if config.told == "none":
            self.text = torch.zeros_like(self.text)

    @staticmethod
    def _delta(relative: np.ndarray) -> np.ndarray:
        n, t = relative.shape[:2]
        rotvec = Rotation.from_matrix(relative[..., :3, :3].reshape(-1, 3, 3)).as_rotvec().reshape(n, t, 3)
        return np.concatenate([relative[..., :3, 3], rotvec], -1).astype(np.float32)

    def __len__(self) -> int:
        return len(self.segment)


def augment(
    images: list[U8], goal: U8, rng: np.random.Generator, colour: bool
) -> tuple[list[Tensor], Tensor]:
    """The same change of colours for all images and the goal of a sample (u8 NHWC in, NCHW in [-1, 1] out);
    half of the goals blurred."""
    n = len(goal)
    matrix, shift = np.broadcast_to(np.eye(3), (n, 3, 3)).copy(), np.zeros((n, 1, 3))
    if colour:
        matrix += rng.normal(0, 0.12, (n, 3, 3))
        for i in np.flatnonzero(rng.random(n) < 0.5):
            matrix[i] = matrix[i][rng.permutation(3)]
        shift = rng.normal(0, 0.06, (n, 1, 3))
    # (x / 127.5 - 1) M + s in one product over u8 pixels.
    mix = torch.from_numpy(matrix / 127.5).float()
    offset = torch.from_numpy(shift - matrix.sum(1, keepdims=True)).float()

    def change(x: U8) -> Tensor:
        pixels = torch.from_numpy(x).view(n, -1, 3).float()
        out = torch.baddbmm(offset, pixels, mix).clamp_(-1.1, 1.1)
        return out.view(*x.shape).permute(0, 3, 1, 2)

    goals = change(goal)
    blurred = np.flatnonzero(rng.random(n) < 0.5)
    soft = F.avg_pool2d(F.avg_pool2d(goals[blurred], 3, 1, 1), 3, 1, 1)
    half = len(blurred) // 2
    soft[:half] = F.avg_pool2d(soft[:half], 3, 1, 1)
    goals[blurred] = soft
    return [change(x) for x in images], goals


def seen_rows(data: Demonstrations, rows: I64, share: float, rng: np.random.Generator) -> I64:
    """The rows (N,) whose images are shown with ``rows`` (N,): for ``share`` of them up to ``DELAY_ROWS``
    earlier, within the same segment."""
    delay = rng.integers(1, DELAY_ROWS + 1, len(rows)) * (rng.random(len(rows)) < share)
    return np.maximum(rows - delay, data.begin[rows])


def make_batch(data: Demonstrations, training: ExecutorTraining, rng: np.random.Generator) -> Batch:
    """One batch of random rows."""
    rows = rng.integers(len(data), size=training.batch)
    segment = data.segment[rows]
    goal = data.goal[segment].copy()
    near = np.flatnonzero(rng.random(len(rows)) < 0.35)
    goal[near] = data.front[data.end[rows[near]] - rng.integers(0, 3, len(near))]
    if data.imagined is not None:
        dreamt = np.flatnonzero(rng.random(len(rows)) < training.imagined)
        k = rng.integers(data.imagined.shape[1], size=len(dreamt))
        goal[dreamt] = data.imagined[segment[dreamt], k]
    seen = seen_rows(data, rows, training.delayed, rng)
    images, goals = augment([data.front[seen], data.wrist[seen]], goal, rng, training.augment_colour)
    state = data.proprio[rows]
    # What the gripper does is measured, so as old as the images; where the hand will be and what the gripper
    # will have been told is known from the plan in hand.
    state[:, MEASURED_HAND] = data.proprio[seen][:, MEASURED_HAND]
    noise = rng.normal(0, 0.01, state.shape).astype(np.float32)
    return {
        "front": images[0],
        "wrist": images[1],
        "goal": goals,
        "text": data.text[torch.from_numpy(data.text_index[segment])],
        "proprio": torch.from_numpy(state + noise),
        "delta": torch.from_numpy(data.delta[rows]),
        "gripper": torch.from_numpy(data.gripper[rows]),
        "progress": torch.from_numpy(data.progress[rows]),
        "reached": torch.from_numpy(data.reached[rows]),
        "goal_pose": torch.from_numpy(data.goal_pose[rows]),
    }


def loss(model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, float]]:
    """L1 on the chunk, cross-entropy on gripper and "reached", L1 on progress and the milestone's pose."""
    config = model.config
    assert isinstance(config, GoalVLAConfig)
    goal = batch["goal"] if config.goal_image else None
    out = model([batch["front"], batch["wrist"]], goal, batch["text"], batch["proprio"])
    scale = torch.tensor([config.translation_scale] * 3 + [ROTATION_LOSS_RAD] * 3)
    move = ((out.delta - batch["delta"]) / scale.to(out.delta)).abs().mean()
    grip = F.binary_cross_entropy_with_logits(out.gripper, batch["gripper"])
    reached = F.binary_cross_entropy_with_logits(out.reached, batch["reached"])
    progress = (out.progress.sigmoid() - batch["progress"]).abs().mean()
    pose_scale = torch.tensor([config.translation_scale * 4] * 3 + [config.rotation_scale])
    pose = (out.goal_pose - batch["goal_pose"] / pose_scale.to(out.goal_pose)).abs().mean()
    total = move + 0.3 * grip + 0.1 * reached + 0.1 * progress + 0.2 * pose
    parts = {"move": move, "grip": grip, "reached": reached, "progress": progress, "pose": pose}
    return total, {k: float(v.detach()) for k, v in parts.items()}


def train_executor(
    data: Path,
    out: Path,
    checkpoints: Path,
    config: TrainConfig,
    *,
    imagined: Path | None = None,
    start: Path | None = None,
    goal_image: bool = True,
    told: str = "subtask",
    training: ExecutorTraining | None = None,
) -> bool:
    """Train (or resume) and, when all steps are done, save the model in half precision to ``out``.

    ``start``: folder of weights to fine-tune. ``goal_image``, ``told``: what the executor is shown and told,
    see :class:`GoalVLAConfig`. Returns whether training is complete.
    """
    torch.manual_seed(config.seed)
    shape = GoalVLAConfig(goal_image=goal_image, told=told)
    training = training or ExecutorTraining(augment_colour=goal_image)
    demonstrations = Demonstrations(data, shape, imagined)
    model = GoalVLA.from_pretrained(start, dtype=torch.float32) if start else GoalVLA(shape)
    if (model.config.goal_image, model.config.told) != (goal_image, told):
        raise ModelMismatchError(
            f"{start}: an executor with goal_image={model.config.goal_image}, told={model.config.told!r}; "
            f"asked for goal_image={goal_image}, told={told!r}"
        )
    trained, _, complete = fit(
        model, lambda rng: make_batch(demonstrations, training, rng), loss, config, checkpoints, "executor"
    )
    if complete:
        trained.to(torch.bfloat16).save_pretrained(out)
    return complete
