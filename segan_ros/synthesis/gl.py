"""MuJoCo with an OpenGL that needs no screen."""

from __future__ import annotations

import atexit
import os
from functools import cache

# Software rendering gives the same bytes on every machine of a kind and needs no display.
os.environ.setdefault("MUJOCO_GL", "osmesa")


class NoOpenGL(OSError):
    """There is nothing to render with."""

    def __init__(self, reason: object) -> None:
        super().__init__(
            "no OpenGL to render with: `apt install libosmesa6`, or set MUJOCO_GL=egl on a GPU"
            f" ({reason})"
        )
        self._reason = str(reason)

    def __reduce__(self) -> tuple[type[NoOpenGL], tuple[str]]:
        return NoOpenGL, (self._reason,)  # so that it comes out of a worker as it went in


try:
    import mujoco
except (AttributeError, RuntimeError) as error:  # what PyOpenGL and MuJoCo say without
    raise NoOpenGL(error) from error


@cache
def _make_current() -> None:
    """Give this process its one context; of any size, as pictures are drawn off screen."""
    try:
        context = mujoco.GLContext(64, 64)
        context.make_current()
    except (AttributeError, ImportError, OSError, RuntimeError) as error:
        raise NoOpenGL(error) from error
    atexit.register(context.free)


def load(model: mujoco.MjModel) -> mujoco.MjrContext:
    """The meshes and textures of `model`, ready to draw off screen.

    Raises:
        NoOpenGL: there is none.
    """
    _make_current()
    try:
        context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_50)
    except mujoco.FatalError as error:
        raise NoOpenGL(error) from error
    mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, context)
    context.readDepthMap = mujoco.mjtDepthMap.mjDEPTH_ZEROFAR
    return context
