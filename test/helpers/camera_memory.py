"""Memory of cameras in one process and in a process each: `python test/helpers/camera_memory.py`.

Each camera is asked n3d-nano's standing question until it has answered NUM_RESULTS times. Memory is what the
kernel says of the node's processes: PSS, in which pages that several processes map count once, without Fast
DDS's shared memory, whose segments have a fixed size; and the same as resident pages.
"""

import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from places import CHECKOUT

from n3d_ros.child_process import package_environment
from n3d_ros.commands.graph.isolation import isolation
from n3d_ros.commands.soak.run import TOPICS, _frame
from n3d_ros.text_table import text_table

SIZE = 640, 480
NUM_RESULTS = 10
PERIOD_S = 0.2
START_S = 180.0
# Names of the cameras of each process.
LAYOUTS = (
    ("one camera", (("a",),)),
    ("two, one process", (("a", "b"),)),
    ("four, one process", (("a", "b", "c", "d"),)),
    ("two processes", (("a",), ("b",))),
    ("four processes", (("a",), ("b",), ("c",), ("d",))),
)
NODE = [sys.executable, "-m", "n3d_ros.node.n3d_node"]
ASKED = ["--ros-args", "-p", "continuous.prompt:=red mug", "-p", "max_frame_age_s:=0.0"]


def memory_mib(pid):
    """(PSS, resident), anonymous pages and those of files."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    kib = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    resident = {line.split(":")[0]: int(line.split()[1]) for line in status if line.startswith("Rss")}
    pss = kib["Pss_Anon"] + kib["Pss_File"]
    return pss / 1024, (resident["RssAnon"] + resident["RssFile"]) / 1024


class Cameras:
    """They send one picture again and again, and count the answers."""

    def __init__(self, names):
        import rclpy
        from sensor_msgs.msg import CameraInfo, Image

        from n3d_ros.msg import Box3DArray

        self._node = rclpy.create_node("cameras")
        self._messages = _frame(SIZE, Image, CameraInfo)
        self._publishers = [
            (self._node.create_publisher(type(message), f"/{name}/{topic}", 5), message)
            for name in names
            for topic, message in zip(TOPICS, self._messages, strict=True)
        ]
        self.num = dict.fromkeys(names, 0)
        for name in names:
            self._node.create_subscription(Box3DArray, f"/{name}/n3d/boxes", self._count(name), 10)

    def _count(self, name):
        def heard(_):
            self.num[name] += 1

        return heard

    def run(self, processes):
        """Until each has NUM_RESULTS answers."""
        import rclpy

        end_s = time.monotonic() + START_S
        while min(self.num.values()) < NUM_RESULTS:
            assert time.monotonic() < end_s, f"answers after {START_S:g} s: {self.num}"
            assert all(one.poll() is None for one in processes)
            stamp = self._node.get_clock().now().to_msg()
            for publisher, message in self._publishers:
                message.header.stamp = stamp
                publisher.publish(message)
            next_s = time.monotonic() + PERIOD_S
            while (left_s := next_s - time.monotonic()) > 0:
                rclpy.spin_once(self._node, timeout_sec=left_s)

    def close(self):
        self._node.destroy_node()


def measure(layout, environment):
    """(PSS, resident) MiB of all processes together."""
    names = [name for process in layout for name in process]
    with ExitStack() as stack:
        processes = []
        for process in layout:
            cameras = [part for name in process for part in ("--camera", name)]
            command = [*NODE, *cameras, *ASKED]
            processes.append(
                subprocess.Popen(command, cwd=CHECKOUT, env=environment, stderr=subprocess.DEVNULL)
            )
            stack.callback(processes[-1].wait)
            stack.callback(processes[-1].terminate)
        cameras = Cameras(names)
        stack.callback(cameras.close)
        cameras.run(processes)
        return [sum(parts) for parts in zip(*(memory_mib(one.pid) for one in processes), strict=True)]


def main():
    import rclpy

    environment = {**package_environment(), **isolation()}
    os.environ.update(isolation())
    rclpy.init()
    rows = [["", "PSS, MiB", "resident, MiB"]]
    for name, layout in LAYOUTS:
        rows.append([name, *(f"{mib:.0f}" for mib in measure(layout, environment))])
        print(rows[-1], file=sys.stderr)
    rclpy.try_shutdown()
    print(text_table(rows, "<>>"))


if __name__ == "__main__":
    main()
