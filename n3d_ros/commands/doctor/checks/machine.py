"""Whether this machine and this Python can run the node: packages, model, memory, room for images.

In: `MachineSeen`. Out: findings. It knows no graph.
"""

from __future__ import annotations

from collections.abc import Iterable

from n3d_ros.commands.doctor.finding import MACHINE, Finding, fine
from n3d_ros.commands.doctor.seen import MachineSeen, ModelSeen
from n3d_ros.node.plain.inputs.state import Level
from n3d_ros.node.transport import SEGMENT_BYTES

MIN_PYTHON = (3, 10)
# Import name -> the least version, as in requirements/robot.txt.
REQUIRED = {"numpy": "1.21", "cv2": "4.5", "PIL": "9", "tokenizers": "0.19"}
ENGINES = ("onnxruntime", "torch", "tensorrt", "tensorrt_rtx")
# Beside the weights: pictures, the cache of a dialogue, Python.
SPARE_BYTES = 300 << 20
# The kernel's usual 208 KB hold no VGA image, whose fragments all arrive at once over UDP. The remedy is
# that of docs.ros.org/en/humble/How-To-Guides/DDS-tuning.html.
MIN_RECEIVE_BUFFER_BYTES = 4 << 20
RECEIVE_BUFFER = "sudo sysctl -w net.core.rmem_max=2147483647"


def check_machine(seen: MachineSeen) -> list[Finding]:
    """All of it."""
    found = [_python(seen), _packages(seen), _engines(seen), _ros(seen), _memory(seen), _network(seen)]
    found.append(_shared_memory(seen))
    return [*found, *(() if seen.model is None else _model(seen.model))]


def _python(seen: MachineSeen) -> Finding:
    version = ".".join(map(str, seen.python))
    what = f"{version} ({seen.environment}), {seen.executable}"
    if seen.python[:2] >= MIN_PYTHON:
        return fine(MACHINE, "python", what)
    least = ".".join(map(str, MIN_PYTHON))
    return Finding(MACHINE, "python", Level.ERROR, what, f"expected {least} or newer", "use a newer Python")


def _packages(seen: MachineSeen) -> Finding:
    wrong = []
    for name, least in REQUIRED.items():
        package = seen.packages[name]
        if package.error:
            wrong.append(f"{name} does not import: {package.error}")
        elif _numbers(package.version) < _numbers(least):
            wrong.append(f"{name} is {package.version}, expected {least} or newer")
    if wrong:
        mend = f"{seen.executable} -m pip install -r requirements/robot.txt"
        return Finding(MACHINE, "packages", Level.ERROR, "; ".join(wrong), "the node needs them", mend)
    return fine(MACHINE, "packages", _versions(seen, REQUIRED))


def _numbers(version: str) -> tuple[int, ...]:
    """'1.26.4' -> (1, 26, 4); what is no number ends it."""
    numbers: list[int] = []
    for part in version.split("."):
        if not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)


def _versions(seen: MachineSeen, names: Iterable[str]) -> str:
    """Of those that are there."""
    there = {name: seen.packages[name] for name in names if name in seen.packages}
    return ", ".join(f"{name} {one.version}" for name, one in there.items() if not one.error)


def _engines(seen: MachineSeen) -> Finding:
    there = _versions(seen, ENGINES)
    if there:
        return fine(MACHINE, "engines", there)
    errors = {name: seen.packages[name].error for name in ENGINES if name in seen.packages}
    why = "; ".join(f"{name}: {error}" for name, error in errors.items() if error) or "none is installed"
    mend = f"{seen.executable} -m pip install onnxruntime"
    return Finding(MACHINE, "engines", Level.ERROR, "no engine runtime imports", why, mend)


def _ros(seen: MachineSeen) -> Finding:
    rclpy = seen.packages["rclpy"]
    if not rclpy.error:
        distro = f", {seen.ros_distro}" if seen.ros_distro else ""
        return fine(MACHINE, "ros", f"rclpy {rclpy.version}{distro}")
    what = f"rclpy does not import: {rclpy.error}"
    why = "the graph was not looked at"
    if not seen.ros_distro:
        mend = "source /opt/ros/DISTRO/setup.bash, or `make ros` in the checkout"
        return Finding(MACHINE, "ros", Level.WARN, what, why, mend)
    # ROS is sourced, and this Python is another one than its packages were built for (ros2/ros2 issue 1094).
    leave = "conda deactivate" if seen.environment == "conda" else "leave the virtual environment"
    mend = f"{leave}, or make one with --system-site-packages of the distribution's Python"
    return Finding(MACHINE, "ros", Level.ERROR, what, f"ROS {seen.ros_distro} is sourced; {why}", mend)


def _memory(seen: MachineSeen) -> Finding:
    free = seen.memory_bytes
    if free is None:
        return fine(MACHINE, "memory", "this system does not say")
    needed = SPARE_BYTES + (seen.model.num_bytes if seen.model else 0)
    if free >= needed:
        return fine(MACHINE, "memory", f"{_gigabytes(free)} free")
    what = f"{_gigabytes(free)} free, the model needs about {_gigabytes(needed)}"
    mend = "end other programs, add swap, or take a smaller model (n3d quantize)"
    return Finding(MACHINE, "memory", Level.ERROR, what, "loading would be killed", mend)


def _network(seen: MachineSeen) -> Finding:
    size = seen.receive_buffer_bytes
    if size is None:
        return fine(MACHINE, "rmem_max", "this system does not say")
    if size >= MIN_RECEIVE_BUFFER_BYTES:
        return fine(MACHINE, "rmem_max", f"net.core.rmem_max {size}")
    return Finding(
        MACHINE,
        "rmem_max",
        Level.WARN,
        f"net.core.rmem_max is {size}",
        "images from another machine or container are lost in fragments",
        RECEIVE_BUFFER,
    )


def _shared_memory(seen: MachineSeen) -> Finding:
    free = seen.shared_memory_bytes
    what = f"/dev/shm has {free / 2**20:.0f} MB free" if free else "/dev/shm is absent, full or not writable"
    if free >= 2 * SEGMENT_BYTES:
        return fine(MACHINE, "shared memory", what)
    why = f"whole images in Fast DDS's shared memory need {2 * SEGMENT_BYTES / 2**20:.0f} MB"
    return Finding(
        MACHINE, "shared memory", Level.WARN, what, why, "docker run --shm-size=256m, or --ipc=host"
    )


def _model(seen: ModelSeen) -> list[Finding]:
    if seen.error:
        mend = "n3d export --model CHECKPOINT --out FOLDER, or model:= another folder"
        return [Finding(MACHINE, "model", Level.ERROR, seen.error, "the node cannot load it", mend)]
    found = [fine(MACHINE, "model", f"{seen.name}, {seen.num_bytes / 1e6:.0f} MB in {seen.folder}")]
    if seen.engine_error:
        why = "without an engine the node takes ONNX Runtime or torch"
        mend = f"n3d build --model {seen.folder}"
        found.append(Finding(MACHINE, "TensorRT", Level.WARN, seen.engine_error, why, mend))
    else:
        found.append(fine(MACHINE, "TensorRT", seen.engine))
    return found


def _gigabytes(num_bytes: int) -> str:
    return f"{num_bytes / 1e9:.1f} GB"
