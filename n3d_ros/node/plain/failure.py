"""What an exception means to whoever asked: a code and a message.

In: what ended a job. Out: a typed code; INTERNAL is what nobody foresaw, and only that is a defect.
"""

from __future__ import annotations

import traceback

from n3d_ros.errors import N3DError, ResultCode
from n3d_ros.plain_text import one_line


def failure(error: BaseException) -> tuple[ResultCode, str]:
    """Typed code and message of an exception, on one line that ends: it may quote names of other programs."""
    if isinstance(error, N3DError):
        return ResultCode(error.code), one_line(error.message)
    if isinstance(error, MemoryError):
        return ResultCode.OOM, "out of memory"
    if isinstance(error, ValueError):
        return ResultCode.BAD_INPUT, one_line(str(error))
    return ResultCode.INTERNAL, one_line(f"{type(error).__name__}: {error}")


def forget_locals(error: BaseException | None) -> None:
    """Give free what the functions that ended with it held: images, and the job that holds the error. Which
    lines they were stays known.
    """
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
