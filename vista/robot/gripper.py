"""Whether the fingers are open, hold something, or closed on nothing."""

from __future__ import annotations

from vista.types import Observation

EMPTY = 0.06
"""Fingers that were told to close, and are less open than this [share of full opening], hold nothing: with an
opening of 8 cm, the narrowest thing of the shipped scenes keeps them 0.3 open."""
HOLDS = 0.12
"""Fingers that were told to close, and stay more open than this [share of full opening], hold something."""


def is_open(obs: Observation) -> bool:
    """Whether the fingers were last told to open."""
    return obs.gripper_command >= 0.5


def closed_on_nothing(obs: Observation) -> bool:
    """Whether the fingers were told to close and have met nothing."""
    return not is_open(obs) and obs.gripper < EMPTY


def holds(obs: Observation) -> bool:
    """Whether the fingers were told to close, and a thing surely keeps them apart."""
    return not is_open(obs) and obs.gripper > HOLDS
