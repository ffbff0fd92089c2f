"""Action chunks by flow matching, the paper's choice (VISTA, arXiv 2602.10983, section IV; after pi0,
arXiv 2410.24164): from noise to a chunk in a few Euler steps.

The images are looked at once; only this small network runs at every step.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Row t of a chunk is cumulative, so its spread grows with t: one unit of noise is this much a row.
METRES_A_ROW, RADIANS_A_ROW = 0.01, 0.03
_TIMES = 64


class ChunkFlow(nn.Module):
    """The velocity field over chunks (B, T, 7), given what was seen (B, F).

    A chunk here has no units: translation and turn in shares of :data:`METRES_A_ROW` and
    :data:`RADIANS_A_ROW` times its row number, the gripper -1 closed, 1 open.
    """

    def __init__(self, features: int, chunk: int, actions: int, hidden: int) -> None:
        super().__init__()
        self.shape = (chunk, actions)
        self.enter = nn.Linear(features + chunk * actions + _TIMES, hidden)
        self.layers = nn.ModuleList(nn.Linear(hidden + _TIMES, hidden) for _ in range(3))
        self.leave = nn.Linear(hidden, chunk * actions)

    def units(self, like: Tensor) -> Tensor:
        """What one unit of a chunk is, (T, 6): metres and radians."""
        row = torch.arange(1, self.shape[0] + 1, device=like.device, dtype=torch.float32)[:, None]
        unit = torch.tensor([METRES_A_ROW] * 3 + [RADIANS_A_ROW] * 3, device=like.device)
        return row * unit

    def normalised(self, delta: Tensor, gripper: Tensor) -> Tensor:
        """A chunk (B, T, 7) without units from ``delta`` (B, T, 6) [m, rad] and ``gripper`` (B, T) [0, 1]."""
        return torch.cat([delta / self.units(delta), gripper[..., None] * 2 - 1], -1)

    def forward(self, features: Tensor, noisy: Tensor, time: Tensor) -> Tensor:
        """Velocity (B, T, 7) at ``noisy`` (B, T, 7) and ``time`` (B,): 0 is noise, 1 the chunk."""
        freq = torch.exp(torch.linspace(0, math.log(200), _TIMES // 2, device=time.device))
        angle = time.float()[:, None] * freq
        when = torch.cat([angle.sin(), angle.cos()], 1).to(features.dtype)
        x = F.silu(self.enter(torch.cat([features, noisy.flatten(1).to(features.dtype), when], 1)))
        for layer in self.layers:
            x = x + F.silu(layer(torch.cat([x, when], 1)))
        velocity: Tensor = self.leave(x).float().view(-1, *self.shape)
        return velocity

    def sample(self, features: Tensor, noise: Tensor, steps: int) -> tuple[Tensor, Tensor]:
        """``delta`` (B, T, 6) [m, rad] and gripper logits (B, T) from ``noise`` (B, T, 7)."""
        chunk = noise.float()
        for i in range(steps):
            time = torch.full((len(chunk),), i / steps, device=chunk.device)
            chunk = chunk + self(features, chunk, time) / steps
        return chunk[..., :6] * self.units(chunk), chunk[..., 6] * 4.0

    def loss(self, features: Tensor, delta: Tensor, gripper: Tensor, noise: Tensor, time: Tensor) -> Tensor:
        """Flow matching: mean squared error of the velocity on the straight line from noise to chunk."""
        wanted = self.normalised(delta.float(), gripper.float())
        at = time.float()[:, None, None]
        noisy = (1 - at) * noise + at * wanted
        return (self(features, noisy, time) - (wanted - noise)).square().mean()
