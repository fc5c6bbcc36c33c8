"""Every parameter of the node, declared once: name, type, default, bounds, description, dynamic or not.

In: values from an operator. Out: a frozen `Parameters`, or a ValueError that names parameter, expected and
got. `ros2 param describe`, the check of `config/n3d.yaml` and the table in docs/interface.md follow from
here. It knows no ROS.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import TypeVar

from n3d_ros.cameras.camera_info import KINDS
from n3d_ros.cameras.camera_text import EXAMPLE, camera_of_text
from n3d_ros.files.picture_file import MAX_MEGAPIXELS
from n3d_ros.geometry import Intrinsics
from n3d_ros.preprocess.metres import MAX_DEPTH_M, MIN_DEPTH_M
from n3d_ros.runtime.backends.factory import AUTO, BACKEND_FORMS, BackendChoice
from n3d_ros.runtime.limits import DEFAULT, Limits, check_words
from n3d_ros.runtime.options import VALUES

Value = TypeVar("Value", bool, int, float, str)

UNITS = {"s": "s", "ms": "ms", "m": "m", "hz": "Hz"}
QOS = ("auto", "sensor_data", "reliable")
QOS_MEANING = "auto: the most that every publisher offers, reliable and transient local if it can be"
ALIGN = ("auto", "off", "error")
TRANSPORTS = ("raw", "compressed")


OVERRIDE = "intrinsics.override"


def override_of(text: str) -> Intrinsics | None:
    """What `intrinsics.override` says, None for nothing. ValueError that names it."""
    try:
        return camera_of_text(text) if text.strip() else None
    except ValueError as error:
        raise ValueError(f"{OVERRIDE}: {error}") from None


@dataclass(frozen=True)
class Declaration:
    """One parameter. low, high: inclusive bounds of a number. choices: of a string. parse: raises ValueError
    for a string that cannot be. dynamic: may change while the node runs.
    """

    name: str
    default: bool | int | float | str
    description: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    parse: Callable[[str], object] | None = None
    dynamic: bool = False

    @property
    def field_name(self) -> str:
        """Its attribute of `Parameters`: 'depth.max_m' -> 'depth_max_m'."""
        return self.name.replace(".", "_")

    @property
    def type_name(self) -> str:
        """'bool', 'int', 'float' or 'str'."""
        return type(self.default).__name__

    @property
    def unit(self) -> str:
        """The last part of its name, '' where that is no unit."""
        return UNITS.get(self.name.replace(".", "_").rpartition("_")[2], "")

    @property
    def bounds(self) -> str:
        """What is allowed, in words; '' for anything of its type."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        return "" if self.low is None else f"{self.low:g} to {self.high:g}"

    def check(self, value: object) -> None:
        """ValueError that names the parameter unless the value may be set."""
        if type(value) is not type(self.default):
            raise ValueError(f"{self.name}: expected {self.type_name}, got {value!r}")
        if self.choices and value not in self.choices:
            raise ValueError(f"{self.name}: expected {self.bounds}, got {value!r}")
        if isinstance(value, str) and self.parse is not None:
            self.parse(value)
        if isinstance(value, (int, float)) and self.low is not None and self.high is not None:
            self._check_bounds(value, self.low, self.high)

    def _check_bounds(self, value: float, low: float, high: float) -> None:
        if not (math.isfinite(value) and low <= value <= high):
            raise ValueError(f"{self.name}: expected {low:g}..{high:g}, got {value!r}")


def _declare(
    name: str,
    default: Value,
    description: str,
    low: float | None = None,
    high: float | None = None,
    *,
    choices: tuple[str, ...] = (),
    parse: Callable[[str], object] | None = None,
    dynamic: bool = False,
) -> Value:
    """A field of `Parameters` that carries its declaration."""
    declaration = Declaration(
        name, default, description, low, high, choices=choices, parse=parse, dynamic=dynamic
    )
    return field(default=default, metadata={"declaration": declaration})


