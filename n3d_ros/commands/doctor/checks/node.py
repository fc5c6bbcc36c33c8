"""Whether the node is there, alive, configured, and what it says of itself.

In: `GraphSeen`. Out: findings.
"""

from __future__ import annotations

import math

from n3d_ros.commands.doctor.checks.command import launch
from n3d_ros.commands.doctor.finding import GRAPH, NODE, Finding, fine
from n3d_ros.commands.doctor.seen import GraphSeen, StatusSeen
from n3d_ros.node.parameters.declared import DECLARATIONS, Parameters
from n3d_ros.node.plain.engine.thread import GIVEN_UP_S
from n3d_ros.node.plain.inputs.state import AHEAD_S, CODES, Level
from n3d_ros.node.plain.transitions import anew
from n3d_ros.version import __version__

# Judged from what doctor heard itself; the node's lines about them are not said twice.
OF_INPUTS = (*CODES, "depth_info", "sync", "alignment", "lifecycle")
NEXT_TRANSITION = {"unconfigured": "configure", "inactive": "activate"}
ABOVE = "what stands at inputs and frame, above"
# How the newest request or look ended -> what mends that.
OF_RESULTS = {
    **dict.fromkeys(("NO_FRAME", "STALE", "NO_CAMERA_INFO", "NO_DEPTH"), ABOVE),
    "BAD_INPUT": "as it says; standing words: ros2 param set {node} continuous.prompt WORDS",
    "TF": "a frame that tf knows at the image's stamp: ros2 param set {node} output_frame FRAME",
    "OOM": "end other programs, or take a smaller model (n3d quantize)",
    "CANCELED": "nothing: who asked has canceled it, or the node was deactivated",
    "SUPERSEDED": "fewer requests at a time, or start the node with a larger max_queued_goals",
    "TIMEOUT": "ros2 param set {node} goal_timeout_s {timeout_s}, or a faster engine (n3d build)",
    "PARSE": "other words, or ros2 param set {node} generation.max_tokens {max_tokens}; "
    "ros2 topic echo {node}/boxes",
}
# What stands in the line about the memory -> what mends that.
OF_MEMORY = {
    "memory.file is not written": "room and permission in its folder; it is then tried again by itself",
    "memory.file": "move that file away, then {anew}; to name another one: ros2 param set {node} memory.file "
    "FILE, between cleanup and configure",
    "look was not remembered": "tf at the image's stamp: ros2 run tf2_ros tf2_echo; " + ABOVE,
}


def check_graph(seen: GraphSeen) -> list[Finding]:
    """Node and clock, as the graph shows them."""
    if not seen.is_there:
        return [_absent(seen)]
    return [fine(GRAPH, "node", f"{seen.node} in {seen.where}"), _clock(seen)]


def _absent(seen: GraphSeen) -> Finding:
    what = f"no node {seen.node} in {seen.where}"
    if seen.others:
        name = seen.others[0]
        namespace, _, base = name.rpartition("/")
        mend = f"n3d doctor --node {base}" + (f" --namespace {namespace}" if namespace else "")
        return Finding(GRAPH, "node", Level.ERROR, what, f"there is {', '.join(seen.others)}", mend)
    return Finding(
        GRAPH,
        "node",
        Level.ERROR,
        what,
        "it does not run, or has another ROS_DOMAIN_ID, RMW_IMPLEMENTATION or discovery range",
        launch(seen),
    )


def _clock(seen: GraphSeen) -> Finding:
    if seen.use_sim_time and not seen.num_clocks:
        return Finding(
            GRAPH,
            "clock",
            Level.ERROR,
            "use_sim_time is set, and nobody publishes /clock",
            "the node's time stands still",
            f"ros2 bag play --clock, or ros2 param set {seen.node} use_sim_time false",
        )
    if abs(seen.clock_off_s) > AHEAD_S:
        what = f"the node's clock is {seen.clock_off_s:+.1f} s from this one's"
        why = "ages that are shown here are wrong by it"
        return Finding(
            GRAPH, "clock", Level.WARN, what, why, "synchronise the two machines (chronyc tracking)"
        )
    return fine(GRAPH, "clock", "simulated, from /clock" if seen.use_sim_time else "the machine's")


def check_node(seen: GraphSeen) -> list[Finding]:
    """Life, engine, results."""
    if not seen.is_there:
        return []
    found = [_life(seen), *_unsaid(seen)]
    if seen.info:
        found += [_engine(seen), *_version(seen)]
    return [*found, *(_said(seen, one) for one in seen.statuses if one.name not in (*OF_INPUTS, "engine"))]


