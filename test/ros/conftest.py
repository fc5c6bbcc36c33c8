"""Graphs for the tests of this folder; all are skipped where rclpy or the built interfaces are absent."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

HERE = Path(__file__).parent
AVAILABLE = (
    importlib.util.find_spec("rclpy") is not None and importlib.util.find_spec("n3d_ros.msg") is not None
)
collect_ignore_glob = [] if AVAILABLE else ["test_*.py"]

if AVAILABLE:
    from node_process import client, start  # noqa: F401


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.ros)
