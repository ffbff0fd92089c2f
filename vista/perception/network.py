"""The detector's network: object centres on a coarse grid, with shape, colour, box and place for each cell.

Anchor-free detection by centre points (Zhou et al., "Objects as Points", 2019), made small.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PretrainedConfig, PreTrainedModel

CELL = 4
CONTAINERS, HANDLES = ("tray",), ("drawer",)
"""The shape words of containers and of drawers' handles, for a detector that is trained here and for one
whose configuration does not say."""


class SceneDetectorConfig(PretrainedConfig):
    """``shapes`` and ``colours`` are the words of a label. Those among the shapes that are ``containers`` or
    the ``handles`` of drawers have no colour; they come last."""

    model_type = "scene_detector"

    def __init__(
        self,
        image_size: int = 96,
        camera: str = "front",
        shapes: tuple[str, ...] = (),
        colours: tuple[str, ...] = (),
        channels: int = 64,
        sigma_m: float = 0.02,
        containers: tuple[str, ...] = CONTAINERS,
        handles: tuple[str, ...] = HANDLES,
        **kwargs: object,
    ) -> None:
        self.image_size = image_size
        self.camera = camera
        self.shapes, self.colours = list(shapes), list(colours)
        self.containers, self.handles = list(containers), list(handles)
        self.channels = channels
        self.sigma_m = sigma_m
        super().__init__(**kwargs)


@dataclass
class DetectorOutput:
    """Maps over the (S/4, S/4) grid: ``centre`` (B, G, G) logits; ``shape`` (B, G, G, Ns) and ``colour`` (B,
    G, G, Nc) logits; ``box`` (B, G, G, 4): centre offset in the cell [cells], width and height [image
    fractions]; ``place`` (B, G, G, 3): position in the base frame minus the point where the cell's ray meets
    the table [dm]."""

    centre: Tensor
    shape: Tensor
    colour: Tensor
    box: Tensor
    place: Tensor


class _Res(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(8, channels), nn.GroupNorm(8, channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(F.silu(self.norm2(self.conv1(F.silu(self.norm1(x))))))


class SceneDetectorNet(PreTrainedModel):
    """Image f32 (B, 3, S, S) in [-1, 1] to :class:`DetectorOutput`."""

    config_class = SceneDetectorConfig
    main_input_name = "image"

    def __init__(self, config: SceneDetectorConfig) -> None:
        super().__init__(config)
        c = config.channels
        self.stem = nn.Conv2d(12, 32, 3, padding=1)
        self.down1 = nn.Conv2d(32, c, 3, stride=2, padding=1)
        self.res1 = nn.Sequential(_Res(c), _Res(c))
        self.down2 = nn.Conv2d(c, 2 * c, 3, stride=2, padding=1)
        self.res2 = nn.Sequential(_Res(2 * c), _Res(2 * c))
        self.up = nn.Conv2d(2 * c, c, 1)
        self.res3 = nn.Sequential(_Res(c), _Res(c))
        self.out = nn.Conv2d(c, 1 + len(config.shapes) + len(config.colours) + 4 + 3, 1)
        self.pooled = nn.Linear(2 * c, c)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """Layers initialise themselves when they are built."""

    def forward(self, image: Tensor) -> DetectorOutput:
        x = F.silu(self.stem(F.pixel_unshuffle(image, 2)))
        x = self.res1(self.down1(x))
        deep = self.res2(self.down2(x))
        wide = F.interpolate(self.up(deep), scale_factor=2.0, mode="nearest")
        # The whole image shows how far the camera has moved, so every cell reads a summary of it.
        x = self.res3(x + wide + self.pooled(deep.mean((2, 3)))[..., None, None])
        maps = self.out(F.silu(x)).float().permute(0, 2, 3, 1)
        ns, nc = len(self.config.shapes), len(self.config.colours)
        centre, shape, colour, box, place = maps.split([1, ns, nc, 4, 3], -1)
        return DetectorOutput(centre[..., 0] - 3.0, shape, colour, box, place)
