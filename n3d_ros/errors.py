"""How a request or a command can end other than well. Every part of the package may raise these.

Bad input to a function of the library is a ValueError; `N3DError` is one that carries the code of the ROS
messages.
"""

from __future__ import annotations

from enum import IntEnum


class ResultCode(IntEnum):
    """How a request ended; the numbers are those of the ROS messages."""

    OK = 0
    NO_FRAME = 1
    STALE = 2
    NO_CAMERA_INFO = 3
    NO_DEPTH = 4
    BAD_INPUT = 5
    TF = 6
    OOM = 7
    CANCELED = 8
    SUPERSEDED = 9
    TIMEOUT = 10
    PARSE = 11
    INTERNAL = 12


class N3DError(ValueError):
    """A request or a model folder that cannot be served; the message says what was expected and came."""

    def __init__(self, code: ResultCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class BadInputError(N3DError):
    """What was asked or shown cannot be used."""

    def __init__(self, message: str) -> None:
        super().__init__(ResultCode.BAD_INPUT, message)


class NoDepthError(N3DError):
    """The observation holds no usable depth."""

    def __init__(self, message: str) -> None:
        super().__init__(ResultCode.NO_DEPTH, message)


class ModelFolderError(N3DError):
    """A model folder is missing, incomplete or not what its manifest says."""

    def __init__(self, message: str) -> None:
        super().__init__(ResultCode.BAD_INPUT, message)


class MissingLibraryError(N3DError):
    """The chosen backend needs a library that does not import."""

    def __init__(self, message: str) -> None:
        super().__init__(ResultCode.BAD_INPUT, message)


class EngineError(N3DError):
    """An engine cannot be built, loaded or run; the message says why and which command mends it."""

    def __init__(self, message: str) -> None:
        super().__init__(ResultCode.INTERNAL, message)


class OutOfMemoryError(N3DError):
    """Too little memory on device or machine; nothing is half-done and smaller requests still work."""

    def __init__(self, message: str) -> None:
        super().__init__(ResultCode.OOM, message)


class CommandFailed(Exception):
    """The input was good, the work could not be done: exit code 1. Bad input is a ValueError or OSError."""
