"""A pipeline that the tests steer: which boxes it finds, and when it may go on."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from n3d_ros.boxes import Box3D
from n3d_ros.errors import BadInputError, ResultCode
from n3d_ros.runtime.types import SILENT, AskResult, GroundedObject, GroundResult, Timing


class FakePipeline:
    """`boxes` are found for any words; with `gate` set it waits for a permit before each box and each end.
    `calls`: each picture, with the name of the method that got it.
    """

    def __init__(self, boxes: list[Box3D], gate: threading.Semaphore | None = None) -> None:
        self.boxes, self.gate = boxes, gate
        self.stamps: list[int] = []
        self.calls: list[tuple[str, Any]] = []
        self.backend = SimpleNamespace(
            name="fake", tokenizer_path=Path("/models/fake/tokenizer.json"), manifest=None
        )

    def beside(self, limits):
        """A test looks at this one, whichever camera asks."""
        return self

    def start(self, rgb):
        self.calls.append(("start", rgb.copy()))
        return True

    def ground(self, observation, words, *, listener=SILENT, max_tokens=512):
        self.stamps.append(observation.stamp_ns)
        self.calls.append(("ground", observation.rgb.copy()))
        if words == "florble":
            raise BadInputError("words: expected something the tokenizer knows, got 'florble'")
        found: list[GroundedObject] = []
        code = ResultCode.OK
        for number, box in enumerate(self.boxes):
            self._wait(listener)
            if listener.should_cancel():
                code = ResultCode.CANCELED
                break
            found.append(GroundedObject(f"{number}_{box.label}", box, (10.0, 20.0, 30.5, 40.0), words))
            if listener.on_text:
                listener.on_text(f"bbox_{number}")
            if listener.on_box:
                listener.on_box(found[-1])
        self._wait(listener)
        timing = Timing(
            preprocess_ms=1.0,
            vision_ms=2.0,
            prefill_ms=3.0,
            decode_ms=4.0,
            post_ms=5.0,
            total_ms=15.0,
            num_tokens=7,
            num_forward_passes=8,
        )
        return GroundResult(
            tuple(found), "raw", (1, 2), (), code, "", timing, words, 0.75,
            depth_is_estimated=observation.depth_is_estimated,
        )  # fmt: skip

    def ask(self, observation, question, *, listener=SILENT, max_tokens=512):
        ground = self.ground(observation, "red mug", listener=replace(listener, on_text=None))
        if listener.on_text:
            listener.on_text("It is")
        self._wait(listener)
        return AskResult(
            "It is 1.25 meters away.",
            "because",
            1.25,
            "m",
            ground.objects,
            "distance",
            True,
            "raw answer",
            (3,),
            ground.code,
            "",
            ground.timing,
            ground,
        )

    def _wait(self, listener):
        while self.gate is not None and not self.gate.acquire(timeout=0.01) and not listener.should_cancel():
            pass
