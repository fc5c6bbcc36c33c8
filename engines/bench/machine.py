"""The machine a command runs on: what it is, and how fast it copies memory, measured in the same run.

In: block sizes, threads. Out: GB/s and plain facts for the report. A copy counts as read plus written bytes,
as GPU vendors count theirs.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import numpy as np

from n3d_ros.model_folder.config import ModelConfig
from n3d_ros.model_folder.tensors import EMBEDDING, read_entries
from n3d_ros.version import __version__

# Far beyond the last cache of a CPU.
LARGE_BYTES = 1 << 28
FLOATS = {"F32": 4, "F16": 2, "BF16": 2}
PACKAGES = ("numpy", "onnxruntime", "torch", "transformers", "tensorrt", "tensorrt-rtx", "tokenizers")


def copy_gb_s(num_bytes: int, threads: int, rounds: int = 5) -> float:
    """Best of `rounds` copies of `num_bytes` in main memory (or cache, where they fit), by `threads` threads.

    Small blocks are copied several times a round, so that every round takes some milliseconds. Each thread's
    own processor time counts: what others take from the cores is not the memory's fault.
    """
    source = np.ones(max(num_bytes // 8, threads), dtype=np.float64)
    target = np.empty_like(source)
    times = max(1, LARGE_BYTES // 4 // source.nbytes)
    parts = list(zip(np.array_split(target, threads), np.array_split(source, threads), strict=True))

    def copy(part: tuple[Any, Any]) -> float:
        began = time.thread_time()
        for _ in range(times):
            np.copyto(*part)
        return time.thread_time() - began

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(copy, parts))
        best = min(max(pool.map(copy, parts)) for _ in range(rounds))
    return 2 * source.nbytes * times / best / 1e9


def cuda_copy_gb_s(num_bytes: int = 4 * LARGE_BYTES, rounds: int = 20) -> float:
    """Best of `rounds` copies inside the GPU's memory."""
    import torch

    source = torch.ones(num_bytes, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    best, event = float("inf"), cast(Any, torch.cuda.Event)
    for _ in range(rounds + 3):
        began, ended = event(enable_timing=True), event(enable_timing=True)
        began.record()
        target.copy_(source)
        ended.record()
        torch.cuda.synchronize()
        best = min(best, began.elapsed_time(ended))
    return 2 * num_bytes / best / 1e6


def has_cuda() -> bool:
    """Whether torch is there and sees a GPU."""
    try:
        import torch
    except ImportError:
        return False
    return bool(torch.cuda.is_available())


def decode_bytes(folder: Path, config: ModelConfig, float_bytes: int, context: int) -> int:
    """Bytes that one decode step must read: layers, last norm, head, and keys and values of `context` tokens.

    Floating-point weights count as they are computed (`float_bytes` each), packed integers as stored.
    """
    head = EMBEDDING if config.text.tied else "lm_head"
    wanted = ("model.layers.", "model.norm.", head)
    weights = weight_bytes(folder, float_bytes, wanted)
    text = config.text
    return weights + 2 * text.layers * text.kv_heads * text.head_dim * context * float_bytes


def weight_bytes(folder: Path, float_bytes: int, beginnings: tuple[str, ...] = ("",)) -> int:
    """Bytes of the weights whose names begin so: floating-point ones as they are computed, packed ones as
    stored.
    """
    return sum(
        float_bytes * int(np.prod(entry.shape)) if entry.dtype in FLOATS else entry.num_bytes
        for name, entry in read_entries(folder).items()
        if name.startswith(beginnings)
    )


def free_memory_gb() -> float | None:
    """Memory that programs can still get, swap included; None where /proc/meminfo is not there."""
    path = Path("/proc/meminfo")
    if not path.is_file():
        return None
    lines = dict(line.split(":", 1) for line in path.read_text().splitlines())
    return sum(int(lines[name].split()[0]) for name in ("MemAvailable", "SwapFree")) * 1024 / 1e9


def machine_facts() -> dict[str, Any]:
    """Processor, memory, GPU, clocks where they can be read, load and versions."""
    memory = re.search(r"MemTotal:\s+(\d+) kB", _read("/proc/meminfo"))
    return {
        "processor": _processor(),
        "board": _read("/proc/device-tree/model").strip("\0\n") or None,
        "cores": os.cpu_count(),
        "memory_gb": round(int(memory.group(1)) / 1e6, 1) if memory else None,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "gpu": gpu_facts(),
        "cpu_mhz": [float(mhz) for mhz in re.findall(r"cpu MHz\s*: ([\d.]+)", _read("/proc/cpuinfo"))],
        "load_average": load_average(),
        "versions": {"n3d_ros": __version__, **_versions()},
    }


def load_average() -> float | None:
    """Of the last minute, where the system knows it: above the core count, others worked too."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def gpu_facts() -> list[dict[str, str]]:
    """Name, driver and clocks of every NVIDIA GPU, the name alone where there is no nvidia-smi (Jetson);
    empty without one.
    """
    if shutil.which("nvidia-smi") is None:
        return [{"name": _cuda_name()}] if has_cuda() else []
    fields = ("name", "driver_version", "memory.total", "clocks.sm", "clocks.mem", "clocks.max.sm")
    command = ["nvidia-smi", f"--query-gpu={','.join(fields)}", "--format=csv,noheader"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = found.stdout.splitlines() if found.returncode == 0 else []
    return [dict(zip(fields, (cell.strip() for cell in line.split(",")), strict=True)) for line in lines]


def _cuda_name() -> str:
    import torch

    return str(torch.cuda.get_device_name())


def _processor() -> str:
    name = re.search(r"model name\s*: (.+)", _read("/proc/cpuinfo"))
    return name.group(1) if name else platform.processor()


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _read(path: str) -> str:
    file = Path(path)
    return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
