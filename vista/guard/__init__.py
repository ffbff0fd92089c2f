"""The guard between everything learned and the motors."""

from vista.guard.guard import SafetyGuard
from vista.guard.limits import GuardLimits, load_limits

__all__ = ["GuardLimits", "SafetyGuard", "load_limits"]
