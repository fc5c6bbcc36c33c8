"""A build's nested phases -> one share done: a bar for people, lines for programs.

In: phases that start within others, step and finish, told from several threads. Out: a number from 0 to 1
that never falls. It does not know TensorRT.
"""

import json
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

UNITS = 1000
LINE_PERIOD_S = 0.25


@dataclass
class _Phase:
    steps: int
    done: float = 0.0
    children: dict[str, "_Phase"] = field(default_factory=dict)

    def share(self) -> float:
        """Finished steps, and the share of the running one that its inner phases have done."""
        inner = sum(child.share() for child in self.children.values()) / max(len(self.children), 1)
        return min((self.done + (inner if self.done < self.steps else 0.0)) / max(self.steps, 1), 1.0)


class PhaseTree:
    """Phases by name; those without a parent follow one another and count alike."""

    def __init__(self) -> None:
        self._phases: dict[str, _Phase] = {}
        self._roots: dict[str, _Phase] = {}
        self._share = 0.0

    def start(self, phase: str, parent: str | None, steps: int) -> None:
        self._phases.pop(phase, None)  # a name that comes again counts as the newest
        new = self._phases[phase] = _Phase(steps)
        siblings = self._phases[parent].children if parent in self._phases else self._roots
        siblings[phase] = new

    def step(self, phase: str, done: int) -> None:
        if phase in self._phases:
            self._phases[phase].done = done
            self._phases[phase].children.clear()

    def finish(self, phase: str) -> None:
        if phase in self._phases:
            self._phases[phase].done = self._phases[phase].steps

    @property
    def running(self) -> str:
        """The innermost phase that has not finished; none before the first and after the last."""
        return next((name for name, p in reversed(self._phases.items()) if p.done < p.steps), "")

    @property
    def share(self) -> float:
        """0 to 1; phases that appear later never take it back."""
        now = sum(root.share() for root in self._roots.values()) / max(len(self._roots), 1)
        self._share = max(self._share, now)
        return self._share


class ShownProgress(ABC):
    """A `BuildProgress` over a `PhaseTree` that somebody follows."""

    def __init__(self) -> None:
        self._lock, self._tree = threading.Lock(), PhaseTree()

    @abstractmethod
    def _show(self, is_waiting: bool) -> None:
        """What the tree says now. is_waiting: nothing new came, and time has passed."""

    def start(self, phase: str, parent: str | None, steps: int) -> None:
        with self._lock:
            self._tree.start(phase, parent, steps)
            self._show(is_waiting=False)

    def step(self, phase: str, done: int) -> bool:
        with self._lock:
            self._tree.step(phase, done)
            self._show(is_waiting=False)
        return True

    def finish(self, phase: str) -> None:
        with self._lock:
            self._tree.finish(phase)
            self._show(is_waiting=False)

    def waiting(self) -> None:
        """The phase and the elapsed time go on being shown while the builder says nothing."""
        with self._lock:
            self._show(is_waiting=True)


class BarProgress(ShownProgress):
    """A progress bar."""

    def __init__(self, name: str) -> None:
        from tqdm import tqdm

        super().__init__()
        form = "{desc} {percentage:3.0f}%|{bar}| {elapsed} < {remaining}{postfix}"
        self.bar = tqdm(total=UNITS, desc=name, bar_format=form)

    def _show(self, is_waiting: bool) -> None:
        self.bar.set_postfix_str(self._tree.running, refresh=False)
        self.bar.update(int(UNITS * self._tree.share) - self.bar.n)
        if is_waiting:
            self.bar.refresh()


class LineProgress(ShownProgress):
    """One JSON object a line on standard output: engine, phase, progress (0 to 1), elapsed_s of this engine.

    Another phase is told at once, steps within it at most every `LINE_PERIOD_S`: a builder makes thousands.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name, self._began_s = name, time.monotonic()
        self._told, self._told_s = "", float("-inf")
        self.tell()

    def tell(self) -> None:
        """A line now."""
        now_s = time.monotonic()
        self._told, self._told_s = self._tree.running, now_s
        line = {"engine": self._name, "phase": self._told, "progress": round(self._tree.share, 4)}
        print(json.dumps({**line, "elapsed_s": round(now_s - self._began_s, 3)}), flush=True)

    def _show(self, is_waiting: bool) -> None:
        is_old = time.monotonic() - self._told_s >= LINE_PERIOD_S
        if is_waiting or is_old or self._tree.running != self._told:
            self.tell()


@contextmanager
def progress_bar(name: str) -> Iterator[BarProgress]:
    """A bar for one engine, complete at the end."""
    progress = BarProgress(name)
    try:
        yield progress
        progress.bar.update(UNITS - progress.bar.n)
    finally:
        progress.bar.close()


@contextmanager
def progress_lines(name: str) -> Iterator[LineProgress]:
    """Lines of one engine; the last says that it is done."""
    progress = LineProgress(name)
    yield progress
    print(json.dumps({"engine": name, "is_done": True}), flush=True)
