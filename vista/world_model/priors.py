"""A detector's opinion on where gripper and object will be, as a prior of the world model.

The world model learns from sentences, and in one of fifteen scenes looks at another thing of the same colour
or shape; a detector makes other mistakes.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from vista.protocols import Detector
from vista.skill import Relation, Skill, Verb
from vista.types import F32, Observation

DOUBT, WEIGHT = 0.02, 2.0
"""The score of a thing that the detector does not see but that may be there; and the weight of the detector
against the network, which errs twice as often (tuning seeds: 6 of 95 against 3)."""
RETREAT_M = 0.2
"""Height of the hand over the table after it put something down, in the images the network learned from
[m]."""
UPON_M = 0.07
"""About the height over the table of the middle of a thing that stands on another one [m]."""


def _on_grid(evidence: F32, cells: int) -> torch.Tensor:
    image = torch.from_numpy(np.ascontiguousarray(evidence))[None, None].float()
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


def priors(detector: Detector, obs: Observation, skill: Skill | None, cells: int) -> dict[str, torch.Tensor]:
    """The opinion of ``detector`` on the end of ``skill``, as arguments of the pipeline, f32 (``cells``,
    ``cells``) each. Empty unless something is grasped or put on something, and for a detector without
    maps."""
    if skill is None:
        return {}
    if skill.verb is Verb.GRASP:
        seen = detector.evidence(obs, skill.thing)
        if seen is None:
            return {}
        near = torch.from_numpy(grasp_prior(seen, cells))
        return {"prior": near, "object_prior": near}
    if skill.verb is not Verb.PLACE or skill.relation is not Relation.ON:
        return {}
    found = {}
    for name, height_m in (("prior", RETREAT_M), ("object_prior", UPON_M)):
        above = detector.evidence(obs, skill.place, height_m)
        if above is not None:
            found[name] = torch.from_numpy(place_prior(above, cells))
    return found
