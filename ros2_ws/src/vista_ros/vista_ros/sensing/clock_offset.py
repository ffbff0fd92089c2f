"""How far the clocks of the drivers are from the clock of this node."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

import numpy as np

BEHIND_S = 0.3
"""Stamps that are usually farther behind than this are named: commands made from them come too late."""
_KEPT = 9


class ClockOffsets:
    """Stamps of each source against the node's clock, when they arrive.

    Args:
        names: What each source is called in a message.
        max_ahead_s: How far ahead a stamp may be [s].
    """

    def __init__(self, names: Mapping[str, str], max_ahead_s: float) -> None:
        self._names, self._max_ahead_s = names, max_ahead_s
        self._ahead: dict[str, deque[float]] = {key: deque(maxlen=_KEPT) for key in names}

    def note(self, key: str, stamp_ns: int, now_ns: int) -> None:
        """A message of the source ``key``, stamped ``stamp_ns``, has arrived at ``now_ns``; 0: the node's
        clock has not been heard yet."""
        if now_ns > 0:
            self._ahead[key].append((stamp_ns - now_ns) * 1e-9)

    def too_far_ahead(self, stamp_ns: int, now_ns: int) -> bool:
        """Whether nothing may be done with what is stamped ``stamp_ns``. It is asked when it is to be used,
        not when it arrives: simulated time may be told after the message that belongs to it."""
        return now_ns > 0 and (stamp_ns - now_ns) * 1e-9 > self._max_ahead_s

    def told(self) -> str | None:
        """Which sources are ahead or behind, and by how much; None: none is."""
        said = []
        for key, kept in self._ahead.items():
            usual = float(np.median(kept)) if kept else 0.0
            if usual > self._max_ahead_s:
                most = f"at most {self._max_ahead_s:g} s"
                said.append(
                    f"{self._names[key]} stamped {usual:.2f} s ahead of this computer's clock, {most}"
                )
            elif usual < -BEHIND_S:
                said.append(f"{self._names[key]} stamped {-usual:.2f} s behind this computer's clock")
        return "; ".join(said) or None
