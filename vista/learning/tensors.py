"""Images as tensors; every network's training and run time call it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from vista.types import U8


def to_tensor(images: U8) -> Tensor:
    """u8 (N, H, W, 3) to f32 (N, 3, H, W) in [-1, 1], channels last in memory."""
    # Torch warns of arrays that are read-only, as those of an observation are.
    pixels = np.require(images, requirements=["C", "W"])
    tensor = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    return tensor.float().div_(127.5).sub_(1.0)
