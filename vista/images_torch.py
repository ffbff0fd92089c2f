"""Images as tensors; every network's training and run time call it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from vista.types import U8


def to_tensor(images: U8) -> Tensor:
    """u8 (N, H, W, 3) to f32 (N, 3, H, W) in [-1, 1], channels last in memory."""
    tensor = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2)
    return tensor.float().div_(127.5).sub_(1.0)
