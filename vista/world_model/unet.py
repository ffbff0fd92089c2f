"""The world model's network: from the current image and a sentence to the image at the end of the subtask.

A small convolutional U-Net on 4 x 4 pixel patches with self and text attention at its lowest resolution. It
first says *where* the gripper and the object will be (heat maps). Its decoder reads these maps before it
paints the image: otherwise both stay a blur between all the places where they could be.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn

PATCH = 4


@dataclass
class GoalUNetOutput:
    """``change`` (B, 3, S, S): goal minus current image, images in [-1, 1]; ``heat`` (B, S/4, S/4): logits of
    where the gripper will be; ``object_heat``: the same for the object, where the network tells it."""

    change: Tensor
    heat: Tensor
    object_heat: Tensor | None = None


class ResBlock(nn.Module):
    """Residual convolutions whose scale and shift come from noise level and sentence."""

    def __init__(self, channels: int, cond: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(8, channels), nn.GroupNorm(8, channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.film = nn.Linear(cond, 2 * channels)
        nn.init.zeros_(self.conv2.weight)

    def forward(self, x: Tensor, cond: Tensor) -> Tensor:
        scale, shift = self.film(cond)[..., None, None].chunk(2, 1)
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.conv2(F.silu(self.norm2(h) * (1 + scale) + shift))
        return x + h


class Attention(nn.Module):
    """Self-attention over the map, then attention to the sentence's tokens, then an MLP."""

    def __init__(self, channels: int, text: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(channels) for _ in range(3))
        self.qkv = nn.Linear(channels, 3 * channels)
        self.out1 = nn.Linear(channels, channels)
        self.q = nn.Linear(channels, channels)
        self.kv = nn.Linear(text, 2 * channels)
        self.out2 = nn.Linear(channels, channels)
        self.mlp = nn.Sequential(
            nn.Linear(channels, 2 * channels), nn.GELU(), nn.Linear(2 * channels, channels)
        )

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def forward(self, x: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
        q, k, v = (self._split(t) for t in self.qkv(self.norm1(x)).chunk(3, -1))
        x = x + self.out1(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        k, v = (self._split(t) for t in self.kv(tokens).chunk(2, -1))
        q = self._split(self.q(self.norm2(x)))
        seen = F.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None, :])
        x = x + self.out2(seen.transpose(1, 2).flatten(2))
        return x + self.mlp(self.norm3(x))


