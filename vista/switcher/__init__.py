"""Switchers: when is a subgoal reached, failing, or taking too long?"""

from vista.switcher.calibrated import CalibratedSwitcher, SwitcherConfig

__all__ = ["CalibratedSwitcher", "SwitcherConfig"]
