"""Peak memory of one system: a process of its own loads it, answers one scene and says how much it used.

In: a system's name, a model folder, one scene. Out: `Peak`. In a process of its own, since libraries of the
other systems would count too.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from n3d_ros.child_process import package_environment
from n3d_ros.engines.bench.options import BenchOptions
from n3d_ros.engines.bench.samples import BenchScene
from n3d_ros.engines.bench.systems import open_system
from n3d_ros.geometry import Intrinsics
from n3d_ros.preprocess.prepare import Observation


class ProcessFailed(Exception):
    """A process that was to measure something ended without a result."""


@dataclass(frozen=True)
class Peak:
    """Megabytes (1e6 bytes): resident memory at its highest, and allocated GPU memory; None where unknown."""

    rss_mb: float | None
    cuda_mb: float | None


def peak_memory(system: str, options: BenchOptions, scene: BenchScene) -> Peak:
    """Run `system` on `scene` in a new process. ProcessFailed with its last words where that fails."""
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "scene.npz"
        save_scene(scene, file)
        numbers = [str(options.threads), str(options.max_tokens), options.dtype]
        arguments = [system, str(options.model), str(file), *numbers, *options.queries]
        command = [sys.executable, "-m", "n3d_ros.engines.bench.memory", *arguments]
        found = subprocess.run(
            command, capture_output=True, text=True, check=False, env=package_environment()
        )
    if found.returncode != 0:
        last_words = (found.stderr.strip() or f"code {found.returncode}").splitlines()[-1]
        raise ProcessFailed(f"memory of {system}: its process ended with {last_words}")
    return Peak(**json.loads(found.stdout.splitlines()[-1]))


def save_scene(scene: BenchScene, file: Path) -> None:
    """A scene as one .npz."""
    seen = scene.observation
    words = json.dumps([scene.seed, scene.question, scene.first, scene.second, seen.intrinsics.to_dict()])
    assert seen.depth is not None
    np.savez(file, rgb=seen.rgb, depth=seen.depth, words=np.array(words))


def load_scene(file: Path) -> BenchScene:
    """The inverse of `save_scene`."""
    with np.load(file) as stored:
        rgb, depth = stored["rgb"], stored["depth"]
        seed, question, first, second, intrinsics = json.loads(str(stored["words"]))
    observation = Observation(rgb=rgb, intrinsics=Intrinsics.from_dict(intrinsics), depth=depth)
    return BenchScene(seed, observation, question, first, second)


def peak_rss_mb() -> float | None:
    """Of this process so far. Not from getrusage: it counts the parent's memory before exec too."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return None
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text(encoding="ascii"))
    return int(found.group(1)) * 1024 / 1e6 if found else None


def peak_cuda_mb() -> float | None:
    """Allocated by torch so far; None where torch was not needed or sees no GPU."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return None
    return float(torch.cuda.max_memory_allocated()) / 1e6


def main(
    system: str, folder: str, file: str, threads: str, max_tokens: str, dtype: str, *queries: str
) -> None:
    """Answer the scene's questions and print the peak as one line of JSON."""
    options = BenchOptions(
        Path(folder), (system,), queries, threads=int(threads), max_tokens=int(max_tokens), dtype=dtype
    )
    for _ in open_system(system, options).answer(load_scene(Path(file)), 0, queries):
        pass
    print(json.dumps(asdict(Peak(peak_rss_mb(), peak_cuda_mb()))))


if __name__ == "__main__":
    main(*sys.argv[1:])
