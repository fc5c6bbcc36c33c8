"""`n3d demo`: a ROS 2 graph of real processes on this machine: simulated robot camera, node, and this client.

The client asks the node for objects and a question through its actions, compares every answer with the
simulator's truth for the same stamp, prints both and writes a picture and JSON. It exits 0 when every answer
arrived for a frame that the camera published; accuracy is shown, not judged, but finding nothing at all is a
failure.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from n3d_ros.child_process import package_environment
from n3d_ros.commands.demo.report import Answer, answers_text, picture, question_text, report_json
from n3d_ros.commands.graph.children import Children
from n3d_ros.commands.graph.interrupts import on_sigterm, ros_graph
from n3d_ros.commands.graph.isolation import isolation, namespace
from n3d_ros.commands.model_options import add_model_options, model_folder
from n3d_ros.errors import CommandFailed
from n3d_ros.node.transport import make_room_for_images
from n3d_ros.spatial import QUESTIONS
from n3d_ros.storage.whole_file import whole_file, write_text

if TYPE_CHECKING:
    from n3d_ros.commands.demo.client import DemoClient

NODE_COMMAND = [sys.executable, "-m", "n3d_ros.node.n3d_node"]
CAMERA_COMMAND = [sys.executable, "-m", "n3d_ros.commands.demo.camera"]
SCENE_SEED = 90_210
NUM_WORDS = 3
QUESTION = QUESTIONS["distance"][1]
CLEARLY_VISIBLE = 0.7
CAMERA_RATE_HZ = 2.0


def add_demo(parser: argparse.ArgumentParser) -> None:
    """Options of `n3d demo`."""
    parser.add_argument(
        "--out", type=Path, default=Path("demo_output"), metavar="DIR", help="default: %(default)s"
    )
    parser.add_argument(
        "--seed", type=int, default=SCENE_SEED, help="which simulated scene (default: %(default)s)"
    )
    parser.add_argument(
        "--timeout-s", type=float, default=60.0, help="give up after it (default: %(default)s)"
    )
    add_model_options(parser)
    parser.set_defaults(run=run_demo)


def run_demo(args: argparse.Namespace) -> int:
    """Start everything, ask, compare, write; 0 when the whole chain worked."""
    folder = model_folder(args.model)
    from n3d_ros.commands.demo.client import DemoClient

    deadline = time.monotonic() + args.timeout_s
    os.environ.update(isolation())
    make_room_for_images()
    environment = package_environment() | {"PYTHONUNBUFFERED": "1"}
    ended = on_sigterm(lambda *_: sys.exit(128 + signal.SIGTERM))
    with ended, Children(environment, args.out) as children:
        start_graph(children, args, folder)
        with ros_graph(), DemoClient(namespace("demo"), deadline, children.check) as client:
            answers = interview(client)
    write_report(args.out, answers)
    if not any(answer.boxes for answer in answers):
        raise CommandFailed("the chain worked, but the model found nothing at all")
    return 0


def start_graph(children: Children, args: argparse.Namespace, folder: Path) -> None:
    """The robot's camera and the node, each in a process of its own."""
    remaps = ["-r", f"__ns:={namespace('demo')}"]
    view = ["--seed", str(args.seed), "--rate-hz", str(CAMERA_RATE_HZ)]
    children.start("camera", [*CAMERA_COMMAND, *view, "--ros-args", *remaps])
    parameters = {"model.path": folder.resolve(), "backend": args.backend}
    given = [part for name, value in parameters.items() for part in ("-p", f"{name}:={value}")]
    children.start("node", [*NODE_COMMAND, "--ros-args", *remaps, *given])
    print(f"started a simulated robot camera (scene {args.seed}, {CAMERA_RATE_HZ:g} Hz)")
    print(f"started the node with {folder.name}")


def interview(client: DemoClient) -> list[Answer]:
    """Ground some objects of the scene one after the other, then ask about two of them, and whether there is
    something that there is not.
    """
    info = client.wait_until_ready()
    print(f"node ready: {info}")
    objects = client.first_truth()
    names = names_to_ask_for(objects)
    answers: list[Answer] = []
    for name in names:
        print(f'\nfind "the {name}"')
        answers.append(client.ground(f"the {name}", name))
        if not answers[-1].boxes:
            print(f"  nothing: {answers[-1].message}")
    asked: list[Answer] = []
    absent = absent_name(objects, names[0])
    for question in (QUESTION.format(a=names[0], b=names[1]), f"Is there a {absent}?"):
        print(f"\nask: {question}")
        asked.append(client.ask(question))
    found = [*answers, *asked]
    stamps = {answer.stamp_ns for answer in found if answer.boxes}
    num_markers = client.wait_for_markers(stamps) if stamps else 0
    print("", answers_text(answers), *map(question_text, asked), sep="\n\n")
    print(f"\nevery answer carries the stamp and optical frame of its picture; {num_markers} markers arrived")
    return found


def names_to_ask_for(objects: list[dict[str, Any]]) -> list[str]:
    """Names that stand for one clearly visible object each, largest in the picture first.

    CommandFailed when the scene shows fewer than two.
    """
    labels = [item["label"] for item in objects]
    ranked = sorted(objects, key=lambda item: -int(item["visible_px"]))
    visible = [item["label"] for item in ranked if item["visible"] >= CLEARLY_VISIBLE]
    names = [label for label in visible if labels.count(label) == 1]
    if len(names) < 2:
        raise CommandFailed(
            f"expected two clearly visible objects of different names, the scene shows {labels}"
        )
    return names[:NUM_WORDS]


def absent_name(objects: list[dict[str, Any]], beside: str) -> str:
    """Something of the colour of `beside` of a kind that the scene does not hold."""
    from n3d_ros.sim import KINDS

    held = {item["label"].split()[-1] for item in objects}
    return f"{beside.split()[0]} {next(kind for kind in KINDS if kind not in held)}"


def write_report(folder: Path, answers: list[Answer]) -> None:
    """demo.png and demo.json."""
    from PIL import Image

    with whole_file(folder / "demo.png") as part:
        Image.fromarray(picture(answers)).save(part)
    write_text(folder / "demo.json", json.dumps(report_json(answers), indent=2) + "\n")
    print(f"wrote {folder / 'demo.png'} and {folder / 'demo.json'}")
