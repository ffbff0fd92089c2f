"""A MuJoCo tabletop that stands in for the arm, its cameras and the things in front of it."""

import os

# MuJoCo chooses its OpenGL library when it is first imported; software rendering is fastest single-threaded.
os.environ.setdefault("MUJOCO_GL", "egl")
os.environ.setdefault("LP_NUM_THREADS", "0")
