"""The command line of the node's process: which cameras it serves.

In: arguments. Out: the ROS arguments of each node's own. It starts nothing.

`--camera NAME` stands once for each camera: a node below NAME. What follows the name, as a shell would split
it, are ROS arguments of that node alone: `--camera "front -r rgb/image:=/front/color/image_raw"`. Those after
`--ros-args` are for all. Without `--camera` there is one node.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence

from rclpy.exceptions import InvalidNamespaceException
from rclpy.utilities import remove_ros_args
from rclpy.validate_namespace import validate_namespace

NAMESPACE = "__ns:="


def nodes_of(arguments: Sequence[str] | None) -> dict[str, list[str]]:
    """For each node's namespace the ROS arguments of its own. arguments: with the program's name; None: those
    of the process.

    ValueError for names that are none or not different; SystemExit for options that are not known.
    """
    given = list(sys.argv if arguments is None else arguments)
    parser = argparse.ArgumentParser(
        prog="n3d_node", description="A node behind a camera, or behind each of several.", allow_abbrev=False
    )
    parser.add_argument(
        "--camera",
        action="append",
        default=[],
        metavar="'NAME [ROS ARGUMENT ...]'",
        help="a node below NAME; once for each camera (default: one node)",
    )
    wanted = parser.parse_args(remove_ros_args(given)[1:])
    cameras = [shlex.split(one) for one in wanted.camera]
    names = [camera[0].strip("/") if camera else "" for camera in cameras]
    if not all(names) or len(set(names)) < len(names):
        raise ValueError(f"--camera: expected different names, got {names}")
    of_all = _namespace_of_all(given)
    namespaces = ["/" + "/".join(filter(None, (of_all, name))) for name in names]
    return {
        namespace: _arguments(namespace, camera[1:])
        for namespace, camera in zip(namespaces, cameras, strict=True)
    } or {of_all: []}


def _namespace_of_all(arguments: Sequence[str]) -> str:
    """Of the process's `-r __ns:=`: the cameras' lie below it."""
    rules = [one.removeprefix(NAMESPACE) for one in arguments if one.startswith(NAMESPACE)]
    return rules[0].strip("/") if rules else ""


def _arguments(namespace: str, own: Sequence[str]) -> list[str]:
    """Of rules for one thing ROS takes the first."""
    try:
        validate_namespace(namespace)
    except InvalidNamespaceException as error:
        raise ValueError(f"--camera: {error}") from error
    return ["--ros-args", *own, "-r", f"{NAMESPACE}{namespace}"]
