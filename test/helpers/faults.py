"""What goes wrong on a robot, one row a fault: how it is made, what the node says of it.

`FaultyGraph` is a node whose camera, engine and tf have the faults that are `active`. The table in
docs/reliability.md is `as_table()`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from fake_pipeline import FakePipeline
from graph import DEADLINE_S, HEIGHT, MUG, WIDTH
from graph_views import status_of
from map_tf import RealTf, StandInTf

from n3d_ros.errors import ResultCode
from n3d_ros.node.conversions import fill_image
from n3d_ros.srv import Ground

HOUR_S = 3600
Parts = dict[str, Any]


@dataclass(frozen=True)
class Fault:
    """code and said: of what a request gets; status: where /diagnostics says it instead. spoil: a frame's
    messages, by topic. stops: topics on which nothing comes. engine: how the model fails.
    """

    name: str
    code: ResultCode
    said: str
    spoil: Callable[[Parts], object] | None = None
    stops: tuple[str, ...] = ()
    engine: str = ""
    status: str = ""
    is_of_tf: bool = False


def nan_depth(parts: Parts) -> None:
    fill_image(parts["depth"], np.full((HEIGHT, WIDTH), np.nan, np.float32), "32FC1")


def zero_size(parts: Parts) -> None:
    parts["rgb"].width = parts["rgb"].height = parts["rgb"].step = 0
    parts["rgb"].data = b""


def truncated(parts: Parts) -> None:
    parts["rgb"].data = parts["rgb"].data[:100]


def other_size(parts: Parts) -> None:
    parts["info"].width *= 2


def jump(seconds: int) -> Callable[[Parts], None]:
    """The camera's clock, for all that it sends."""

    def spoil(parts: Parts) -> None:
        for message in parts.values():
            message.header.stamp.sec += seconds

    return spoil


CAMERA = (
    Fault("the camera stops", ResultCode.NO_FRAME, "nothing on /rgb/image", stops=("rgb", "depth", "info")),
    Fault("depth alone stops", ResultCode.NO_DEPTH, "nothing on /depth/image", stops=("depth",)),
    Fault("camera info is of another size", ResultCode.BAD_INPUT, "128x48", other_size),
    Fault("its clock jumps back", ResultCode.STALE, "the clocks differ", jump(-HOUR_S)),
    Fault("its clock jumps ahead", ResultCode.OK, "ahead of the node's clock", jump(HOUR_S), status="rgb"),
    Fault("depth is NaN everywhere", ResultCode.NO_DEPTH, "no valid depth", nan_depth),
    Fault("pictures of no size", ResultCode.BAD_INPUT, "0x0", zero_size),
    Fault("data is cut off", ResultCode.BAD_INPUT, "100 bytes", truncated),
)
ENGINE = (
    Fault("the engine raises", ResultCode.INTERNAL, "RuntimeError: the engine broke", engine="raises"),
    Fault("the engine hangs", ResultCode.TIMEOUT, "the engine", engine="hangs"),
    Fault("memory runs out", ResultCode.OOM, "out of memory", engine="memory"),
)
TF = (Fault("tf vanishes", ResultCode.TF, "no transform from", is_of_tf=True),)
FAULTS = CAMERA + ENGINE + TF


class FaultyPipeline(FakePipeline):
    """Fails as it is told; hangs deaf until it is let go."""

    def __init__(self) -> None:
        super().__init__([MUG])
        self.how = ""
        self.let_go = threading.Event()

    def ground(self, observation: Any, words: str, **options: Any) -> Any:
        if self.how == "raises":
            raise RuntimeError("the engine broke")
        if self.how == "memory":
            raise MemoryError
        if self.how == "hangs":
            assert self.let_go.wait(DEADLINE_S)
        return super().ground(observation, words, **options)


class FaultyGraph:
    """A node that publishes in `map`, asked again and again while its camera sends."""

    def __init__(self, make_graph: Callable[..., Any], tf: RealTf | StandInTf) -> None:
        self.tf, self.pipeline = tf, FaultyPipeline()
        self.graph = make_graph(
            self.pipeline,
            output_frame="map",
            max_frame_age_s=0.5,
            frame_timeout_s=0.3,
            goal_timeout_s=0.5,
            tf_timeout_s=0.02,
            diagnostics__period_s=0.1,
        )
        tf.join(self.graph)
        self.active: list[Fault] = []
        self._last_s = 0.0
        self._client = self.graph.client.create_client(Ground, "n3d/ground")
        self._diagnostics = self.graph.collect(DiagnosticArray, "/diagnostics")
        self.graph.connect_camera()
        self.graph.wait(self._client.service_is_ready, "the service")
        self.end()

    def begin(self, *faults: Fault) -> None:
        """These happen from now on, and nothing else."""
        self.active = list(faults)
        self.pipeline.how = "".join(one.engine for one in faults)
        if self.pipeline.how == "hangs":
            self.pipeline.let_go.clear()
        else:
            self.pipeline.let_go.set()
        self.tf.show(not any(one.is_of_tf for one in faults))

    def end(self) -> None:
        """Every cause is gone; until the node answers, and complains of nothing."""
        self.begin()
        self._until(lambda answer: answer.code == ResultCode.OK and not self._complaints(), "an answer")

    def until_said(self, *faults: Fault) -> None:
        """Until the node has said one of them."""
        what = " or ".join(f"'{one.said}'" for one in faults)
        self._until(lambda answer: any(self._says(answer, one) for one in faults), what)

    def _says(self, answer: Any, fault: Fault) -> bool:
        if fault.status:
            status = status_of(self._diagnostics, fault.status)
            return status is not None and fault.said in status.message
        return bool(answer.code == fault.code and fault.said in answer.message)

    def _complaints(self) -> list[str]:
        statuses = [status_of(self._diagnostics, name) for name in ("rgb", "depth", "camera_info", "engine")]
        return [one.message for one in statuses if one is not None and one.level != one.OK]

    def _until(self, holds: Callable[[Any], bool], what: str) -> None:
        end_s, answer = time.monotonic() + DEADLINE_S, None
        while answer is None or not holds(answer):
            assert time.monotonic() < end_s, f"expected {what}, got {answer} and {self._complaints()}"
            answer = self._ask()

    def _ask(self) -> Any:
        future = self._client.call_async(Ground.Request(prompt="red mug"))
        self.graph.wait(lambda: self._publish() or future.done(), "an answer")
        return future.result()

    def _publish(self) -> None:
        if time.monotonic() - self._last_s < 0.03:
            return
        self._last_s = time.monotonic()
        rgb, depth, info = self.graph.messages()
        self.tf.tell(rgb.header.stamp)  # by the robot's own clock, which is right
        parts: Parts = {"info": info, "depth": depth, "rgb": rgb}
        for fault in self.active:
            if fault.spoil is not None:
                fault.spoil(parts)
        stopped = {topic for fault in self.active for topic in fault.stops}
        for topic in ("info", "depth", "rgb"):
            if topic not in stopped:
                getattr(self.graph, topic).publish(parts[topic])


def as_table() -> str:
    """Markdown."""
    rows = ["| what goes wrong | code | what is said |", "|---|---|---|"]
    for one in FAULTS:
        where = f", in `/diagnostics` ({one.status})" if one.status else ""
        rows.append(f'| {one.name} | {one.code.name} | "{one.said}"{where} |')
    return "\n".join(rows)
