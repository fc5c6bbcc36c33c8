"""Runs `n3d demo` with the real camera, node and client, and an engine that needs no model.

`run_with_fake_engine.py demo ARGS...` is the command; `--node` marks the node process that it starts.
"""

import sys
from pathlib import Path
from types import SimpleNamespace

from n3d_ros import cli
from n3d_ros.boxes import Box3D, box_2d_px
from n3d_ros.commands.demo import command as demo
from n3d_ros.errors import ResultCode
from n3d_ros.preprocess.depth import depth_to_point_map
from n3d_ros.runtime.types import SILENT, AskResult, GroundedObject, GroundResult, Timing


class MiddleOfThePicture:
    """Finds one 10 cm box at the picture's middle pixel, whatever is asked, or nothing."""

    def __init__(self, finds_nothing):
        self.finds_nothing = finds_nothing
        self.backend = SimpleNamespace(
            name="none", tokenizer_path=Path("fake", "tokenizer.json"), manifest=None
        )

    def beside(self, limits):
        return self

    def ground(self, observation, words, *, listener=SILENT, max_tokens=512):
        points = depth_to_point_map(observation.depth, observation.intrinsics)
        center = points[points.shape[0] // 2, points.shape[1] // 2].tolist()
        box = Box3D(words.removeprefix("the "), tuple(center), (0.1, 0.1, 0.1), score=0.5)
        found = GroundedObject("0_thing", box, box_2d_px(box, observation.intrinsics), words)
        objects = () if self.finds_nothing else (found,)
        for item in objects:
            listener.on_box and listener.on_box(item)
        return GroundResult(objects, "text", (1, 2), (), ResultCode.OK, "", Timing(), words, 1.0)

    def ask(self, observation, question, **options):
        ground = self.ground(observation, question, **options)
        computed = {"value": 0.3, "unit": "m", "relation": "distance", "consistent": True}
        written = {"answer": "It is 0.3 m.", "reasoning": "Because.", "raw_text": "text", "token_ids": (1,)}
        ended = {"code": ResultCode.OK, "message": "", "timing": Timing()}
        return AskResult(**written, **computed, **ended, objects=ground.objects, ground=ground)


def load(wanted):
    if "broken" in wanted.model_path:
        raise ValueError("this model is broken")
    return MiddleOfThePicture(finds_nothing="nothing" in wanted.model_path)


if __name__ == "__main__":
    if sys.argv[1] == "--node":
        from n3d_ros.node import engine, n3d_node

        engine.load_pipeline = load
        sys.exit(n3d_node.main(sys.argv[1:]))
    demo.NODE_COMMAND = [sys.executable, __file__, "--node"]
    sys.exit(cli.main(sys.argv[1:]))
