"""What the fingers hold, and how the hand takes leave of a place where it failed."""

from __future__ import annotations

from vista.types import Observation

# Fingers that were told to close and have come as close as this [share of full opening] hold nothing: the
# narrowest object that a parallel gripper of 8 cm takes here keeps them 0.3 apart.
EMPTY = 0.06
# Fingers that were told to close and stay open by more than this hold something.
HOLDS = 0.12


def is_open(obs: Observation) -> bool:
    """Whether the fingers were last told to open."""
    return obs.gripper_command >= 0.5


def closed_on_nothing(obs: Observation) -> bool:
    """Whether the fingers were told to close and have met nothing."""
    return not is_open(obs) and obs.gripper < EMPTY


def holds(obs: Observation) -> bool:
    """Whether the fingers were told to close and something surely keeps them apart."""
    return not is_open(obs) and obs.gripper > HOLDS
