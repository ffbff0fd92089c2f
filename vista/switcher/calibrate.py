"""Fits the switcher to judgements whose truth is known, and measures how good it is.

A subtask that ends too early fails (the hand opens over nothing); one that ends a judgement late costs a
fraction of a second. So the threshold favours precision over recall.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize

from vista.errors import InvalidValueError
from vista.switcher.calibrated import FEATURES, SwitcherConfig
from vista.types import F64

# Strength of the pull of the weights (of standardised features) towards zero, per sample.
RIDGE = 1e-3
# A false "reached" weighs as much as this many squared missed ones (F-beta with beta = 1/2).
BETA = 0.5


@dataclass(frozen=True, slots=True)
class Quality:
    """How single judgements compare to the truth: ``precision`` of "reached" [0, 1] (1 if it is never said),
    ``recall`` [0, 1], the number of judgements, and in how many of them the subtask was ``done``."""

    precision: float
    recall: float
    judgements: int
    done: int

    def __str__(self) -> str:
        return (
            f"precision {self.precision:.3f}, recall {self.recall:.3f} "
            f"({self.judgements} judgements, {self.done} of them done)"
        )


def _checked(features: ArrayLike, done: ArrayLike) -> tuple[F64, NDArray[np.bool_]]:
    x, y = np.asarray(features, np.float64), np.asarray(done)
    if x.ndim != 2 or x.shape[1] != len(FEATURES) or y.shape != x.shape[:1]:
        raise InvalidValueError(
            f"switcher: features {x.shape} and done {y.shape}; expected (N, {len(FEATURES)}) and (N,)"
        )
    bad = np.flatnonzero(~np.isfinite(x).all(1))
    if len(bad):
        raise InvalidValueError(f"switcher: features are not finite at row {bad[0]}")
    return x, y.astype(bool)


def probabilities(features: ArrayLike, config: SwitcherConfig) -> F64:
    """Probability (N,) of "reached" for features (N, 9)."""
    logits = np.asarray(features, np.float64) @ np.array(config.weights) + config.bias
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -30, 30))))


def _quality(said: NDArray[np.bool_], done: NDArray[np.bool_]) -> Quality:
    hits = int((said & done).sum())
    precision = hits / int(said.sum()) if said.any() else 1.0
    recall = hits / int(done.sum()) if done.any() else 1.0
    return Quality(precision, recall, len(done), int(done.sum()))


def evaluate(features: ArrayLike, done: ArrayLike, config: SwitcherConfig) -> Quality:
    """How the single judgements of ``config`` compare to the truth; patience is not counted.

    Args:
        features: (N, 9), as :func:`vista.switcher.calibrated.features` gives them.
        done: (N,), whether the subtask was truly done.

    Raises:
        InvalidValueError: wrong shapes, or features that are not finite.
    """
    x, y = _checked(features, done)
    return _quality(probabilities(x, config) > config.threshold, y)


def choose_threshold(probability: F64, done: NDArray[np.bool_]) -> float:
    """The threshold with the best F-beta among those whose precision is at least the recall."""
    candidates = np.unique(np.clip(np.quantile(probability, np.linspace(0, 1, 400)), 0.02, 0.98))
    best, best_score = 0.5, -1.0
    for threshold in candidates:
        quality = _quality(probability > threshold, done)
        if quality.precision < quality.recall or quality.recall == 0:
            continue
        weighed = BETA**2 * quality.precision + quality.recall
        score = (1 + BETA**2) * quality.precision * quality.recall / weighed
        if score > best_score:
            best, best_score = float(threshold), score
    return best


def fit_switcher(
    features: ArrayLike, done: ArrayLike, config: SwitcherConfig | None = None
) -> SwitcherConfig:
    """``config`` with weights, bias and threshold fitted: a ridge logistic regression on standardised
    features.

    Args:
        features: (N, 9), as :func:`vista.switcher.calibrated.features` gives them.
        done: (N,), whether the subtask was truly done.
        config: Patience and time limits to keep.

    Raises:
        InvalidValueError: wrong shapes, features that are not finite, or a truth that never changes.
    """
    x, y = _checked(features, done)
    if y.all() or not y.any():
        raise InvalidValueError(
            f"switcher: {int(y.sum())} of {len(y)} judgements are done; some of both are needed"
        )
    mean, scale = x.mean(0), np.maximum(x.std(0), 1e-6)
    z, sign = (x - mean) / scale, np.where(y, 1.0, -1.0)

    def cost(theta: F64) -> tuple[float, F64]:
        margin = sign * (z @ theta[:-1] + theta[-1])
        pull = -sign * np.exp(-np.logaddexp(0, margin)) / len(z)
        value = np.logaddexp(0, -margin).mean() + 0.5 * RIDGE * float(theta[:-1] @ theta[:-1])
        return float(value), np.concatenate([z.T @ pull + RIDGE * theta[:-1], [pull.sum()]])

    theta = minimize(cost, np.zeros(x.shape[1] + 1), jac=True, method="L-BFGS-B").x
    weights = theta[:-1] / scale
    fitted = replace(
        config or SwitcherConfig(),
        weights=tuple(float(w) for w in weights),
        bias=float(theta[-1] - weights @ mean),
    )
    return replace(fitted, threshold=choose_threshold(probabilities(x, fitted), y))
