"""Faults one by one and in pairs on a real graph: what happened is said, it ends with its cause, nothing is
left.
"""

import itertools
import threading

import pytest
import stand_in_tf
from faults import CAMERA, ENGINE, FAULTS, TF, FaultyGraph, as_table
from graph import FRAME, MUG
from places import CHECKOUT

from n3d_ros.node.plain import arrivals, input_state, worker
from n3d_ros.srv import Ground

PAIRS = [
    *itertools.product(CAMERA, ENGINE + TF),
    *itertools.product(ENGINE, TF),
    *itertools.combinations(CAMERA, 2),
]


@pytest.fixture
def faulty(make_graph, monkeypatch):
    """What takes seconds on a robot takes tenths here; afterwards no thread is left."""
    monkeypatch.setattr(arrivals, "LATE_S", 0.4)
    monkeypatch.setattr(arrivals, "FIRST_LATE_S", 0.4)
    monkeypatch.setattr(worker, "STOP_GRACE_S", 0.1)
    made = FaultyGraph(make_graph, stand_in_tf.install(monkeypatch))
    yield made
    made.begin()
    desk, tickets = made.graph.node.desk, made.graph.node.tickets
    made.graph.wait(lambda: not tickets.open and not desk.worker.is_running, "the desk to be empty")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_is_said_and_ends_with_its_cause(faulty, fault):
    faulty.begin(fault)
    faulty.until_said(fault)
    faulty.end()


@pytest.mark.parametrize("first", CAMERA + ENGINE, ids=lambda fault: fault.name)
def test_of_two_faults_one_is_said_then_the_other_when_the_first_has_ended(faulty, first):
    for one, other in PAIRS:
        if one is first:
            faulty.begin(one, other)
            faulty.until_said(one, other)
            faulty.begin(other)
            faulty.until_said(other)
            faulty.end()


def test_the_page_has_the_table_of_faults():
    assert as_table() in (CHECKOUT / "docs" / "reliability.md").read_text()
