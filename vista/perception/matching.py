"""Which of several things is which taught name: from vectors of pictures to shares, and one name a thing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from vista.types import F32

NEIGHBOURS = 3
"""So many exemplars of a name, those most alike, say how much a thing looks like it."""
FLOOR, WIDTH = 0.856, 0.0295
"""Mean cosine at which a thing is as likely of no taught name as of one, and the difference that makes a name
2.7 times as likely, for the vectors of ``vista.assembly.crop_encoder``. Fitted on 492 scenes of the range
"tuning" (docs/bench.md)."""


def likeness(vectors: F32, exemplars: Sequence[F32]) -> F32:
    """Mean cosine f32 (names, N) of the unit rows ``vectors`` (N, D) to the :data:`NEIGHBOURS` most similar
    of each name's ``exemplars``, unit rows (n, D) each."""
    rows = [np.sort(vectors @ each.T, axis=1)[:, -NEIGHBOURS:].mean(1) for each in exemplars]
    return np.asarray(rows, np.float32).reshape(len(exemplars), len(vectors))


def shares(alike: F32) -> F32:
    """How likely each thing is of each name, f32 (names, N) in [0, 1], from :func:`likeness`: the names of a
    thing, and "none of them", share a sum of 1. So a thing that looks like two names is surely neither."""
    weights = np.exp((np.asarray(alike, np.float64) - FLOOR) / WIDTH)
    return np.asarray(weights / (1.0 + weights.sum(axis=0, keepdims=True)), np.float32)


def one_to_one(share: F32, least: float) -> dict[int, int]:
    """{thing: name}: each thing has one name at most, and each name one thing, with the largest sum of
    ``share`` (names, N); pairs of less than ``least`` are left out."""
    names, things = linear_sum_assignment(share, maximize=True)
    return {
        int(thing): int(name)
        for name, thing in zip(names, things, strict=True)
        if share[name, thing] >= least
    }
