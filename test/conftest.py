"""Where recorded reference data lies; tests that need it are skipped in a checkout without it.

What was skipped is said at the end, one line a reason.
"""

import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

SHARED = Path(__file__).resolve().parents[2] / "shared"
# What `make test` may leave out, and what a skip's reason says then.
OPTIONAL = {
    "torch or transformers is not installed (make test TORCH=yes)": ("'torch'", "'transformers'"),
    "TensorRT-RTX or CUDA's bindings are not installed (make test TENSORRT=yes)": ("TensorRT-RTX", "'cuda"),
}

# How long an example takes tells of the machine.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


def _folder(variable: str, default: Path, proof: str) -> Path:
    folder = Path(os.environ.get(variable, default))
    if not (folder / proof).exists():
        pytest.skip(f"{variable} names no folder with {proof} (looked in {folder})")
    return folder


@pytest.fixture(scope="session")
def golden_dir() -> Path:
    """Reference vectors of the released N3D-VLM."""
    return _folder("N3D_GOLDEN", SHARED / "golden", "codec.json")


@pytest.fixture(scope="session")
def cases_dir() -> Path:
    """One simulated frame in other people's conventions."""
    return _folder("N3D_CASES", SHARED / "cases", "README.md")


@pytest.fixture(scope="session")
def rgbd_dir() -> Path:
    """Real RGB-D frames, one folder each."""
    return _folder("N3D_RGBD", SHARED / "rgbd", "README.md")


@pytest.fixture(autouse=True)
def signals_are_pythons_again() -> Iterator[None]:
    """No test leaves rclpy's handlers of SIGINT and SIGTERM to the tests after it, for contexts that are
    gone: an interrupt then ends in a segmentation fault, now and then.
    """
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)
    signals: Any = sys.modules.get("rclpy.signals")
    if signals is not None:
        left = signals.get_current_signal_handlers_options()
        signals.uninstall_signal_handlers()
        assert left == signals.SignalHandlerOptions.NO


@pytest.fixture
def make_graph() -> Iterator[Callable[..., Any]]:
    """Build a graph: pipeline, then parameters with __ for the dot."""
    from graph import Graph

    graphs: list[Graph] = []

    def make(pipeline: Any = None, load: Callable[[Any], Any] | None = None, **parameters: Any) -> Any:
        graphs.append(Graph(pipeline, load, **parameters))
        return graphs[-1]

    yield make
    for graph in reversed(graphs):
        graph.close()


def _reason(report) -> str:
    """Why a test was skipped; whatever needs the same optional part says the same."""
    text = report.longrepr[2].removeprefix("Skipped: ")
    return next((said for said, signs in OPTIONAL.items() if any(sign in text for sign in signs)), text)


def pytest_terminal_summary(terminalreporter):
    """How many tests or files of tests each reason left out; -rs would print a line for each of them."""
    reasons = Counter(map(_reason, terminalreporter.stats.get("skipped", [])))
    for reason, number in reasons.most_common():
        terminalreporter.line(f"skipped {number}: {reason}")
