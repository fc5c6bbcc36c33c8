"""Real RGB-D frames through the node's own preprocessing: each gets a result or a typed reason."""

from fake_pipeline import FakePipeline
from graph import MUG
from sensor_msgs.msg import CameraInfo, Image

from n3d_ros.commands.play.camera import fill_camera_info
from n3d_ros.errors import ResultCode
from n3d_ros.files.frames import find_frames, read_frame
from n3d_ros.msg import Box3DArray
from n3d_ros.node.conversions import fill_image
from n3d_ros.preprocess.prepare import prepare


class PreparingPipeline(FakePipeline):
    """Does what every engine does first."""

    def ground(self, observation, words, **options):
        inputs = prepare(observation)
        assert inputs.valid_ratio > 0
        return super().ground(observation, words, **options)


def messages_of(frame, stamp_ns):
    rgb, depth = fill_image(Image(), frame.rgb, "rgb8"), fill_image(Image(), frame.depth, frame.encoding)
    info = fill_camera_info(CameraInfo(), frame.intrinsics)
    for message in (rgb, depth, info):
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp_ns, 10**9)
        message.header.frame_id = "optical"
    return rgb, depth, info


def test_every_real_frame_gets_a_result(make_graph, rgbd_dir):
    patient = {"max_frame_age_s": 0.0, "frame_timeout_s": 600.0}  # reading a frame takes its time
    graph = make_graph(PreparingPipeline([MUG]), continuous__prompt="red mug", **patient)
    results = graph.collect(Box3DArray, "n3d/boxes")
    graph.connect_camera()
    folders = find_frames([rgbd_dir])
    assert len(folders) > 20
    encodings = set()
    for count, folder in enumerate(folders, start=1):
        frame = read_frame(folder)
        encodings.add(frame.encoding)
        stamp = graph.publish(messages_of(frame, graph.node.now_ns()))
        graph.wait(lambda count=count: len(results) == count, f"result of {folder.name}")
        header = results[-1].header
        assert header.stamp.sec * 10**9 + header.stamp.nanosec == stamp
        assert results[-1].code == ResultCode.OK, f"{folder.name}: {results[-1].message}"
    assert encodings == {"16UC1", "32FC1"}
