"""The OpenGL context that all simulated cameras of a thread share.

In: nothing. Out: a current context. On a machine without a display it chooses a renderer that needs none
(OSMesa if installed, else EGL; on the CPU both draw at the same speed, OSMesa starts faster) unless MUJOCO_GL
says otherwise. A context costs about 100 ms with its first use, so it outlives the cameras until `close_gl`.
"""

from __future__ import annotations

import atexit
import ctypes.util
import os
import threading
from typing import Any

if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
    os.environ.setdefault("MUJOCO_GL", "osmesa" if ctypes.util.find_library("OSMesa") else "egl")

try:
    import mujoco
except AttributeError as error:  # PyOpenGL's way to say that the library of MUJOCO_GL is missing
    raise ImportError(
        f"the simulator draws with MUJOCO_GL={os.environ.get('MUJOCO_GL')}, but its library does not load "
        f"({error}); install Debian's libosmesa6 for MUJOCO_GL=osmesa or libegl1 for MUJOCO_GL=egl"
    ) from error

_CONTEXT_SIZE_PX = 16  # pictures are drawn into buffers of their own, so the window may be tiny
_local = threading.local()


def current_gl() -> Any:
    """This thread's context, made on first use and made current."""
    context = getattr(_local, "context", None)
    if context is None:
        context = _local.context = mujoco.GLContext(_CONTEXT_SIZE_PX, _CONTEXT_SIZE_PX)
    context.make_current()
    return context


def close_gl() -> None:
    """Free this thread's context. Close its cameras first. The next camera makes a new one."""
    context = getattr(_local, "context", None)
    if context is not None:
        context.free()
        _local.context = None


atexit.register(close_gl)  # the main thread's; at interpreter exit its __del__ would print a traceback

__all__ = ["close_gl", "current_gl", "mujoco"]
