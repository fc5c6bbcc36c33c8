import socket

from n3d_ros.commands.graph.isolation import MAX_DOMAIN_ID, free_domain_id, isolation


def test_a_domain_in_use_is_not_taken():
    first = free_domain_id()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("", 7400 + 250 * first + 10))
        assert free_domain_id() != first


def test_the_graph_stays_on_this_machine(monkeypatch):
    monkeypatch.setenv("ROS_DISTRO", "humble")
    settings = isolation()
    assert settings["ROS_LOCALHOST_ONLY"] == "1"
    assert settings["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "LOCALHOST"
    assert 1 <= int(settings["ROS_DOMAIN_ID"]) <= MAX_DOMAIN_ID
