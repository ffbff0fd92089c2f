"""A MuJoCo tabletop: a simulated arm, its cameras, and the things in front of it.

A name is loaded when it is used first.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING

from vista.errors import ConfigError

# MuJoCo chooses its OpenGL library when it is first imported; software rendering is fastest single-threaded.
os.environ.setdefault("MUJOCO_GL", "egl")
os.environ.setdefault("LP_NUM_THREADS", "0")

_KNOWN = ("egl", "glfw", "osmesa", "off")
_ALSO = ("", "enable", "enabled", "on", "true", "1", "disable", "disabled", "false", "0", "glx", "wgl", "cgl")

if os.environ["MUJOCO_GL"].lower().strip() not in (*_KNOWN, *_ALSO):
    raise ConfigError(
        f"environment variable MUJOCO_GL: {os.environ['MUJOCO_GL']!r}, expected one of {', '.join(_KNOWN)}"
    )

# Name -> module. What a user of the simulator needs; everything else is imported from its own module.
_HOME = {
    **dict.fromkeys(("Simulation", "simulate"), "vista_sim.simulation"),
    **dict.fromkeys(("Choice", "Task", "TaskSetup", "carry"), "vista_sim.task"),
    "Oracle": "vista_sim.oracle",
    "SimRobot": "vista_sim.robot",
    "World": "vista_sim.world",
    "load_objects": "vista_sim.objects.object_file",
    "load_scene": "vista_sim.scenes.scene_file",
}  # fmt: skip

__all__ = [*_HOME]

if TYPE_CHECKING:
    from vista_sim.objects.object_file import load_objects as load_objects
    from vista_sim.oracle import Oracle as Oracle
    from vista_sim.robot import SimRobot as SimRobot
    from vista_sim.scenes.scene_file import load_scene as load_scene
    from vista_sim.simulation import Simulation as Simulation
    from vista_sim.simulation import simulate as simulate
    from vista_sim.task import Choice as Choice
    from vista_sim.task import Task as Task
    from vista_sim.task import TaskSetup as TaskSetup
    from vista_sim.task import carry as carry
    from vista_sim.world import World as World


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'vista_sim' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
