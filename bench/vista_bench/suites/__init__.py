"""The suites of ``vista bench``, by name."""

from __future__ import annotations

import importlib

from vista.errors import UnknownNameError
from vista_bench.suites.base import AnySuite, BenchSettings

# Suite -> (module, class)
SUITES = {
    "basic": ("basic", "BasicSuite"),
    "expert": ("expert", "ExpertSuite"),
    "goals": ("goals", "GoalsSuite"),
    "latency": ("latency", "LatencySuite"),
    "long": ("long", "LongSuite"),
    "memory": ("memory", "MemorySuite"),
    "open": ("open_world.suite", "OpenSuite"),
    "realtime": ("realtime", "RealtimeSuite"),
    "vista": ("vista", "VistaSuite"),
}


def make_suite(name: str) -> AnySuite:
    """The suite ``name``; UnknownNameError lists those there are."""
    if name not in SUITES:
        raise UnknownNameError("suite", name, SUITES)
    module, cls = SUITES[name]
    suite = getattr(importlib.import_module(f"vista_bench.suites.{module}"), cls)()
    assert isinstance(suite, AnySuite)
    return suite


__all__ = ["SUITES", "AnySuite", "BenchSettings", "make_suite"]
