"""The grounding of a skill as a prior of the world model: where gripper and object will be.

The world model learns from sentences, and in one of fifteen scenes looks at another thing of the same colour
or shape; a detector makes other mistakes.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from vista.skill import Skill, Verb
from vista.types import F32, Grounding

DOUBT, WEIGHT = 0.02, 2.0
"""The score of a thing that the detector does not see but that may be there; and the weight of the detector
against the network, which errs twice as often (tuning seeds: 6 of 95 against 3)."""


def _on_grid(evidence: F32, cells: int) -> torch.Tensor:
    image = torch.tensor(evidence, dtype=torch.float32)[None, None]
    return image if evidence.shape[0] == cells else F.adaptive_max_pool2d(image, cells)


def _near(image: torch.Tensor) -> F32:
    """Log probability, up to a constant, of being in a cell of ``image`` (1, 1, N, N) or around it."""
    near = F.max_pool2d(image, 3, 1, 1)
    out: F32 = (WEIGHT * torch.log(near + DOUBT))[0, 0].numpy()
    return out


def grasp_prior(evidence: F32, cells: int) -> F32:
    """Log probability f32 (``cells``, ``cells``), up to a constant, of where the gripper is when it holds the
    thing of ``evidence`` (N, N): up to a cell higher, as the thing is lifted, and a cell around."""
    image = _on_grid(evidence, cells)
    raised = F.pad(image[:, :, 1:], (0, 0, 0, 1))
    return _near(torch.maximum(image, raised))


def place_prior(evidence: F32, cells: int) -> F32:
    """The same of where the gripper is when it has put something onto the thing of ``evidence`` (N, N), which
    is that of the gripper's height."""
    return _near(_on_grid(evidence, cells))


def priors(skill: Skill | None, grounding: Grounding | None, cells: int) -> dict[str, torch.Tensor]:
    """What ``grounding`` says of the end of ``skill``, as arguments of the pipeline, f32 (``cells``,
    ``cells``) each. Empty without maps of the end."""
    if skill is None or grounding is None:
        return {}
    prior = grasp_prior if skill.verb is Verb.GRASP else place_prior
    ends = {"prior": grounding.hand_end, "object_prior": grounding.thing_end}
    return {name: torch.from_numpy(prior(end, cells)) for name, end in ends.items() if end is not None}
