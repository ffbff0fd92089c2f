"""A second opinion on where gripper and object will be, from whoever sees what an image shows.

The world model learns from sentences, and in one of fifteen scenes looks at a thing of the same colour or
shape; a detector errs elsewhere.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
import torch
import torch.nn.functional as F

from vista.skill import parse
from vista.types import F32, Observation

# Evidence that there may be what the spotter does not see; and how much more its word counts than that of the
# network, which errs twice as often (tuning seeds: 6 of 95 against 3).
DOUBT, WEIGHT = 0.02, 2.0
RETREAT_M = 0.2
"""How high over the table the hand is that has put something down, in the images the network learned from."""
UPON_M = 0.07
"""How high over the table the middle of a thing is, about, that stands on another."""


@runtime_checkable
class Spotter(Protocol):
    """The slice of a detector that tells where in an image something named may be."""

    def evidence(self, obs: Observation, label: str) -> F32:
        """Score [0, 1] of ``label`` in each cell of a square grid over the image, f32 (N, N)."""
        ...

    def evidence_above(self, obs: Observation, label: str, height: float) -> F32:
        """The same for what is right above ``label``, ``height`` [m] over the table."""
        ...


def _on_grid(evidence: F32, cells: int) -> torch.Tensor:
    image = torch.from_numpy(np.ascontiguousarray(evidence))[None, None].float()
    return image if evidence.shape[0] == cells else F.adaptive_max_pool2d(image, cells)


def _near(image: torch.Tensor) -> F32:
    """Log probability, up to a constant, of being in a cell of ``image`` (1, 1, N, N) or around it."""
    near = F.max_pool2d(image, 3, 1, 1)
    out: F32 = (WEIGHT * torch.log(near + DOUBT))[0, 0].numpy()
    return out


def grasp_prior(evidence: F32, cells: int) -> F32:
    """Log probability (``cells``, ``cells``), up to a constant, of where the gripper is when it holds what
    ``evidence`` (N, N) saw: up to a cell higher, for the object is lifted, and a cell around."""
    image = _on_grid(evidence, cells)
    raised = F.pad(image[:, :, 1:], (0, 0, 0, 1))
    return _near(torch.maximum(image, raised))


def place_prior(evidence: F32, cells: int) -> F32:
    """The same when it has let go above what it put something on; ``evidence`` (N, N) is of that height."""
    return _near(_on_grid(evidence, cells))


def priors(spotter: Spotter, obs: Observation, text: str, cells: int) -> dict[str, torch.Tensor]:
    """What ``spotter`` says of the end of subtask ``text``, as arguments of the pipeline, f32 (``cells``,
    ``cells``) each: when something is grasped or put on something; else nothing."""
    verb, label, relation, below = parse(text)
    if verb == "grasp" and label:
        near = torch.from_numpy(grasp_prior(spotter.evidence(obs, label), cells))
        return {"prior": near, "object_prior": near}
    if verb != "place" or relation != "on":
        return {}
    return {
        name: torch.from_numpy(place_prior(spotter.evidence_above(obs, below, height), cells))
        for name, height in (("prior", RETREAT_M), ("object_prior", UPON_M))
    }
