"""GoalVLA: current images + goal image + subtask text + proprioception to a chunk of actions.

After VISTA's executor (arXiv 2602.10983, section IV: goal-conditioned VLA, chunk in end-effector space), made
small: two convolutional trunks with FiLM from text and proprioception, spatial soft-max key points at two
scales plus a flattened low-resolution map, an MLP head. ``goal_image=False`` is the baseline of every table:
the same structure that is told by text alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PretrainedConfig, PreTrainedModel

from vista.errors import UnknownNameError
from vista.executor.flow import ChunkFlow

ACTION_DIM = 7
# What the sentence is: of the subtask (VISTA), the same without the names of things, which the goal image
# shows (``vista.skill.unnamed``), the whole instruction, or none.
TOLD = ("subtask", "unnamed", "instruction", "none")
# How a chunk is made: regressed, or sampled by flow matching (vista/executor/flow.py).
HEADS = ("l1", "flow")


class GoalVLAConfig(PretrainedConfig):
    """Shape of a :class:`GoalVLA`.

    ``image_size`` [px]; ``cameras``: current images, the first is the one the goal image shows;
    ``goal_image``: whether a goal image is given; ``told``: one of :data:`TOLD`; ``chunk``: rows of a chunk;
    ``dt_s``; ``action_space``; ``proprio_dim``; ``text_dim``; ``channels`` of the four stages of a trunk;
    ``chunk_head``: one of :data:`HEADS`; ``flow_steps``: of the sampler, where it is a flow.
    """

    model_type = "goal_vla"

    def __init__(
        self,
        image_size: int = 96,
        cameras: tuple[str, ...] = ("front", "wrist"),
        goal_image: bool = True,
        told: str = TOLD[0],
        chunk: int = 8,
        dt_s: float = 0.1,
        action_space: str = "ee_delta",
        proprio_dim: int = 12,
        text_dim: int = 384,
        channels: tuple[int, ...] = (32, 64, 96, 128),
        hidden: int = 512,
        translation_scale: float = 0.05,
        rotation_scale: float = 0.3,
        chunk_head: str = HEADS[0],
        flow_steps: int = 8,
        **kwargs: object,
    ) -> None:
        self.image_size = image_size
        self.cameras = list(cameras)
        if told not in TOLD:
            raise UnknownNameError("sentence of an executor", told, TOLD)
        if chunk_head not in HEADS:
            raise UnknownNameError("head of an executor", chunk_head, HEADS)
        self.goal_image = goal_image
        self.told = told
        self.chunk = chunk
        self.dt_s = dt_s
        self.action_space = action_space
        self.proprio_dim = proprio_dim
        self.text_dim = text_dim
        self.channels = list(channels)
        self.hidden = hidden
        self.translation_scale = translation_scale
        self.rotation_scale = rotation_scale
        self.chunk_head = chunk_head
        self.flow_steps = flow_steps
        super().__init__(**kwargs)


class _Block(nn.Module):
    """Residual convolution with FiLM."""

    def __init__(self, channels: int, cond: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(8, channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.film = nn.Linear(cond, 2 * channels)
        nn.init.zeros_(self.film.weight)
        nn.init.zeros_(self.film.bias)

    def forward(self, x: Tensor, cond: Tensor) -> Tensor:
        scale, shift = self.film(cond)[..., None, None].chunk(2, dim=1)
        h = F.silu(self.conv1(self.norm(x)) * (1 + scale) + shift)
        return F.silu(x + self.conv2(h))


class _KeyPoints(nn.Module):
    """Spatial soft-max: (B, C, H, W) to expected coordinates (B, 2 K) in [-1, 1]."""

    def __init__(self, channels: int, points: int) -> None:
        super().__init__()
        self.heat = nn.Conv2d(channels, points, 1)

    def forward(self, x: Tensor) -> Tensor:
        heat = self.heat(x).float()
        b, k, h, w = heat.shape
        weight = heat.flatten(2).softmax(-1).view(b, k, h, w)
        ys = torch.linspace(-1, 1, h, device=x.device)
        xs = torch.linspace(-1, 1, w, device=x.device)
        return torch.cat([(weight.sum(3) * ys).sum(2), (weight.sum(2) * xs).sum(2)], 1)


class _Trunk(nn.Module):
    """Image (B, C, 96, 96) to a feature vector."""

    def __init__(self, in_channels: int, channels: list[int], cond: int, out: int, size: int) -> None:
        super().__init__()
        c1, c2, c3, c4 = channels
        # The first two stages work on 2 x 2 pixels folded into channels: full resolution costs most and adds
        # least.
        self.stem = nn.Conv2d(in_channels * 4, c1, 3, padding=1)
        self.down1 = nn.Conv2d(c1, c2, 3, stride=2, padding=1)
        self.block1 = _Block(c2, cond)
        self.down2 = nn.Conv2d(c2, c3, 3, stride=2, padding=1)
        self.block2 = _Block(c3, cond)
        self.down3 = nn.Conv2d(c3, c4, 3, stride=2, padding=1)
        self.block3 = _Block(c4, cond)
        self.points1 = _KeyPoints(c2, 32)
        self.points2 = _KeyPoints(c3, 48)
        self.map = nn.Conv2d(c3, 12, 1)
        self.pool = nn.Linear(c4, 128)
        side = size // 8
        self.out = nn.Linear(64 + 96 + 12 * side * side + 128, out)

    def forward(self, image: Tensor, cond: Tensor) -> Tensor:
        x = F.pixel_unshuffle(image, 2)
        x = F.silu(self.stem(x))
        x = F.silu(self.down1(x))
        x = self.block1(x, cond)
        p1 = self.points1(x)
        x = self.block2(F.silu(self.down2(x)), cond)
        p2, flat = self.points2(x), self.map(x).flatten(1)
        x = self.block3(F.silu(self.down3(x)), cond)
        pooled = F.silu(self.pool(x.mean((2, 3))))
        return F.silu(self.out(torch.cat([p1.to(flat.dtype), p2.to(flat.dtype), flat, pooled], 1)))


@dataclass
class GoalVLAOutput:
    """``delta`` (B, T, 6) translation [m] and rotation vector [rad], hand frame, cumulative; ``gripper``
    logits (B, T), positive for open; ``progress``, ``reached`` logits (B,); ``goal_pose`` (B, 4): where the
    gripper will be at the milestone relative to now, hand frame [translation_scale m], and the turn
    [rotation_scale rad]. ``seen`` (B, F): what the head of the chunk went by."""

    delta: Tensor
    gripper: Tensor
    progress: Tensor
    reached: Tensor
    goal_pose: Tensor
    seen: Tensor


class GoalVLA(PreTrainedModel):
    """The network; see the module's text. Images are f32 in [-1, 1], NCHW."""

    config_class = GoalVLAConfig
    main_input_name = "images"

    def __init__(self, config: GoalVLAConfig) -> None:
        super().__init__(config)
        cond = 192
        self.text = nn.Linear(config.text_dim, 128)
        self.proprio = nn.Sequential(
            nn.Linear(config.proprio_dim, 128), nn.SiLU(), nn.Linear(128, 64), nn.SiLU()
        )
        feature = 384
        trunks = []
        for i, _ in enumerate(config.cameras):
            inputs = 6 if i == 0 and config.goal_image else 3
            trunks.append(_Trunk(inputs, config.channels, cond, feature, config.image_size))
        self.trunks = nn.ModuleList(trunks)
        self.head = nn.Sequential(
            nn.Linear(feature * len(trunks) + cond, config.hidden),
            nn.SiLU(),
            nn.Linear(config.hidden, config.hidden),
            nn.SiLU(),
            nn.Linear(config.hidden, config.chunk * ACTION_DIM + 6),
        )
        # None where the chunk is regressed by ``head`` alone.
        self.flow = (
            ChunkFlow(feature * len(trunks) + cond, config.chunk, ACTION_DIM, config.hidden)
            if config.chunk_head == "flow"
            else None
        )
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """Layers initialise themselves when they are built (FiLM starts as the identity)."""

    def forward(
        self,
        images: list[Tensor],
        goal: Tensor | None,
        text: Tensor,
        proprio: Tensor,
        noise: Tensor | None = None,
    ) -> GoalVLAOutput:
        """``images``: one (B, 3, S, S) per camera of the configuration; ``goal`` (B, 3, S, S) or None;
        ``text`` (B, 384): mean token embedding; ``proprio`` (B, 12); ``noise`` (B, T, 7): where a flow
        starts, else its mean."""
        cond = torch.cat([F.silu(self.text(text)), self.proprio(proprio)], 1)
        features = []
        for i, (trunk, image) in enumerate(zip(self.trunks, images, strict=True)):
            if i == 0 and self.config.goal_image:
                assert goal is not None
                image = torch.cat([image, goal], 1)
            features.append(trunk(image, cond))
        seen = torch.cat([*features, cond], 1)
        raw = self.head(seen).float()
        b, t = len(raw), self.config.chunk
        rows = raw[:, : t * ACTION_DIM].view(b, t, ACTION_DIM)
        extra = raw[:, t * ACTION_DIM :]
        delta = torch.cat(
            [rows[..., :3] * self.config.translation_scale, rows[..., 3:6] * self.config.rotation_scale], -1
        )
        gripper = rows[..., 6]
        # While it learns, the flow is asked for its velocity by the loss, not for chunks.
        if self.flow is not None and not self.training:
            start = torch.zeros_like(rows) if noise is None else noise
            delta, gripper = self.flow.sample(seen, start, self.config.flow_steps)
        return GoalVLAOutput(delta, gripper, extra[:, 0], extra[:, 1], extra[:, 2:6], seen)
