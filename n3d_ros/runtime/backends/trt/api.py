"""TensorRT, TensorRT on a Jetson and TensorRT-RTX behind one set of rules (docs/specification/engines.md 8).

In: nothing but what imports. Out: the module with its name and version, flags by name, a log that keeps
errors, and results that are never None. Versions number their flags differently and return None instead of
raising, so nothing else in this project touches either.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from types import ModuleType
from typing import Any, TypeVar

from n3d_ros.errors import EngineError, MissingLibraryError, OutOfMemoryError

logger = logging.getLogger(__name__)

TENSORRT, RTX = "tensorrt", "tensorrt_rtx"
# Runtime -> the modules it comes as, the front package first.
MODULES = {TENSORRT: ("tensorrt",), RTX: ("tensorrt_rtx", "tensorrt_rtx_bindings")}
REMEDY = (
    "on a Jetson it comes with JetPack (make the venv with system site packages); "
    "on RTX cards `pip install tensorrt-rtx-cu13-bindings tensorrt-rtx-cu13-libs`"
)
MAX_ERRORS = 8
MEMORY_WORDS = ("out of memory", "outofmemory", "memory allocation", "requested amount of memory")
T = TypeVar("T")


@dataclass(frozen=True)
class TensorRt:
    """One importable runtime: 'tensorrt' or 'tensorrt_rtx', its module and version."""

    name: str
    version: str
    module: Any


def installed(names: Iterable[str] = MODULES) -> list[str]:
    """The runtimes whose module is there, without importing it."""
    return [name for name in names if any(find_spec(module) for module in MODULES[name])]


def load(name: str | None = None) -> TensorRt:
    """Import a runtime; without a name the first that is installed. MissingLibraryError when none imports."""
    wanted = [name] if name else list(MODULES)
    errors = []
    for runtime in wanted:
        for module in MODULES[runtime]:
            if find_spec(module) is None:
                continue
            try:
                return _described(runtime, importlib.import_module(module))
            except (ImportError, OSError, RuntimeError) as error:  # a library behind the module is missing
                errors.append(f"{module}: {error}")
    found = "; ".join(errors) or "found none"
    raise MissingLibraryError(f"expected {' or '.join(wanted)} to import, {found}; {REMEDY}")


def _described(name: str, module: ModuleType) -> TensorRt:
    return TensorRt(name, str(getattr(module, "__version__", "unknown")), module)


def flag_bits(holder: Any, names: Iterable[str]) -> int:
    """The bits of those named flags that `holder` (an enum of the bindings) has; others are left out."""
    return sum(1 << int(holder.__members__[name]) for name in names if name in holder.__members__)


def strongly_typed(api: TensorRt) -> int:
    """Flags of `create_network`: types are those of the ONNX, on every version."""
    return flag_bits(api.module.NetworkDefinitionCreationFlag, ["STRONGLY_TYPED", "EXPLICIT_BATCH"])


class ErrorLog:
    """What a runtime logged: warnings and errors go on to Python's log, errors are kept for the exception."""

    def __init__(self, api: TensorRt) -> None:
        self.errors: list[str] = []
        self.logger = _make_logger(api.module, self._take)

    def _take(self, severity: str, message: str) -> None:
        if severity in ("ERROR", "INTERNAL_ERROR"):
            self.errors.append(message)
        logger.log(_LEVELS.get(severity, logging.DEBUG), "%s", message)

    def failed(self, what: str, details: Iterable[str] = ()) -> EngineError | OutOfMemoryError:
        """The exception for a step that failed, with everything that was logged since the last. Too little
        memory is told from the rest by the runtime's words.
        """
        texts = [*details, *self.errors[:MAX_ERRORS]]
        more = len(self.errors) - MAX_ERRORS
        self.errors.clear()
        reason = ("; ".join(texts) or "no reason given") + (f"; {more} more" if more > 0 else "")
        memory = any(word in reason.lower() for word in MEMORY_WORDS)
        return (OutOfMemoryError if memory else EngineError)(f"{what}: {reason}")

    def checked(self, result: T | None, what: str, details: Iterable[str] = ()) -> T:
        """`result`. EngineError with all logged errors when it is None."""
        if result is None:
            raise self.failed(what, details)
        return result


_LEVELS = {"INTERNAL_ERROR": logging.ERROR, "ERROR": logging.ERROR, "WARNING": logging.WARNING}


def _make_logger(module: Any, take: Any) -> Any:
    """An ILogger of this module's own class that hands messages to `take`."""

    def __init__(self: Any) -> None:
        module.ILogger.__init__(self)

    def log(self: Any, severity: Any, message: str) -> None:
        take(str(severity).rpartition(".")[2], message)

    return type("Log", (module.ILogger,), {"__init__": __init__, "log": log})()
