"""What doctor says of a machine: packages, memory, buffers and models."""

from dataclasses import replace

import pytest
from graphs_seen import one
from places import CHECKOUT

from n3d_ros.commands.doctor.checks.machine import REQUIRED, check_machine
from n3d_ros.commands.doctor.seen import (
    MachineSeen,
    ModelSeen,
    PackageSeen,
)
from n3d_ros.node.plain.inputs.state import Level

MACHINE = MachineSeen(
    python=(3, 12, 1),
    executable="/usr/bin/python3",
    environment="system",
    ros_distro="jazzy",
    packages={
        **{name: PackageSeen("99.0") for name in (*REQUIRED, "onnxruntime", "rclpy")},
        "torch": PackageSeen(error="not installed"),
    },
    model=ModelSeen("/models/nano", "nano", 16 << 20, engine="no engine"),
    memory_bytes=8 << 30,
    receive_buffer_bytes=2147483647,
    shared_memory_bytes=1 << 30,
)


def packages(**changed):
    return replace(MACHINE, packages={**MACHINE.packages, **changed})


def test_a_machine_with_everything_is_right():
    assert {finding.level for finding in check_machine(MACHINE)} == {Level.OK}


@pytest.mark.parametrize(
    ("seen", "name", "level", "word", "mend"),
    [
        (replace(MACHINE, python=(3, 9, 0)), "python", Level.ERROR, "3.9.0", "newer Python"),
        (packages(numpy=PackageSeen("1.20.3")), "packages", Level.ERROR, "numpy is 1.20.3", "pip install"),
        (packages(cv2=PackageSeen(error="libGL")), "packages", Level.ERROR, "libGL", "pip install"),
        (packages(onnxruntime=PackageSeen(error="?")), "engines", Level.ERROR, "no engine", "onnxruntime"),
        (packages(rclpy=PackageSeen(error="?")), "ros", Level.ERROR, "rclpy does not import", "system-site"),
        (replace(MACHINE, memory_bytes=200 << 20), "memory", Level.ERROR, "0.2 GB free", "n3d quantize"),
        (replace(MACHINE, receive_buffer_bytes=212992), "rmem_max", Level.WARN, "212992", "sysctl -w"),
        (replace(MACHINE, shared_memory_bytes=16 << 20), "shared memory", Level.WARN, "16 MB", "--shm-size"),
        (replace(MACHINE, shared_memory_bytes=0), "shared memory", Level.WARN, "not writable", "--shm-size"),
        (
            replace(MACHINE, model=ModelSeen("/m", error="/m: none")),
            "model",
            Level.ERROR,
            "/m: none",
            "n3d export",
        ),
        (
            replace(MACHINE, model=ModelSeen("/m", engine_error="built for sm87")),
            "TensorRT",
            Level.WARN,
            "sm87",
            "n3d build --model /m",
        ),
    ],
)
def test_what_a_machine_lacks_is_named_with_its_remedy(seen, name, level, word, mend):
    found = one(check_machine(seen), name)
    assert found.level == level
    assert word in found.what and mend in found.mend


def test_without_ros_the_machine_is_still_right():
    seen = replace(packages(rclpy=PackageSeen(error="No module named 'rclpy'")), ros_distro="")
    assert one(check_machine(seen), "ros").level == Level.WARN


def test_the_least_versions_are_those_of_the_requirements():
    lines = (CHECKOUT / "requirements" / "robot.txt").read_text().splitlines()
    least = dict(line.partition(",")[0].split(">=") for line in lines if ">=" in line)
    names = {"cv2": "opencv-python-headless", "PIL": "pillow"}
    assert {name: least[names.get(name, name)] for name in REQUIRED} == REQUIRED
