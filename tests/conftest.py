"""Set before any test is collected."""

import os

# MuJoCo chooses its OpenGL library when it is first imported, and a test may import it before the stack does.
os.environ.setdefault("MUJOCO_GL", "egl")
# For tests the loopback network is the user's wish: `vista up --real` does not leave it.
os.environ.pop("VISTA_LOOPBACK", None)
