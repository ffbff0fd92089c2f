"""Looking for what is named, with any detector."""

from __future__ import annotations

from collections.abc import Sequence

from vista.protocols import Detector, Finder
from vista.types import Detection, Observation


def sought(detector: Detector, obs: Observation, label: str, found: Sequence[Detection]) -> Detection | None:
    """What fits ``label`` best in ``obs``, of which ``found`` was detected; None: nothing does.

    A detector that cannot look for one thing has said all it knows: the surest of ``found`` with that label.
    """
    if isinstance(detector, Finder):
        return detector.find(obs, label)
    return max((d for d in found if d.label == label), key=lambda d: d.score, default=None)
