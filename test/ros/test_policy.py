"""config/sros2_policy.xml allows what the node does in the graph, and nothing else."""

from xml.etree import ElementTree

from fake_pipeline import FakePipeline
from places import CHECKOUT

POLICY = CHECKOUT / "config" / "sros2_policy.xml"
# Only with tf2_ros, tf2_msgs, vision_msgs, use_sim_time, or parameters that choose other images.
SOMETIMES = {
    "publish": {"/n3d/objects", "/tf", "/n3d/detections"},
    "subscribe": {
        "/clock",
        "/parameter_events",
        "/tf",
        "/tf_static",
        "/rgbd",
        "/depth/camera_info",
        "/depth/image/compressedDepth",
        "/rgb/image/compressed",
    },
    # Of newer distributions than Humble.
    "reply": {"/n3d/get_type_description"},
    "execute": set(),
}


def allowed():
    """Full names by verb."""
    found = {verb: set() for verb in SOMETIMES}
    (profile,) = ElementTree.parse(POLICY).iter("profile")
    assert (profile.get("ns"), profile.get("node")) == ("/", "n3d")
    for group in profile:
        ((verb, allows),) = group.attrib.items()
        assert allows == "ALLOW"
        found[verb] |= {"/" + name.text.lstrip("/") for name in group}
    return found


def used(graph):
    """The same, as the graph shows it."""
    node = graph.client

    def names(kind):
        return {name for name, _ in getattr(node, f"get_{kind}_names_and_types_by_node")("n3d", "/")}

    topics, services = names("publisher"), names("service")
    return {
        "publish": {name for name in topics if "/_action/" not in name},
        "subscribe": names("subscriber"),
        "reply": {name for name in services if "/_action/" not in name},
        "execute": {name.split("/_action/")[0] for name in topics | services if "/_action/" in name},
    }


def test_the_policy_allows_what_the_node_does_and_nothing_else(make_graph):
    graph = make_graph(FakePipeline([]))
    graph.connect_camera()
    may = allowed()
    assert set(may) == set(SOMETIMES)
    graph.wait(lambda: len(used(graph)["reply"]) >= len(may["reply"] - SOMETIMES["reply"]), "the services")
    does = used(graph)
    for verb, names in may.items():
        assert does[verb] - names == set(), f"{verb}: not allowed"
        assert names - does[verb] - SOMETIMES[verb] == set(), f"{verb}: allowed and not used"