class GoalUNet(ModelMixin, ConfigMixin):
    """See the module's text. Images f32 (B, 3, S, S) in [-1, 1], sentence tokens f32 (B, L, 384) with mask
    (B, L)."""

    @register_to_config
    def __init__(
        self,
        image_size: int = 96,
        camera: str = "front",
        channels: int = 80,
        deep_channels: int = 160,
        depth: int = 4,
        text_dim: int = 384,
        noise_scale: float = 0.1,
        tells_object: bool = False,
    ) -> None:
        super().__init__()
        cond, c, d = 256, channels, deep_channels
        self.time = nn.Sequential(nn.Linear(64, cond), nn.SiLU(), nn.Linear(cond, cond))
        self.sentence = nn.Linear(text_dim, cond)
        self.stem = nn.Conv2d(6 * PATCH * PATCH, c, 3, padding=1)
        self.down1 = nn.ModuleList(ResBlock(c, cond) for _ in range(2))
        self.shrink = nn.Conv2d(c, d, 3, stride=2, padding=1)
        side = image_size // PATCH // 2
        self.place = nn.Parameter(torch.randn(1, side * side, d) * 0.02)
        self.deep_res = nn.ModuleList(ResBlock(d, cond) for _ in range(depth))
        self.deep_att = nn.ModuleList(Attention(d, text_dim) for _ in range(depth))
        self.grow = nn.Conv2d(d, c, 1)
        self.merge = nn.Conv2d(2 * c, c, 1)
        self.up1 = ResBlock(c, cond)
        self.heat = nn.Conv2d(c, 1, 3, padding=1)
        self.tell = nn.Conv2d(1, c, 5, padding=2)
        self.tell_there = nn.Linear(c, c)
        self.object_heat = self.tell_object = self.tell_object_there = None
        if tells_object:
            self.object_heat = nn.Conv2d(c, 1, 3, padding=1)
            self.tell_object = nn.Conv2d(1, c, 5, padding=2)
            self.tell_object_there = nn.Linear(c, c)
            # A network that learns this later begins with what it knew.
            for layer in (self.tell_object, self.tell_object_there):
                nn.init.zeros_(layer.weight)
                assert layer.bias is not None
                nn.init.zeros_(layer.bias)
        self.up2 = nn.ModuleList(ResBlock(c, cond) for _ in range(3))
        self.norm = nn.GroupNorm(8, c)
        self.out = nn.Conv2d(c, 4 * PATCH * PATCH, 3, padding=1)
        assert self.out.bias is not None
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def _time(self, sigma: Tensor) -> Tensor:
        freq = torch.exp(torch.linspace(0, math.log(1000), 32, device=sigma.device))
        angle = sigma.float()[:, None] * freq
        return self.time(torch.cat([angle.sin(), angle.cos()], 1))

    def where(self, noisy: Tensor, current: Tensor, sigma: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
        """The logits (B, S/4, S/4) of where the gripper will be, without the image."""
        x, _, _ = self._seen(noisy, current, sigma, tokens, mask)
        out: Tensor = self.heat(F.silu(x)).float()[:, 0]
        return out

    def _seen(
        self, noisy: Tensor, current: Tensor, sigma: Tensor, tokens: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The map (B, C, S/4, S/4) that the decoder begins with, the one of the first blocks, and the
        condition."""
        weight = mask[..., None].to(tokens.dtype)
        mean = (tokens * weight).sum(1) / weight.sum(1).clamp(min=1)
        cond = F.silu(self._time(sigma) + self.sentence(mean))
        x = self.stem(F.pixel_unshuffle(torch.cat([noisy, current], 1), PATCH))
        for block in self.down1:
            x = block(x, cond)
        skip = x
        x = self.shrink(F.silu(x))
        side = x.shape[-1]
        for i, (res, att) in enumerate(zip(self.deep_res, self.deep_att, strict=True)):
            x = res(x, cond)
            flat = x.flatten(2).transpose(1, 2)
            flat = att(flat + self.place if i == 0 else flat, tokens, mask)
            x = flat.transpose(1, 2).unflatten(2, (side, side))
        x = F.interpolate(self.grow(x), scale_factor=2.0, mode="nearest")
        x = self.up1(self.merge(torch.cat([x, skip], 1)), cond)
        return x, skip, cond

    def forward(
        self,
        noisy: Tensor,
        current: Tensor,
        sigma: Tensor,
        tokens: Tensor,
        mask: Tensor,
        prior: Tensor | None = None,
        object_prior: Tensor | None = None,
    ) -> GoalUNetOutput:
        """``noisy``: the sample at noise level ``sigma`` (B,), 1 at the start and 0 at the goal image.

        ``prior`` (B, S/4, S/4): somebody else's log probability of where the gripper will be, up to a
        constant; the network's own is weighed by it before the image is painted. ``object_prior``: the same
        of where the object will be.
        """
        x, skip, cond = self._seen(noisy, current, sigma, tokens, mask)
        asked = F.silu(x)
        heat = self.heat(asked).float()
        if prior is not None:
            heat = heat + prior[:, None]
        x = _told(x, heat, skip, self.tell, self.tell_there)
        object_heat = None
        if self.object_heat is not None:
            object_heat = self.object_heat(asked).float()
            assert self.tell_object is not None
            assert self.tell_object_there is not None
            if object_prior is not None:
                object_heat = object_heat + object_prior[:, None]
            x = _told(x, object_heat, skip, self.tell_object, self.tell_object_there)
        for block in self.up2:
            x = block(x, cond)
        painted = F.pixel_shuffle(self.out(F.silu(self.norm(x))), PATCH).float()
        # New pixels under a soft mask: to take the arm away the network paints the table over it. Without the
        # mask it had to output the arm's own image, negated, and the arm's edges stayed behind.
        cover = (painted[:, 3:] - 2.0).sigmoid()
        change = cover * (painted[:, :3] - current.float())
        return GoalUNetOutput(change, heat[:, 0], None if object_heat is None else object_heat[:, 0])


def _told(x: Tensor, heat: Tensor, skip: Tensor, tell: nn.Module, tell_there: nn.Module) -> Tensor:
    """The map ``x`` (B, C, N, N) with what ``heat`` (B, 1, N, N), logits, says."""
    where = heat.flatten(1).softmax(-1).view_as(heat)
    # The soft-max of one cell in 576 is small; a square root keeps a spread-out answer visible, too.
    x = x + tell(where.sqrt().to(x.dtype) * 3.0)
    # What stands at that place, told to every cell: the object has to leave with the gripper.
    there = (where.to(x.dtype) * skip).sum((2, 3))
    out: Tensor = x + tell_there(there)[..., None, None]
    return out