def _life(seen: GraphSeen) -> Finding:
    if seen.life == "active":
        return fine(NODE, "lifecycle", "active")
    if not seen.life:
        what, why = f"{seen.node} does not answer", "it hangs, or is still starting"
        return Finding(NODE, "lifecycle", Level.ERROR, what, why, "look at its log; stop and start it")
    step, why = NEXT_TRANSITION.get(seen.life, ""), "it hears no camera"
    mend = f"ros2 lifecycle set {seen.node} {step}" if step else "look at its log; stop and start it"
    if seen.life == "unconfigured" and seen.parameters is not None and seen.parameters.autostart:
        why = f"{why}: what it does by itself (autostart) failed, or somebody has cleaned it up"
        mend = f"its log says what failed; then {mend}, and activate"
    return Finding(NODE, "lifecycle", Level.ERROR, f"it is {seen.life}", why, mend)


def _unsaid(seen: GraphSeen) -> list[Finding]:
    """Its inputs are known from its diagnostics alone."""
    if seen.life != "active" or seen.statuses:
        return []
    what, why = "nothing on /diagnostics from the node", "so its inputs were not looked at"
    mend = f"look at its log; ros2 param get {seen.node} diagnostics.period_s"
    return [Finding(NODE, "diagnostics", Level.ERROR, what, why, mend)]


def _engine(seen: GraphSeen) -> Finding:
    state = seen.info.get("state", "")
    said = next((one for one in seen.statuses if one.name == "engine"), None)
    hangs = said if said is not None and said.level >= Level.ERROR else None
    if state == "ready" and said is not None and said.values.get("loaded_anew_by"):
        why, level = "the process holds two of them", max(said.level, Level.WARN)
        return Finding(NODE, "engine", level, said.message, why, anew(seen.node, seen.life))
    if state == "ready" and hangs is None:
        words = [seen.info.get(name, "") for name in ("model", "backend", "precision")]
        others = seen.info.get("shared_with", "")
        shared = f"{state}, shared with {others}" if others else state
        return fine(NODE, "engine", f"{shared}: {', '.join(word for word in words if word)}")
    if state == "loading" and hangs is None:
        return Finding(NODE, "engine", Level.WARN, "it is still loading", "requests wait for it", "wait")
    what = hangs.message if hangs else state
    if state == "ready":
        mend = f"{anew(seen.node, seen.life)} (loads it anew once it has hung for {GIVEN_UP_S:g} s)"
        return Finding(NODE, "engine", Level.ERROR, what, "no request can be answered", mend)
    mend = "start the node with model:=FOLDER that `n3d infer --model FOLDER` runs, or look at its log"
    return Finding(NODE, "engine", Level.ERROR, what, "no request can be answered", mend)


def _version(seen: GraphSeen) -> list[Finding]:
    """Doctor knows the rules of its own release."""
    theirs = seen.info.get("version", __version__)
    if theirs == __version__:
        return []
    what, why = f"the node is {theirs}, doctor {__version__}", "rules and parameters may differ"
    return [Finding(NODE, "version", Level.WARN, what, why, "run the doctor of the node's installation")]


def _said(seen: GraphSeen, one: StatusSeen) -> Finding:
    """A line of /diagnostics as the node wrote it; its message names the remedy where there is one."""
    if one.level == Level.OK:
        return fine(NODE, one.name, one.message)
    if one.name == "name":
        what, _, mend = one.message.partition("; ")
        why = "several answer at once, and which one is chance"
        return Finding(NODE, one.name, one.level, what, why, f"stop all but one, or {mend}")
    why = "so ended the newest request or look" if one.name == "results" else "the node says so"
    more = _more(seen.parameters or Parameters())
    mend = _mend_said(one).format(node=seen.node, anew=anew(seen.node, seen.life), **more)
    return Finding(NODE, one.name, one.level, one.message, why, mend)


def _more(wanted: Parameters) -> dict[str, float]:
    """Twice what the node has, as far as it may be set: less would mend nothing."""
    high = {one.field_name: one.high or math.inf for one in DECLARATIONS}
    return {
        "timeout_s": min(2 * wanted.goal_timeout_s, high["goal_timeout_s"]),
        "max_tokens": min(2 * wanted.generation_max_tokens, int(high["generation_max_tokens"])),
    }


def _mend_said(one: StatusSeen) -> str:
    """By the code of a result, by the words about the memory."""
    if one.name == "results":
        return OF_RESULTS.get(one.message.partition(":")[0], "its log says more")
    if one.name == "memory":
        return next((mend for words, mend in OF_MEMORY.items() if words in one.message), "its log says more")
    return "ros2 topic echo /diagnostics"
