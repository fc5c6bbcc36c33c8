"""One graph, one domain: whoever else looks for one at the same time, and however its process ends."""

import socket
import subprocess
import sys

import pytest

from n3d_ros.child_process import package_environment
from n3d_ros.commands.graph.isolation import MAX_DOMAIN_ID, isolation, take_domain
from n3d_ros.errors import CommandFailed

NUM_PROCESSES, DOMAINS_EACH = 6, 3
# All begin to look at one number, and once all are there.
TAKES_DOMAINS = f"""
import os, sys
os.getpid = lambda: 70
from n3d_ros.commands.graph.isolation import take_domain
print("ready", flush=True)
sys.stdin.readline()
taken = [take_domain() for _ in range({DOMAINS_EACH})]
print(*(one.id for one in taken), flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def processes():
    """Several that look for domains; killed at the end."""
    begun = [
        subprocess.Popen(
            [sys.executable, "-c", TAKES_DOMAINS],
            env=package_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(NUM_PROCESSES)
    ]
    yield begun
    for one in begun:
        one.kill()
        one.communicate()


def test_processes_that_look_at_the_same_time_get_different_domains(processes, monkeypatch):
    assert [one.stdout.readline() for one in processes] == ["ready\n"] * NUM_PROCESSES
    for one in processes:
        one.stdin.write("go\n")
        one.stdin.flush()
    taken = [int(word) for one in processes for word in one.stdout.readline().split()]
    assert len(set(taken)) == len(taken) == NUM_PROCESSES * DOMAINS_EACH
    monkeypatch.setattr("os.getpid", lambda: min(taken) - 1)
    with take_domain() as mine:
        assert mine.id not in taken
    for one in processes:  # nothing is cleaned up
        one.kill()
        one.wait()
    with take_domain() as mine:
        assert mine.id == min(taken)


def test_a_domain_is_free_again_once_it_is_released():
    with take_domain() as first, take_domain() as second:
        assert first.id != second.id
    with take_domain() as again:
        assert again.id == first.id


def test_a_domain_in_use_by_another_program_is_not_taken():
    with take_domain() as first:
        pass
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("", 7400 + 250 * first.id + 10))
        with take_domain() as other:
            assert other.id != first.id


def test_no_domain_is_better_than_one_in_use(monkeypatch):
    monkeypatch.setattr("n3d_ros.commands.graph.isolation._is_port_free", lambda _: False)
    with pytest.raises(CommandFailed, match=f"expected a free ROS domain id in 1..{MAX_DOMAIN_ID}, all are"):
        take_domain()


def test_the_graph_stays_on_this_machine_and_in_its_domain(monkeypatch):
    monkeypatch.setenv("ROS_DISTRO", "humble")
    settings = isolation()
    assert settings["ROS_LOCALHOST_ONLY"] == "1"
    assert settings["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "LOCALHOST"
    assert 1 <= int(settings["ROS_DOMAIN_ID"]) <= MAX_DOMAIN_ID
    assert isolation() == settings
    with take_domain() as other:
        assert str(other.id) != settings["ROS_DOMAIN_ID"]
