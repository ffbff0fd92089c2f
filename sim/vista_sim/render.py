"""Camera images from one OpenGL context per process, for any number of threads.

A new ``mujoco.Renderer`` costs about 200 ms; a new ``MjrContext`` inside a kept GL context about 5 ms. So the
GL context lives as long as the process, and only what depends on the model is made anew. A context belongs to
the thread in which it is current: it is current only while something is drawn, under a lock, so that the
next drawing may come from another thread (docs/simulator.md says what that costs: nothing measurable).
"""

from __future__ import annotations

import atexit
import os
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import mujoco
import numpy as np

from vista.errors import InvalidValueError, UnknownNameError, VistaError
from vista.messages.plain_text import plain
from vista.types import U8
from vista.values import whole

MAX_WIDTH, MAX_HEIGHT = 640, 480
_lock = threading.RLock()
_gl: Any = None
# What cameras held that nobody closed. A garbage collector may come at any time, in any thread, so it only
# puts them here; the next drawing frees them.
_orphans: deque[Any] = deque()
# A forked child must not free what its parent still draws with.
_inherited: list[Any] = []


class RenderingError(VistaError, RuntimeError):
    """No image can be drawn here; the message says why."""


def _after_fork() -> None:
    global _lock, _gl
    _inherited.extend((_gl, *_orphans))
    _lock, _gl = threading.RLock(), None
    _orphans.clear()


os.register_at_fork(after_in_child=_after_fork)


@contextmanager
def _current() -> Iterator[None]:
    """The process's GL context, current in this thread until the end of the block."""
    global _gl
    with _lock:
        try:
            if _gl is None:
                _gl = mujoco.GLContext(MAX_WIDTH, MAX_HEIGHT)
                atexit.register(_free, os.getpid())
            _gl.make_current()
        except Exception as error:  # each OpenGL library raises its own
            library = os.environ.get("MUJOCO_GL", "egl")
            told = plain(f"{type(error).__name__}: {error}", 200)
            raise RenderingError(f"no OpenGL context with MUJOCO_GL={library}: {told}") from error
        try:
            while _orphans:
                _orphans.popleft().free()
            yield
        finally:
            _release()


def _release() -> None:
    """Leave the context to whichever thread comes next."""
    library = type(_gl).__module__.rpartition(".")[2]
    if library == "egl":
        from mujoco import egl

        none = egl.EGL.EGL_NO_SURFACE
        egl.EGL.eglMakeCurrent(egl.EGL_DISPLAY, none, none, egl.EGL.EGL_NO_CONTEXT)
    elif library == "glfw":
        import glfw

        glfw.make_context_current(None)  # type: ignore[arg-type]


def _free(pid: int) -> None:
    global _gl
    if _gl is not None and pid == os.getpid():
        with _lock:
            _gl.free()
            _gl = None


class Camera:
    """Renders one model; make a new one for a new model and ``close`` the old.

    Any thread may use it, one at a time; the others wait. In a forked child it is made anew.

    Raises:
        RenderingError: there is no OpenGL here.
    """

    def __init__(self, model: mujoco.MjModel) -> None:
        self._con: Any = None
        self._closed, self._pid, self._model = False, os.getpid(), model
        self._scene = mujoco.MjvScene(model, maxgeom=600)
        self._scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = 0
        self._scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = 0
        self._option = mujoco.MjvOption()
        self._option.geomgroup[3] = 0
        self._option.sitegroup[4] = 0
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._perturb = mujoco.MjvPerturb()
        with _current():
            self._load()

    def _load(self) -> None:
        self._con = mujoco.MjrContext(self._model, mujoco.mjtFontScale.mjFONTSCALE_100)
        self._pid = os.getpid()

    def render(self, data: mujoco.MjData, camera: str, width: int = 256, height: int = 256) -> U8:
        """The image u8 (height, width, 3) RGB of the named camera.

        Raises:
            UnknownNameError: the model has no such camera. InvalidValueError: the image is larger than
                640 x 480. RenderingError: the camera is closed.
        """
        index = -1
        if isinstance(camera, str) and camera.isprintable():
            index = mujoco.mj_name2id(self._model, mujoco.mjtObj.mjOBJ_CAMERA, camera)
        if index < 0:
            known = [self._model.camera(i).name for i in range(self._model.ncam)]
            raise UnknownNameError("camera", str(camera), known)
        told = f"image of camera {camera!r}"
        width = whole(f"{told}: width", width, 1, MAX_WIDTH)
        height = whole(f"{told}: height", height, 1, MAX_HEIGHT)
        if not isinstance(data, mujoco.MjData):
            raise InvalidValueError(f"{told}: {type(data).__name__}, expected the MjData of its model")
        out = np.empty((height, width, 3), np.uint8)
        with _current():
            if self._closed:
                raise RenderingError(f"{told}: the camera is closed; make a new one")
            if self._pid != os.getpid():
                _inherited.append(self._con)
                self._load()
            # Another camera may have been made, or freed, since: its buffer would be drawn to.
            mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._con)
            self._camera.fixedcamid = index
            mujoco.mjv_updateScene(
                self._model, data, self._option, self._perturb, self._camera, mujoco.mjtCatBit.mjCAT_ALL,
                self._scene,
            )  # fmt: skip
            viewport = mujoco.MjrRect(0, 0, width, height)
            mujoco.mjr_render(viewport, self._scene, self._con)
            mujoco.mjr_readPixels(out, None, viewport, self._con)
        return np.flipud(out).copy()

    def close(self) -> None:
        """Free what the GPU (or its software stand-in) holds for this model. Idempotent, from any thread."""
        with _lock:
            held, self._con, self._closed = self._con, None, True
            if held is None:
                return
            if self._pid != os.getpid():
                _inherited.append(held)
            elif _gl is not None:  # at the end of the process all of it has gone already
                with _current():
                    held.free()

    def __del__(self) -> None:
        held = getattr(self, "_con", None)
        if held is not None:
            (_orphans if self._pid == os.getpid() else _inherited).append(held)
