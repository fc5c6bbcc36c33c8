"""A build's nested phases -> one share done, shown as a bar with the time that is left.

In: phases that start within others, step and finish, told from several threads. Out: a number from 0 to 1
that never falls. It does not know TensorRT.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

UNITS = 1000


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


class BarProgress:
    """A progress bar over a `PhaseTree`."""

    def __init__(self, name: str) -> None:
        from tqdm import tqdm

        self._lock, self._tree = threading.Lock(), PhaseTree()
        form = "{desc} {percentage:3.0f}%|{bar}| {elapsed} < {remaining}{postfix}"
        self.bar = tqdm(total=UNITS, desc=name, bar_format=form)

    def start(self, phase: str, parent: str | None, steps: int) -> None:
        with self._lock:
            self._tree.start(phase, parent, steps)
            self._show()

    def step(self, phase: str, done: int) -> bool:
        with self._lock:
            self._tree.step(phase, done)
            self._show()
        return True

    def finish(self, phase: str) -> None:
        with self._lock:
            self._tree.finish(phase)
            self._show()

    def waiting(self) -> None:
        """The phase and the elapsed time go on being shown while the builder says nothing."""
        with self._lock:
            self._show()
            self.bar.refresh()

    def _show(self) -> None:
        self.bar.set_postfix_str(self._tree.running, refresh=False)
        self.bar.update(int(UNITS * self._tree.share) - self.bar.n)


@contextmanager
def progress_bar(name: str) -> Iterator[BarProgress]:
    """A bar for one engine, complete at the end."""
    progress = BarProgress(name)
    try:
        yield progress
        progress.bar.update(UNITS - progress.bar.n)
    finally:
        progress.bar.close()
