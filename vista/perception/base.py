"""What every detector can do once it detects: derive from this class and write ``detect`` alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from vista.types import F32, Detection, Observation


class DetectorBase(ABC):
    """A :class:`vista.protocols.Detector` in which only :meth:`detect` is left to write.

    It has no list of names (``labels`` None) and may overlook things (``exhaustive`` False). A subclass sets
    these two where it knows better, and overrides :meth:`find` and :meth:`evidence` where it can look for
    one name in particular.
    """

    labels: frozenset[str] | None = None
    exhaustive: bool = False

    @abstractmethod
    def detect(self, obs: Observation) -> Sequence[Detection]:
        """Everything that is seen in ``obs``, best first."""

    def find(self, obs: Observation, label: str) -> Detection | None:
        """The surest detection with that label; None if there is none."""
        return max((d for d in self.detect(obs) if d.label == label), key=lambda d: d.score, default=None)

    def evidence(self, obs: Observation, label: str, above_m: float | None = None) -> F32 | None:
        """None: this detector has no map of an image."""
        return None
