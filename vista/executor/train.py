"""Trains the executor on demonstrations (``vista train executor``).

Targets are as in :mod:`vista.executor.demonstrations`. The goal is the camera image at the end of the
subtask, a frame more or less (VISTA's random goal offset), blurred half of the time, and, once a world model
exists, an imagined one. Some samples show the images of up to ``DELAY_ROWS`` rows ago beside the pose of now:
what an arm knows that plans for where it will be when its plan arrives (VLASH, arXiv 2512.01031).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vista.errors import ModelMismatchError
from vista.executor.demonstrations import Demonstrations
from vista.executor.features import MEASURED_HAND
from vista.executor.flow import ChunkFlow
from vista.executor.modeling import ACTION_DIM, HEADS, GoalVLA, GoalVLAConfig, GoalVLAOutput
from vista.learning.pretrained import load_network
from vista.learning.training import Batch, TrainConfig, fit
from vista.types import I64, U8

# One unit of loss for this much turn: weighed like translation, the turn of the wrist was hardly learned.
ROTATION_LOSS_RAD = 0.12

# The oldest images that a sample shows beside the pose of now [rows]: a latency of 400 ms.
DELAY_ROWS = 4


@dataclass(frozen=True, slots=True)
class ExecutorTraining:
    """How to train: ``batch`` size, ``augment_colour`` (off for the text baseline: it ruins colour words),
    ``imagined``: share of samples whose goal is imagined where one is stored, ``delayed``: share of samples
    whose images are older than their pose, ``offset``: share of the true goals that are a frame or two
    early, ``padding``: see :class:`Demonstrations`."""

    batch: int = 64
    augment_colour: bool = True
    imagined: float = 0.5
    delayed: float = 0.0
    offset: float = 0.35
    padding: bool = True


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
    near = np.flatnonzero(rng.random(len(rows)) < training.offset)
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
        **_flow_noise(data, len(rows), rng),
    }


def _flow_noise(data: Demonstrations, count: int, rng: np.random.Generator) -> Batch:
    """Start (N, T, 7) and time (N,) of a flow, earlier times more often (pi0); nothing for a regression."""
    if not data.flow:
        return {}
    noise = rng.normal(size=(count, data.delta.shape[1], ACTION_DIM)).astype(np.float32)
    return {
        "noise": torch.from_numpy(noise),
        "time": torch.from_numpy(1 - rng.beta(1.5, 1.0, count).astype(np.float32)),
    }


def _chunk_loss(model: nn.Module, out: GoalVLAOutput, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
    """What the chunk costs, and its parts: L1 and cross-entropy, or flow matching."""
    config = model.config
    assert isinstance(config, GoalVLAConfig)
    if config.chunk_head == "flow":
        assert isinstance(model.flow, ChunkFlow)
        flow = model.flow.loss(out.seen, batch["delta"], batch["gripper"], batch["noise"], batch["time"])
        return flow, {"flow": flow}
    scale = torch.tensor([config.translation_scale] * 3 + [ROTATION_LOSS_RAD] * 3)
    move = ((out.delta - batch["delta"]) / scale.to(out.delta)).abs().mean()
    grip = F.binary_cross_entropy_with_logits(out.gripper, batch["gripper"])
    return move + 0.3 * grip, {"move": move, "grip": grip}


def loss(model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, float]]:
    """Of the chunk (L1 or flow matching), cross-entropy on "reached", L1 on progress and the milestone's
    pose."""
    config = model.config
    assert isinstance(config, GoalVLAConfig)
    goal = batch["goal"] if config.goal_image else None
    out = model([batch["front"], batch["wrist"]], goal, batch["text"], batch["proprio"])
    chunk, parts = _chunk_loss(model, out, batch)
    reached = F.binary_cross_entropy_with_logits(out.reached, batch["reached"])
    progress = (out.progress.sigmoid() - batch["progress"]).abs().mean()
    pose_scale = torch.tensor([config.translation_scale * 4] * 3 + [config.rotation_scale])
    pose = (out.goal_pose - batch["goal_pose"] / pose_scale.to(out.goal_pose)).abs().mean()
    total = chunk + 0.1 * reached + 0.1 * progress + 0.2 * pose
    parts |= {"reached": reached, "progress": progress, "pose": pose}
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
    chunk_head: str = HEADS[0],
    training: ExecutorTraining | None = None,
) -> bool:
    """Train (or resume) and, when all steps are done, save the model in half precision to ``out``.

    ``start``: folder of weights to fine-tune, told the same or nothing. ``goal_image``, ``told``: what the
    executor is shown and told, ``chunk_head``: see :class:`GoalVLAConfig`. Returns whether training is
    complete.
    """
    torch.manual_seed(config.seed)
    shape = GoalVLAConfig(goal_image=goal_image, told=told, chunk_head=chunk_head)
    training = training or ExecutorTraining(augment_colour=goal_image)
    demonstrations = Demonstrations(data, shape, imagined, padding=training.padding)
    model = load_network(GoalVLA, start, "executor") if start else GoalVLA(shape)
    if model.config.told == "none":  # it knows no words yet, and may learn any
        model.config.told = told
    names = ("goal_image", "told", "chunk_head")
    found, wanted = ({k: getattr(c, k) for k in names} for c in (model.config, shape))
    if found != wanted:
        raise ModelMismatchError(f"{start}: an executor with {found}; asked for {wanted}")
    trained, _, complete = fit(
        model, lambda rng: make_batch(demonstrations, training, rng), loss, config, checkpoints, "executor"
    )
    if complete:
        trained.to(torch.bfloat16).save_pretrained(out)
    return complete
