"""`n3d doctor`: one screen that says why nothing arrives, and what mends it.

In: a running graph, or none. Out: findings on graph, inputs, frame, node and machine; exit code 1 where
something is wrong. `look` sees, `checks` judges by the node's own rules, `screen` prints.
"""

from __future__ import annotations

import argparse
import math
import sys

from n3d_ros.commands.doctor.checks import frame, machine, node, topics
from n3d_ros.commands.doctor.checks.publishers import check_publishers
from n3d_ros.commands.doctor.checks.stamps import check_stamps
from n3d_ros.commands.doctor.finding import Finding
from n3d_ros.commands.doctor.look.machine import look_at_machine, look_at_packages
from n3d_ros.commands.doctor.screen import as_json, as_text
from n3d_ros.commands.doctor.seen import GraphSeen
from n3d_ros.model_folder.hub import is_hub_name


def add_doctor(parser: argparse.ArgumentParser) -> None:
    """Options of `n3d doctor`."""
    parser.add_argument("--node", default="n3d", help="name or path of the node (default: %(default)s)")
    parser.add_argument("--namespace", default="", help="where it runs (default: the root)")
    parser.add_argument(
        "--seconds", type=float, default=3.0, help="how long to listen to the camera (default: %(default)s)"
    )
    parser.add_argument("--machine", action="store_true", help="this machine only, without a graph")
    parser.add_argument(
        "--model", default="", help="model folder to check where no node says (default: the shipped)"
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=run_doctor)


def run_doctor(args: argparse.Namespace) -> int:
    """Print everything; 1 where something is wrong."""
    if not 0 < args.seconds < math.inf:
        raise ValueError(f"--seconds: expected a positive number, got {args.seconds}")
    findings = _findings(args)
    text = as_json(findings) if args.json else as_text(findings, sys.stdout.isatty())
    print(text)
    return int(any(one.is_wrong for one in findings))


def _findings(args: argparse.Namespace) -> list[Finding]:
    packages = look_at_packages()
    graph = None
    if not args.machine and not packages["rclpy"].error:
        from n3d_ros.client.connection import full_name
        from n3d_ros.commands.doctor.look.graph import look_at_graph

        graph = look_at_graph(full_name(args.node, args.namespace), args.seconds)
    seen = look_at_machine(packages, _model_to_check(args.model, graph))
    return [*([] if graph is None else of_graph(graph)), *machine.check_machine(seen)]


def of_graph(seen: GraphSeen) -> list[Finding]:
    """Everything that is to be said about a graph."""
    crowd, stamps = check_publishers(seen), check_stamps(seen)
    is_mixed = crowd is not None and crowd.is_wrong
    inputs = [one for one in seen.topics if not (is_mixed and one.state.name == "depth_info")]
    found = [*node.check_graph(seen), *([] if crowd is None else [crowd])]
    found += [*(topics.check_topic(one, seen) for one in inputs), *([] if stamps is None else [stamps])]
    if seen.frame is not None and seen.parameters is not None and not is_mixed:
        found += frame.check_frame(seen.frame, seen.parameters, seen.node)
    return [*found, *node.check_node(seen)]


def _model_to_check(given: str, graph: GraphSeen | None) -> str | None:
    """None where a node has its model loaded, perhaps on another machine, or will download it."""
    if graph is None or not graph.is_there or given:
        return given
    path = graph.parameters.model_path if graph.parameters else given
    return None if graph.info.get("state") == "ready" or is_hub_name(path) else path
