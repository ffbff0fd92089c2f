"""Switchers: when is a subgoal reached, failing, or taking too long?"""

from vista.switcher.calibrated import CalibratedSwitcher, SwitcherConfig
from vista.switcher.doubting import DoubtingSwitcher

__all__ = ["CalibratedSwitcher", "DoubtingSwitcher", "SwitcherConfig"]