@dataclass(frozen=True)
class Parameters:
    """One set of values; without arguments the defaults. A dot in the name is an underscore here."""

    autostart: bool = _declare(
        "autostart",
        True,
        "configure and activate at once; else as a lifecycle manager says",
    )
    model_path: str = _declare(
        "model.path", "", "folder of the model; empty: the n3d-nano that ships with the package"
    )
    model_threads: int = _declare("model.threads", 0, "threads of the engine; 0: its own choice", 0, 256)
    model_load_timeout_s: float = _declare(
        "model.load_timeout_s",
        300.0,
        "an engine that loads for longer is an ERROR, fails configuring, and is not shared by who comes then",
        0.1,
        86400.0,
    )
    model_box_fit: str = _declare(
        "model.box_fit",
        VALUES["box_fit"][0],
        "depth: boxes are moved to where depth shows their sides; off: as the model writes them; model: as "
        "its folder says (n3d-nano's: depth)",
        choices=VALUES["box_fit"],
    )
    backend: str = _declare("backend", AUTO, f"engine runtime: {BACKEND_FORMS}", parse=BackendChoice.parse)
    continuous_enabled: bool = _declare(
        "continuous.enabled",
        True,
        "look for continuous.prompt in every frame that can be served",
        dynamic=True,
    )
    continuous_prompt: str = _declare(
        "continuous.prompt",
        "",
        "words to look for all the time, several with ; between; empty: only when asked",
        dynamic=True,
    )
    continuous_rate_hz: float = _declare(
        "continuous.rate_hz",
        0.0,
        "at most this many continuous results a second; 0: as many as the engine gives",
        0.0,
        1000.0,
        dynamic=True,
    )
    sync_max_slop_ms: float = _declare(
        "sync.max_slop_ms",
        20.0,
        "largest difference between the stamps of depth and colour; half a measured period when that is less",
        0.0,
        1000.0,
    )
    sync_queue_size: int = _declare("sync.queue_size", 5, "images of each stream kept for pairing", 2, 100)
    rgb_transport: str = _declare(
        "rgb.transport",
        "raw",
        "raw: rgb/image; compressed: rgb/image/compressed (JPEG, PNG)",
        choices=TRANSPORTS,
    )
    depth_transport: str = _declare(
        "depth.transport",
        "raw",
        "raw: depth/image; compressed: depth/image/compressedDepth (PNG, RVL)",
        choices=TRANSPORTS,
    )
    rgb_picture: str = _declare(
        "rgb.picture",
        KINDS[0],
        "raw: k and d of the camera info; rectified: p; auto: by the topic's name (image_rect), else raw",
        choices=KINDS,
        dynamic=True,
    )
    intrinsics_override: str = _declare(
        OVERRIDE,
        "",
        f"such as '{EXAMPLE}', for pictures of that shape: used in place of the camera info's k and p; "
        "empty: the camera info's",
        parse=override_of,
        dynamic=True,
    )
    qos_rgb: str = _declare("qos.rgb", "auto", QOS_MEANING, choices=QOS)
    qos_depth: str = _declare("qos.depth", "auto", QOS_MEANING, choices=QOS)
    qos_info: str = _declare("qos.info", "auto", QOS_MEANING, choices=QOS)
    rgbd_enabled: bool = _declare(
        "rgbd.enabled",
        False,
        "take colour, depth and camera info from rgbd (realsense2_camera_msgs/RGBD)",
    )
    early_start: bool = _declare(
        "early_start",
        True,
        "begin with a colour image before its depth comes, where the engine can and is idle",
        dynamic=True,
    )
    depth_scale_m: float = _declare(
        "depth.scale_m",
        0.0,
        "metres per unit of the depth image; 0: by encoding (16UC1 0.001, 32FC1 1)",
        0.0,
        1.0,
        dynamic=True,
    )
    depth_align: str = _declare(
        "depth.align",
        ALIGN[0],
        "depth in another frame than colour: auto registers it here by tf and depth/camera_info, off takes "
        "it for registered, error refuses it",
        choices=ALIGN,
        dynamic=True,
    )
    depth_is_estimated: bool = _declare(
        "depth.is_estimated",
        False,
        "the depth topic comes from a depth model and not from a sensor; results say so",
        dynamic=True,
    )
    depth_min_m: float = _declare(
        "depth.min_m", MIN_DEPTH_M, "nearer depth is no depth", 0.0, 100.0, dynamic=True
    )
    depth_max_m: float = _declare(
        "depth.max_m", MAX_DEPTH_M, "farther depth is no depth", 0.01, 1000.0, dynamic=True
    )
    max_frame_age_s: float = _declare(
        "max_frame_age_s",
        2.0,
        "older frames are STALE, in the node's clock; 0: any age",
        0.0,
        3600.0,
        dynamic=True,
    )
    frame_timeout_s: float = _declare(
        "frame_timeout_s", 2.0, "how long a request waits for a frame", 0.0, 3600.0, dynamic=True
    )
    output_frame: str = _declare(
        "output_frame", "", "tf frame of the results; empty: the colour camera's optical frame", dynamic=True
    )
    tf_timeout_s: float = _declare(
        "tf_timeout_s",
        0.2,
        "how long a result waits for tf at its image's stamp",
        0.0,
        10.0,
        dynamic=True,
    )
    tracking_frame: str = _declare(
        "tracking_frame",
        "",
        "tf frame that stands still, such as odom: ids survive camera motion; empty: camera's view",
        dynamic=True,
    )
    continuous_publish_tf: bool = _declare(
        "continuous.publish_tf",
        False,
        "send what continuous.prompt finds to tf as <node>/<id>",
        dynamic=True,
    )
    markers_enabled: bool = _declare("markers.enabled", True, "publish ~/markers", dynamic=True)
    markers_style: str = _declare(
        "markers.style", "wire", "edges or filled boxes", choices=("wire", "solid"), dynamic=True
    )
    markers_alpha: float = _declare("markers.alpha", 0.8, "opacity", 0.0, 1.0, dynamic=True)
    markers_label_height_m: float = _declare(
        "markers.label_height_m", 0.05, "height of the letters", 0.0, 1.0, dynamic=True
    )
    markers_lifetime_s: float = _declare(
        "markers.lifetime_s",
        0.0,
        "until a viewer drops a marker; 0: until it is deleted",
        0.0,
        3600.0,
        dynamic=True,
    )
    debug_image_enabled: bool = _declare(
        "debug_image.enabled",
        True,
        "publish ~/debug/image, raw and compressed, while somebody subscribes",
        dynamic=True,
    )
    diagnostics_period_s: float = _declare("diagnostics.period_s", 1.0, "period of /diagnostics", 0.1, 60.0)
    generation_max_tokens: int = _declare(
        "generation.max_tokens", 512, "at most this many tokens per stage", 1, 8192, dynamic=True
    )
    max_queued_goals: int = _declare(
        "max_queued_goals", 4, "requests that may wait; the oldest of more is SUPERSEDED", 1, 100
    )
    goal_timeout_s: float = _declare(
        "goal_timeout_s", 60.0, "a request stops after it with TIMEOUT", 0.1, 3600.0, dynamic=True
    )
    memory_enabled: bool = _declare(
        "memory.enabled", False, "remember what is found, for ~/recall and ~/objects"
    )
    memory_frame: str = _declare(
        "memory.frame", "", "tf frame that stands still, such as map, in which places are remembered"
    )
    memory_camera_is_still: bool = _declare(
        "memory.camera_is_still",
        False,
        "with an empty memory.frame: the camera never moves, so remember in its optical frame",
    )
    memory_max_age_s: float = _declare(
        "memory.max_age_s", 3600.0, "things last seen longer ago are forgotten", 1.0, 1e8
    )
    memory_file: str = _declare(
        "memory.file",
        "",
        "JSON file of the memory: read when configured, written while running; empty: none",
    )
    limits_max_picture_megapixels: float = _declare(
        "limits.max_picture_megapixels",
        MAX_MEGAPIXELS,
        "larger pictures are BAD_INPUT, of topics and requests; read from their header",
        1e-3,
        10000.0,
        dynamic=True,
    )
    limits_max_words_chars: int = _declare(
        "limits.max_words_chars",
        DEFAULT.max_words_chars,
        "longer words or questions are BAD_INPUT",
        1,
        100000,
    )
    limits_max_label_chars: int = _declare(
        "limits.max_label_chars",
        DEFAULT.max_label_chars,
        "a box to which the model writes a longer label is malformed",
        1,
        100000,
    )

    @property
    def limits(self) -> Limits:
        """Of text, as the pipeline takes them."""
        return Limits(self.limits_max_words_chars, self.limits_max_label_chars)

    @property
    def override(self) -> Intrinsics | None:
        """K in place of the camera info's; None: the camera info's."""
        return override_of(self.intrinsics_override)

    def __post_init__(self) -> None:
        for one in DECLARATIONS:
            one.check(getattr(self, one.field_name))
        try:
            check_words(self.continuous_prompt, self.limits)
        except ValueError as error:
            raise ValueError(f"continuous.prompt: {error}") from None
        if self.memory_enabled and not (self.memory_frame or self.memory_camera_is_still):
            raise ValueError(
                "memory.frame: expected a tf frame that stands still, such as map, got an empty one; the "
                "camera's own frame serves where memory.camera_is_still"
            )
        if self.depth_min_m >= self.depth_max_m:
            raise ValueError(
                f"depth.min_m: expected less than depth.max_m={self.depth_max_m:g}, got {self.depth_min_m:g}"
            )


DECLARATIONS: tuple[Declaration, ...] = tuple(one.metadata["declaration"] for one in fields(Parameters))
