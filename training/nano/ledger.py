"""What a run of many steps has done, and the seconds and memory that each took, on disk.

In: names of steps, and the run's settings. Out: `steps.json`, written whole after each step, so that the next
call of the same command knows what is left. It does not know what a step does.
"""

import resource
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from n3d_ros.storage.json_file import read_object
from n3d_ros.storage.whole_file import write_json

FILE_NAME = "steps.json"
# Linux: writing 5 begins a new peak of VmHWM (proc(5), /proc/pid/clear_refs).
CLEAR_REFS, STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


@dataclass
class Spent:
    """What a step took in all sessions that ended, by themselves or by an error, and whether it is done."""

    seconds: float = 0.0
    peak_mb: float = 0.0
    done: bool = False


class Ledger:
    """`steps`: what each took. ValueError where the folder holds a run with other settings. `unsaid`:
    settings that earlier releases did not write, and what they were.
    """

    def __init__(self, folder: Path, settings: dict[str, str], unsaid: Mapping[str, str] = {}) -> None:
        self.path, self.settings = folder / FILE_NAME, settings
        self.steps: dict[str, Spent] = {}
        if self.path.is_file():
            found = read_object(self.path)
            if {**unsaid, **found["settings"]} != settings:
                raise ValueError(
                    f"{folder}: expected a run with {settings}, got one with {found['settings']}; "
                    "give the same options or another --out"
                )
            self.steps = {name: Spent(**spent) for name, spent in found["steps"].items()}

    def is_done(self, step: str) -> bool:
        return step in self.steps and self.steps[step].done

    @contextmanager
    def measured(self, step: str) -> Iterator[None]:
        """Adds the block's seconds to `step` and notes its peak; done when it ends well."""
        spent = self.steps.setdefault(step, Spent())
        forget_peak()
        began = time.monotonic()
        try:
            yield
            spent.done = True
        finally:
            spent.seconds = round(spent.seconds + time.monotonic() - began, 1)
            spent.peak_mb = max(spent.peak_mb, round(peak_mb()))
            steps = {name: asdict(one) for name, one in self.steps.items()}
            write_json(self.path, {"settings": self.settings, "steps": steps})


def forget_peak() -> None:
    """Begin a new peak; where the system has no such thing the old one counts on."""
    with suppress(OSError):
        CLEAR_REFS.write_text("5")


def peak_mb() -> float:
    """The process's largest resident memory since `forget_peak`, MB of 10^6 bytes."""
    if STATUS.is_file():
        line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024 / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
