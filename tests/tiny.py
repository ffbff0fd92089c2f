"""The real networks, tiny and untrained, and data of their shapes: chance in the right form."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import torch

from vista.executor.modeling import GoalVLA, GoalVLAConfig
from vista.executor.policy import GoalVLAPolicy
from vista.learning.shards import write_shard
from vista.learning.splits import load_splits
from vista.learning.text_encoder import TextEncoder
from vista.perception.detector import SceneDetector
from vista.perception.network import SceneDetectorConfig, SceneDetectorNet
from vista.planner.head import HeadPlanner
from vista.planner.network import PlannerHead, PlannerHeadConfig
from vista.planner.train import make_config
from vista.protocols import Detector
from vista.robot.contract import load_robot
from vista.types import RobotSpec
from vista.world_model.imagine import ImageWorldModel
from vista.world_model.pipeline import GoalImagePipeline, make_scheduler
from vista.world_model.unet import GoalUNet

SIZE = 32


@cache
def text_encoder() -> TextEncoder:
    """One for all tests: its weights take a second to load."""
    return TextEncoder()


@cache
def panda() -> RobotSpec:
    return load_robot("panda")


def executor_config(**more: object) -> GoalVLAConfig:
    shape = {"image_size": SIZE, "channels": (8, 8, 8, 8), "hidden": 32, "chunk": 4, **more}
    return GoalVLAConfig(**shape)


def executor(seed: int = 0, **more: object) -> GoalVLA:
    torch.manual_seed(seed)
    return GoalVLA(executor_config(**more))


def policy(seed: int = 0, **more: object) -> GoalVLAPolicy:
    return GoalVLAPolicy(executor(seed, **more), text_encoder())


def unet(seed: int = 0) -> GoalUNet:
    """Its output layer, which starts at zero, is made random, so that the network changes the image."""
    torch.manual_seed(seed)
    net = GoalUNet(image_size=SIZE, channels=8, deep_channels=16, depth=1)
    torch.nn.init.normal_(net.out.weight, std=0.05)
    return net.eval()


def pipeline(seed: int = 0) -> GoalImagePipeline:
    return GoalImagePipeline(unet(seed), make_scheduler())


def world_model(*, steps: int = 1, candidates: int = 1) -> ImageWorldModel:
    return ImageWorldModel(pipeline(), steps=steps, candidates=candidates, text=text_encoder())


def detector_net(seed: int = 0) -> SceneDetectorNet:
    torch.manual_seed(seed)
    splits = load_splits()
    shape = SceneDetectorConfig(
        image_size=SIZE, shapes=(*splits.shapes, "tray"), colours=splits.colours, channels=8
    )
    return SceneDetectorNet(shape)


def detector(threshold: float = 0.05) -> SceneDetector:
    """At this threshold an untrained network sees many things."""
    net = detector_net()
    torch.nn.init.constant_(net.out.bias[:1], 3.0)
    return SceneDetector(net, panda(), threshold)


def planner_net(seed: int = 0) -> PlannerHead:
    torch.manual_seed(seed)
    words = make_config().words
    return PlannerHead(PlannerHeadConfig(image_size=SIZE, words=words, width=32))


def planner(seed: int = 0, detector: Detector | None = None) -> HeadPlanner:
    return HeadPlanner(planner_net(seed), text_encoder(), detector, panda().places)


def pose(rng: np.random.Generator) -> np.ndarray:
    """A random end-effector pose f32 (4, 4) above the table."""
    from scipy.spatial.transform import Rotation

    out = np.eye(4)
    out[:3, :3] = Rotation.from_euler("xyz", np.array([np.pi, 0, 0]) + rng.normal(0, 0.3, 3)).as_matrix()
    out[:3, 3] = rng.uniform([0.4, -0.2, 0.05], [0.6, 0.2, 0.3])
    return out.astype(np.float32)


def demonstrations(folder: Path, shards: int = 2, size: int = SIZE, rows: int = 6) -> Path:
    """Demonstrations: two segments a shard, ``rows`` rows each, the last two of them done."""
    rng = np.random.default_rng(0)
    n = 2 * rows
    for i in range(shards):
        done = np.tile(np.arange(rows) >= rows - 2, 2)
        arrays = {
            "front": rng.integers(0, 256, (n, size, size, 3), np.uint8),
            "wrist": rng.integers(0, 256, (n, size, size, 3), np.uint8),
            "ee": np.stack([pose(rng) for _ in range(n)]),
            "target": np.stack([pose(rng) for _ in range(n)]),
            "gripper": rng.random((n, 4)).astype(np.float32),
            "done": done.astype(np.uint8),
            "segment": np.repeat(np.arange(2, dtype=np.int32), rows),
            "goal": rng.integers(0, 256, (2, size, size, 3), np.uint8),
            "text": np.array(["grasp the blue mug", "place the blue mug in the tray"]),
        }
        write_shard(folder / f"shard{i:05d}", arrays)
    return folder


def pairs(folder: Path, shards: int = 2, size: int = SIZE) -> Path:
    """Image pairs as the world model, the detector and the planner head are trained on."""
    rng = np.random.default_rng(0)
    for i in range(shards):
        label = np.full((2, 6, 2), -1, np.int16)
        label[:, 0], label[:, 1] = (8, 2), (9, -1)
        box = np.zeros((2, 6, 4), np.float32)
        box[:, 0], box[:, 1] = (0.3, 0.3, 0.5, 0.5), (0.6, 0.2, 0.9, 0.4)
        position = np.zeros((2, 6, 3), np.float32)
        position[:, 0], position[:, 1] = (0.45, 0.05, 0.02), (0.55, -0.1, 0.0)
        arrays = {
            "image": rng.integers(0, 256, (4, size, size, 3), np.uint8),
            "gripper": rng.random((4, 2)).astype(np.float32),
            "source": np.array([0, 2], np.int32),
            "goal": np.array([1, 3], np.int32),
            "text": np.array(["grasp the blue mug", "place the blue mug in the tray"]),
            "hand": rng.random((2, 2)).astype(np.float32),
            "object": np.array([[0.4, 0.6], [-1.0, -1.0]], np.float32),
            "stage": np.array([0, 1], np.int8),
            "seen": np.array([0, 2], np.int32),
            "label": label,
            "box": box,
            "position": position,
        }
        write_shard(folder / f"shard{i:05d}", arrays)
    return folder


def spoil(shard: Path, key: str, how: str) -> None:
    """Break one array of a shard: missing, torn, short, nan, size (of frames) or index (out of range)."""
    file = shard / f"{key}.npy"
    if how == "missing":
        file.unlink()
        return
    if how == "torn":
        file.write_bytes(file.read_bytes()[:-7])
        return
    array = np.load(file)
    if how == "short":
        array = array[:-1]
    elif how == "nan":
        array[1] = np.nan
    elif how == "size":
        array = array[:, 1:]
    elif how == "index":
        array[1] = 99
    np.save(file, array)
