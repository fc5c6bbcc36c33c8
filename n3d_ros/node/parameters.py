"""The node's parameters: one frozen dataclass, declared with descriptions and bounds, units in the names.

`PARAMETERS` is the table `ros2 param describe` shows. Those marked dynamic may change while the node runs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter

from n3d_ros.runtime.backends.factory import BACKEND_FORMS, BackendChoice


@dataclass(frozen=True)
class Row:
    """One line of the table. low, high: inclusive bounds of a number. choices: of a string. check: refuses
    a string, with a ValueError.
    """

    name: str
    default: Any
    description: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    check: Callable[[str], object] | None = None
    dynamic: bool = False


QOS = ("auto", "sensor_data", "reliable")
TRANSPORTS = ("raw", "compressed")
PARAMETERS = (
    Row("model.path", "", "folder of the model; empty: the n3d-nano that ships with the package"),
    Row("model.threads", 0, "threads of the engine; 0: its own choice", 0, 256),
    Row("backend", "auto", f"engine runtime: {BACKEND_FORMS}", check=BackendChoice.parse),
    Row(
        "continuous.enabled",
        True,
        "look for continuous.prompt in every frame that can be served",
        dynamic=True,
    ),
    Row("continuous.prompt", "", "words to look for all the time; empty: only when asked", dynamic=True),
    Row(
        "continuous.rate_hz",
        0.0,
        "at most this many continuous results a second; 0: as many as the engine gives",
        0.0,
        1000.0,
        dynamic=True,
    ),
    Row(
        "sync.max_slop_ms",
        20.0,
        "largest |depth stamp - colour stamp|, ms; half a measured period when that is less",
        0.0,
        1000.0,
    ),
    Row("sync.queue_size", 5, "images of each stream kept for pairing", 2, 100),
    Row(
        "rgb.transport",
        "raw",
        "raw: rgb/image; compressed: rgb/image/compressed (JPEG, PNG)",
        choices=TRANSPORTS,
    ),
    Row(
        "depth.transport",
        "raw",
        "raw: depth/image; compressed: depth/image/compressedDepth (PNG)",
        choices=TRANSPORTS,
    ),
    Row("qos.rgb", "auto", "auto: reliable when every publisher offers it, else sensor_data", choices=QOS),
    Row("qos.depth", "auto", "auto: reliable when every publisher offers it, else sensor_data", choices=QOS),
    Row("qos.info", "auto", "auto: reliable when every publisher offers it, else sensor_data", choices=QOS),
    Row(
        "early_start",
        True,
        "begin with a colour image before its depth comes, where the engine can and is idle",
        dynamic=True,
    ),
    Row(
        "depth.scale_m",
        0.0,
        "metres per unit of the depth image; 0: by encoding (16UC1 0.001, 32FC1 1)",
        0.0,
        1.0,
        dynamic=True,
    ),
    Row(
        "depth.is_estimated",
        False,
        "the depth topic comes from a depth model and not from a sensor; results say so",
        dynamic=True,
    ),
    Row("depth.min_m", 0.0, "nearer depth is no depth, metres", 0.0, 100.0, dynamic=True),
    Row("depth.max_m", 20.0, "farther depth is no depth, metres", 0.01, 1000.0, dynamic=True),
    Row(
        "max_frame_age_s",
        2.0,
        "older frames are STALE, seconds in the node's clock; 0: any age",
        0.0,
        3600.0,
        dynamic=True,
    ),
    Row("frame_timeout_s", 2.0, "how long a request waits for a frame, seconds", 0.0, 3600.0, dynamic=True),
    Row(
        "output_frame", "", "tf frame of the results; empty: the colour camera's optical frame", dynamic=True
    ),
    Row("markers.enabled", True, "publish ~/markers", dynamic=True),
    Row("markers.style", "wire", "edges or filled boxes", choices=("wire", "solid"), dynamic=True),
    Row("markers.alpha", 0.8, "opacity, 0 to 1", 0.0, 1.0, dynamic=True),
    Row("markers.label_height_m", 0.05, "height of the letters, metres", 0.0, 1.0, dynamic=True),
    Row(
        "markers.lifetime_s",
        0.0,
        "seconds until a viewer drops a marker; 0: until it is deleted",
        0.0,
        3600.0,
        dynamic=True,
    ),
    Row("debug_image.enabled", True, "publish ~/debug/image while somebody subscribes", dynamic=True),
    Row("diagnostics.period_s", 1.0, "period of /diagnostics, seconds", 0.1, 60.0),
    Row("generation.max_tokens", 512, "at most this many tokens per stage", 1, 8192, dynamic=True),
    Row("max_queued_goals", 4, "requests that may wait; the oldest of more is SUPERSEDED", 1, 100),
    Row("goal_timeout_s", 60.0, "a request stops after it with TIMEOUT, seconds", 0.1, 3600.0, dynamic=True),
)


@dataclass(frozen=True)
class Parameters:
    """Values of `PARAMETERS`; a dot in the name is an underscore here."""

    model_path: str
    model_threads: int
    backend: str
    continuous_enabled: bool
    continuous_prompt: str
    continuous_rate_hz: float
    sync_max_slop_ms: float
    sync_queue_size: int
    rgb_transport: str
    depth_transport: str
    qos_rgb: str
    qos_depth: str
    qos_info: str
    early_start: bool
    depth_scale_m: float
    depth_is_estimated: bool
    depth_min_m: float
    depth_max_m: float
    max_frame_age_s: float
    frame_timeout_s: float
    output_frame: str
    markers_enabled: bool
    markers_style: str
    markers_alpha: float
    markers_label_height_m: float
    markers_lifetime_s: float
    debug_image_enabled: bool
    diagnostics_period_s: float
    generation_max_tokens: int
    max_queued_goals: int
    goal_timeout_s: float

    def __post_init__(self) -> None:
        for row in PARAMETERS:
            _check(row, getattr(self, field_name(row.name)))
        if self.depth_min_m >= self.depth_max_m:
            raise ValueError(
                f"depth.min_m: expected less than depth.max_m={self.depth_max_m:g}, got {self.depth_min_m:g}"
            )


def field_name(name: str) -> str:
    """'depth.max_m' -> 'depth_max_m'."""
    return name.replace(".", "_")


def _check(row: Row, value: Any) -> None:
    if row.choices and value not in row.choices:
        raise ValueError(f"{row.name}: expected one of {', '.join(row.choices)}, got {value!r}")
    if row.check is not None:
        row.check(value)
    if row.low is not None and not (math.isfinite(value) and row.low <= value <= row.high):
        raise ValueError(f"{row.name}: expected {row.low:g}..{row.high:g}, got {value!r}")


def defaults() -> Parameters:
    """Every default."""
    return Parameters(**{field_name(row.name): row.default for row in PARAMETERS})


def declare(node: Node) -> Parameters:
    """Declare all of `PARAMETERS` on the node. ValueError when a value from outside is out of bounds."""
    values = {
        field_name(row.name): node.declare_parameter(row.name, row.default, _descriptor(row)).value
        for row in PARAMETERS
    }
    return Parameters(**values)


def _descriptor(row: Row) -> ParameterDescriptor:
    descriptor = ParameterDescriptor(name=row.name, description=row.description, read_only=not row.dynamic)
    if row.choices:
        descriptor.additional_constraints = "one of " + ", ".join(row.choices)
    if row.low is not None and isinstance(row.default, float):
        descriptor.floating_point_range = [
            FloatingPointRange(from_value=float(row.low), to_value=float(row.high))
        ]
    elif row.low is not None:
        descriptor.integer_range = [IntegerRange(from_value=int(row.low), to_value=int(row.high), step=1)]
    return descriptor


def changed(current: Parameters, parameters: Sequence[Parameter]) -> tuple[Parameters, SetParametersResult]:
    """`current` with these set, or unchanged and the reason why not."""
    names = {field.name for field in fields(Parameters)}
    values = {field_name(one.name): one.value for one in parameters if field_name(one.name) in names}
    try:
        return replace(current, **values), SetParametersResult(successful=True)
    except ValueError as error:
        return current, SetParametersResult(successful=False, reason=str(error))
