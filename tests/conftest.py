"""Set before any test is collected."""

import os

# MuJoCo chooses its OpenGL library when it is first imported, and a test may import it before the stack does.
os.environ.setdefault("MUJOCO_GL", "egl")
