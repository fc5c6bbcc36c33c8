"""config/sros2_policy.xml allows what the node does in the graph, and nothing else."""

from xml.etree import ElementTree

import pytest
from fake_pipeline import FakePipeline
from places import CHECKOUT

POLICY = CHECKOUT / "config" / "sros2_policy.xml"
# Without a slash: below the node's namespace. Only with tf2_ros, tf2_msgs, vision_msgs, use_sim_time, or
# parameters that choose other images.
SOMETIMES = {
    "publish": {"n3d/objects", "/tf", "n3d/detections"},
    "subscribe": {
        "/clock",
        "/parameter_events",
        "/tf",
        "/tf_static",
        "rgbd",
        "depth/camera_info",
        "depth/image/compressedDepth",
        "rgb/image/compressed",
    },
    # Of newer distributions than Humble.
    "reply": {"n3d/get_type_description"},
    "execute": set(),
}


def full(names, namespace):
    """Names without a slash lie below the namespace."""
    return {name if name.startswith("/") else f"{namespace}/{name}" for name in names}


def allowed(namespace):
    """Full names by verb, of a profile in that namespace."""
    found = {verb: set() for verb in SOMETIMES}
    (profile,) = ElementTree.parse(POLICY).iter("profile")
    assert (profile.get("ns"), profile.get("node")) == ("/", "n3d")
    for group in profile:
        ((verb, allows),) = group.attrib.items()
        assert allows == "ALLOW"
        found[verb] |= full([name.text for name in group], namespace)
    return found


def used(graph, namespace):
    """The same, as the graph shows it."""
    node = graph.client

    def names(kind):
        return {
            name for name, _ in getattr(node, f"get_{kind}_names_and_types_by_node")("n3d", namespace or "/")
        }

    topics, services = names("publisher"), names("service")
    return {
        "publish": {name for name in topics if "/_action/" not in name},
        "subscribe": names("subscriber"),
        "reply": {name for name in services if "/_action/" not in name},
        "execute": {name.split("/_action/")[0] for name in topics | services if "/_action/" in name},
    }


@pytest.mark.parametrize("namespace", ["", "/left"], ids=["alone", "beside another"])
def test_the_policy_allows_what_the_node_does_and_nothing_else(make_graph, namespace):
    beside = make_graph(FakePipeline([]), namespace="/front") if namespace else None
    graph = make_graph(FakePipeline([]), namespace=namespace, beside=beside)
    graph.connect_camera()
    may = allowed(namespace)
    sometimes = {verb: full(names, namespace) for verb, names in SOMETIMES.items()}
    assert set(may) == set(sometimes)
    enough = len(may["reply"] - sometimes["reply"])
    graph.wait(lambda: len(used(graph, namespace)["reply"]) >= enough, "the services")
    does = used(graph, namespace)
    for verb, names in may.items():
        assert does[verb] - names == set(), f"{verb}: not allowed"
        assert names - does[verb] - sometimes[verb] == set(), f"{verb}: allowed and not used"
