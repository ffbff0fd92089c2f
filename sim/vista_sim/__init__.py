"""A MuJoCo tabletop that stands in for the arm, its cameras and the things in front of it."""

import os

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
