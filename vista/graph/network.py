"""On which network a graph speaks."""

from __future__ import annotations

import os

LOOPBACK = "VISTA_LOOPBACK"
"""Set by scripts/env.sh where it, and not the user, keeps ROS on this machine."""
_SET_THERE = (
    "ROS_AUTOMATIC_DISCOVERY_RANGE", "FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE"
)  # fmt: skip
DRIVERS_DOMAIN = 0
"""Where drivers are that were started without ``ROS_DOMAIN_ID``."""


def as_drivers_have_it() -> None:
    """Leave the loopback network of our own scripts in this process and its children: drivers know nothing of
    it. What the user set stays."""
    if os.environ.pop(LOOPBACK, ""):
        for name in _SET_THERE:
            os.environ.pop(name, None)
