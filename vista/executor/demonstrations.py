"""Demonstrations with their labels: what the executor learns from.

Targets are cumulative: row t of a chunk is the expert's clean target t steps on, relative to the pose
measured now, in the hand frame. After the milestone the last target repeats (VISTA's subtask-aware padding,
arXiv 2602.10983, section IV).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from vista.errors import ConfigError
from vista.executor.features import proprio
from vista.executor.modeling import GoalVLAConfig
from vista.learning.shards import (
    check_finite,
    check_frames,
    check_indices,
    check_lengths,
    load_arrays,
    shard_folders,
)
from vista.learning.text_encoder import TextEncoder
from vista.skill import Skill, Verb, unnamed_text

KEYS = ("front", "wrist", "ee", "target", "gripper", "done", "segment", "goal", "text")


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
    for first, second in zip(texts[::2], texts[1::2], strict=False):
        grasp, place = Skill.find(first), Skill.find(second)
        if (
            grasp is None
            or place is None
            or len(texts) % 2
            or (grasp.verb, place.verb, grasp.thing) != (Verb.GRASP, Verb.PLACE, place.thing)
        ):
            raise ConfigError(f"{shard}: {first!r}, {second!r} are not the two subtasks of one episode")
        told += [f"put the {place.thing} {place.relation} the {place.place}"] * 2
    return np.arange(len(texts)) // 2, np.array(told)


def _unnamed(text: str) -> str:
    """What ``text`` says to do, not with which thing; ``text`` itself where it is no skill."""
    skill = Skill.find(text)
    return text if skill is None else unnamed_text(skill)


def _last_segments(episode: np.ndarray) -> np.ndarray:
    """Of each segment the last one of its episode, (S,)."""
    last = np.flatnonzero(np.diff(episode, append=episode[-1] + 1))
    return last[np.searchsorted(last, np.arange(len(episode)))]


class Demonstrations:
    """Demonstrations in memory with their labels; refuses broken data before training starts.

    Args:
        folder: Shards as ``vista_sim.generate.demos`` writes them.
        imagined: Folder with the same shards' ``imagined.npy`` (S, K, 96, 96, 3), or None.

        padding: Whether the last target repeats after a milestone; else the chunk goes on with what the
            expert did in the next subtask (for the comparison).

    An executor that is told the whole instruction (``config.told``) gets whole episodes instead of subtasks.

    Raises:
        ConfigError: missing or mixed-size arrays, episodes of which nobody knows the instruction;
        InvalidValueError: non-finite targets. Both name the file.
    """

    def __init__(
        self, folder: Path, config: GoalVLAConfig, imagined: Path | None = None, *, padding: bool = True
    ) -> None:
        parts: dict[str, list[np.ndarray]] = {k: [] for k in KEYS}
        extra: list[np.ndarray] = []
        last_of: list[np.ndarray] = []  # of each segment, that with which its chunks may end
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
            count = len(arrays["goal"])
            own = np.arange(count)
            if not padding and config.told != "instruction":
                own = _last_segments(_episodes(shard, arrays)[0])
            last_of.append(own + offset)
            arrays["segment"] = arrays["segment"] + offset
            offset += len(arrays["goal"])
            for key in KEYS:
                parts[key].append(arrays[key])
        # One after the other, its shards let go: twice all images would be twice the memory.
        joined = {k: np.concatenate(parts.pop(k)) for k in KEYS}
        self.front, self.wrist, self.goal = joined["front"], joined["wrist"], joined["goal"]
        self.imagined = np.concatenate(extra) if extra else None
        self.flow = config.chunk_head == "flow"
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
        until = last[np.concatenate(last_of)][self.segment]
        steps = np.minimum(np.arange(n)[:, None] + np.arange(config.chunk)[None], until[:, None])
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
        said = [_unnamed(str(t)) if config.told == "unnamed" else str(t) for t in joined["text"]]
        texts, self.text_index = np.unique(said, return_inverse=True)
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
