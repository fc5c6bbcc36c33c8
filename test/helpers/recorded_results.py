"""A recording as `n3d record` writes it, made without ROS."""

import numpy as np

from n3d_ros.cameras.used_camera import fill_used_camera
from n3d_ros.recording.parts import Parts
from n3d_ros.recording.types import ANSWER, BOXES, CORRECTION, IMAGE, INFO, PARAMETERS, message_store

FRAME = "camera_color_optical_frame"
WIDTH, HEIGHT = 64, 48
RIGHT, WRONG, CORRECTED = 1, 0, 2
OUTCOME = "n3d_ros/msg/NameOutcome"


class Recording:
    """Messages of one camera in `folder`; every frame is 1 m deep and as red as its number says. Parts end
    where the caller says. write: takes topic, type, time and bytes of each message instead of the parts.
    """

    def __init__(self, folder, write=None):
        self.folder, self._parts, self._store = folder, Parts(folder), message_store()
        self._take = write or self._parts.write

    def next_part(self):
        self._parts.end_part()

    def kill(self):
        """What it wrote stays as it is, and its lock goes with it."""
        self._parts = self._take = None

    def close(self):
        self._parts.close()
        return self.folder

    def frame(
        self,
        stamp_ns,
        d=(),
        red=90,
        with_info=True,
        between=lambda: None,
        depth_frame=None,
        colour="rgb8",
        depth="16UC1",
        camera="",
        frame=FRAME,
        focal=60.0,
    ):
        """between: called after the colour image. colour, depth: their encodings. camera: where its topics
        are. frame: the colour image's, and depth's where that is not given.
        """
        rgb = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        rgb[..., 0] = red
        seen = np.full((HEIGHT, WIDTH), red * 257, np.uint16) if colour == "mono16" else rgb
        deep = np.full((HEIGHT, WIDTH), 1000, np.uint16)
        for topic, pixels, encoding in (("/rgb", seen, colour), ("/depth", deep, depth)):
            data = np.frombuffer(pixels.tobytes(), np.uint8)
            step = pixels.strides[0]
            header = self._header(stamp_ns, frame if topic == "/rgb" else depth_frame or frame)
            image = self._new(IMAGE, header=header, height=HEIGHT, width=WIDTH, encoding=encoding)
            image.step, image.data = step, data
            self._write(f"{camera}{topic}", IMAGE, image)
            if topic == "/rgb":
                between()
        if not with_info:
            return
        info = self._new(INFO, header=self._header(stamp_ns, frame), height=HEIGHT, width=WIDTH)
        info.distortion_model, info.d = "plumb_bob", np.array(d, np.float64)
        info.k = np.array([focal, 0, 31.5, 0, focal, 23.5, 0, 0, 1])
        info.r = np.eye(3).ravel()
        info.p = np.array([focal, 0, 31.5, 0, 0, focal, 23.5, 0, 0, 0, 1, 0])
        self._write(f"{camera}/info", INFO, info)

    def picture(self, topic, stamp_ns, red, frame=FRAME):
        """One colour image."""
        rgb = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        rgb[..., 0] = red
        header = self._header(stamp_ns, frame)
        image = self._new(IMAGE, header=header, height=HEIGHT, width=WIDTH, encoding="rgb8")
        image.step, image.data = rgb.strides[0], rgb.reshape(-1)
        self._write(topic, IMAGE, image)

    def boxes(
        self,
        stamp_ns,
        words,
        boxes,
        frame=FRAME,
        code=0,
        outcomes=(),
        camera=None,
        is_estimated=False,
        node="/n3d",
        **changed,
    ):
        """boxes: each alone or with the name that found it. outcomes: name, code and message of each."""
        message = self._new(BOXES, header=self._header(stamp_ns, frame), words=words, code=code)
        message.depth_is_estimated = is_estimated
        message.boxes = [self._box(box) for box in boxes]
        message.outcomes = [
            self._new(OUTCOME, words=name, code=ended, message=said) for name, ended, said in outcomes
        ]
        self._say_camera(message, camera, changed)
        self._write(f"{node}/boxes", BOXES, message)

    def depth_parameters(self, values, node="/n3d"):
        """As the node says them, by their names."""
        said = [
            self._new("diagnostic_msgs/msg/KeyValue", key=key, value=text) for key, text in values.items()
        ]
        status = self._new("diagnostic_msgs/msg/DiagnosticStatus", level=0, name="/n3d", values=said)
        message = self._new(PARAMETERS, header=self._header(0), status=[status])
        self._write(f"{node}/depth_parameters", PARAMETERS, message)

    def answer(self, stamp_ns, question, answer, boxes, consistent=1, camera=None):
        message = self._new(ANSWER, header=self._header(stamp_ns), question=question, answer=answer)
        message.reasoning, message.consistent = "because", consistent
        message.evidence = [self._box(box) for box in boxes]
        self._say_camera(message, camera, {})
        self._write("/n3d/answer", ANSWER, message)

    def correction(self, stamp_ns, words, verdict, boxes=(), answer="", node="/n3d"):
        message = self._new(CORRECTION, header=self._header(stamp_ns), words=words, verdict=verdict)
        message.boxes, message.answer = [self._box(box) for box in boxes], answer
        self._write(f"{node}/correction", CORRECTION, message)

    def _say_camera(self, message, camera, changed):
        if camera is not None:
            fill_used_camera(message.intrinsics, camera, is_overridden=False)
            message.intrinsics.d = np.array(message.intrinsics.d, np.float64)
        for name, value in changed.items():
            setattr(message.intrinsics, name, value)

    def _box(self, box):
        import math

        box, words = box if isinstance(box, tuple) else (box, "")
        message = self._new("n3d_ros/msg/GroundedObject", label=box.label, words=words, score=box.score)
        at, size, turn = message.pose.position, message.size, message.pose.orientation
        at.x, at.y, at.z = box.center
        size.x, size.y, size.z = box.size
        turn.y, turn.w = math.sin(box.yaw / 2), math.cos(box.yaw / 2)
        return message

    def _header(self, stamp_ns, frame=FRAME):
        stamp = self._store.types["builtin_interfaces/msg/Time"](*divmod(stamp_ns, 10**9))
        return self._store.types["std_msgs/msg/Header"](stamp, frame)

    def _new(self, name, /, **values):
        """A message of zeros and empty texts, with some fields set."""
        filled = {field: self._zero(kind) for field, kind in self._store.fielddefs[name][1]}
        return self._store.types[name](**{**filled, **values})

    def _zero(self, kind):
        node, inside = kind
        if node.name == "NAME":
            return self._new(inside)
        if node.name == "BASE":
            return {"string": "", "bool": False}.get(inside[0], 0.0 if "float" in inside[0] else 0)
        return (
            np.zeros(inside[1] if node.name == "ARRAY" else 0, np.float64)
            if inside[0][0].name == "BASE"
            else []
        )

    def _write(self, topic, kind, message):
        self._take(topic, kind, 1, bytes(self._store.serialize_cdr(message, kind)))
