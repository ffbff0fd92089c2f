"""Camera images from one OpenGL context per process.

A new ``mujoco.Renderer`` costs about 200 ms; a new ``MjrContext`` inside a kept GL context about 5 ms. So the
GL context lives as long as the process, and only what depends on the model is made anew.
"""

from __future__ import annotations

import atexit
from typing import Any

import mujoco
import numpy as np

from vista.errors import UnknownNameError
from vista.types import U8

_MAX = (640, 480)
_gl: Any = None


def _context() -> Any:
    global _gl
    if _gl is None:
        _gl = mujoco.GLContext(*_MAX)
        atexit.register(_free)
    return _gl


def _free() -> None:
    global _gl
    if _gl is not None:
        _gl.free()
        _gl = None


class Camera:
    """Renders one model; make a new one for a new model and ``close`` the old.

    Not thread-safe: use it from the thread that made it (OpenGL's rule).
    """

    def __init__(self, model: mujoco.MjModel) -> None:
        _context().make_current()
        self._model = model
        self._con = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._con)
        self._scene = mujoco.MjvScene(model, maxgeom=600)
        self._scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = 0
        self._scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = 0
        self._option = mujoco.MjvOption()
        self._option.geomgroup[3] = 0
        self._option.sitegroup[4] = 0
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._perturb = mujoco.MjvPerturb()

    def render(self, data: mujoco.MjData, camera: str, width: int = 256, height: int = 256) -> U8:
        """The image u8 (height, width, 3) RGB of the named camera.

        Raises:
            UnknownNameError: the model has no such camera.
        """
        index = mujoco.mj_name2id(self._model, mujoco.mjtObj.mjOBJ_CAMERA, camera)
        if index < 0:
            known = [self._model.camera(i).name for i in range(self._model.ncam)]
            raise UnknownNameError("camera", camera, known)
        _context().make_current()
        # Another camera of this process may have been made, or freed, since: its buffer would be drawn to.
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._con)
        self._camera.fixedcamid = index
        mujoco.mjv_updateScene(
            self._model,
            data,
            self._option,
            self._perturb,
            self._camera,
            mujoco.mjtCatBit.mjCAT_ALL,
            self._scene,
        )
        viewport = mujoco.MjrRect(0, 0, width, height)
        mujoco.mjr_render(viewport, self._scene, self._con)
        out = np.empty((height, width, 3), np.uint8)
        mujoco.mjr_readPixels(out, None, viewport, self._con)
        return np.flipud(out).copy()

    def close(self) -> None:
        """Free what the GPU (or its software stand-in) holds for this model. Idempotent."""
        if self._con is not None:
            _context().make_current()
            self._con.free()
            self._con = None
