"""Peak memory, measured in a process of its own."""

import weakref

import pytest
from bench_recording import plain_scene

from n3d_ros.engines.bench import measure as bench
from n3d_ros.engines.bench import memory as bench_memory
from n3d_ros.engines.bench import systems as systems_module
from n3d_ros.engines.bench.measure import record
from n3d_ros.engines.bench.memory import Peak, ProcessFailed
from n3d_ros.engines.bench.options import BenchOptions
from n3d_ros.engines.bench.samples import (
    AGAIN,
    GROUND,
)
from n3d_ros.engines.bench.synthetic import QUERIES as SYNTHETIC_QUERIES
from n3d_ros.engines.bench.synthetic import noise_scenes
from n3d_ros.engines.bench.systems import open_system
from n3d_ros.engines.synthetic.checkpoint import write_synthetic
from n3d_ros.runtime.backends.factory import create_backend, default_model_dir


def test_a_scene_survives_the_way_to_another_process(tmp_path):
    scene = plain_scene()
    bench_memory.save_scene(scene, tmp_path / "scene.npz")
    loaded = bench_memory.load_scene(tmp_path / "scene.npz")
    assert (loaded.seed, loaded.question, loaded.first, loaded.second) == (
        scene.seed,
        scene.question,
        scene.first,
        scene.second,
    )
    assert (loaded.observation.rgb == scene.observation.rgb).all()
    assert (loaded.observation.depth == scene.observation.depth).all()
    assert loaded.observation.intrinsics == scene.observation.intrinsics


@pytest.fixture
def tiny(tmp_path):
    pytest.importorskip("torch")
    return write_synthetic(tmp_path / "tiny", "tiny")


def test_systems_of_one_backend_hold_its_weights_once(tiny):
    options = BenchOptions(tiny, ("torch", "torch-plain", "huggingface"), dtype="bf16")
    systems = []
    for name in options.systems:
        systems.append(open_system(name, options, systems))
    guessing, plain, huggingface = systems
    assert plain.pipeline.backend is guessing.pipeline.backend
    assert huggingface._model is guessing.pipeline.backend.model
    assert {str(weight.dtype) for weight in huggingface._model.parameters()} == {"torch.bfloat16"}
    alone = open_system("huggingface", options)
    assert str(next(alone._model.parameters()).dtype) == "torch.bfloat16"


def test_the_processes_that_measure_memory_find_this_one_without_weights(tiny, monkeypatch):
    held, found = [], []

    def create(*arguments):
        backend = create_backend(*arguments)
        held.append(weakref.ref(backend.model))
        return backend

    def peak(name, options, scene):
        found.append((name, [model() for model in held]))
        return Peak(1.0, None)

    monkeypatch.setattr(systems_module, "create_backend", create)
    monkeypatch.setattr(bench, "peak_memory", peak)
    systems = ("torch", "huggingface")
    options = BenchOptions(tiny, systems, SYNTHETIC_QUERIES, 1, 1, max_tokens=2)
    record(options, noise_scenes(), lambda _what: None)
    assert found == [("torch", [None]), ("huggingface", [None])]


def test_a_process_of_its_own_gets_all_options(tmp_path, monkeypatch):
    options = BenchOptions(tmp_path, ("torch",), (GROUND, AGAIN), threads=2, max_tokens=3, dtype="bf16")
    commands, opened = [], []
    monkeypatch.setattr(
        bench_memory.subprocess, "run", lambda command, **_: commands.append(command) or 1 / 0
    )
    with pytest.raises(ZeroDivisionError):
        bench_memory.peak_memory("torch", options, plain_scene())
    monkeypatch.setattr(bench_memory, "open_system", lambda name, options: opened.append(options) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        bench_memory.main(*commands[0][3:])
    assert opened == [options]


def test_peak_memory_is_measured_in_a_process_of_its_own():
    options = BenchOptions(default_model_dir(), ("ort",), (GROUND,), max_tokens=2)
    peak = bench_memory.peak_memory("ort", options, plain_scene())
    assert peak.cuda_mb is None
    assert 50 < peak.rss_mb < 600  # far from this process's own, which may hold torch


def test_a_process_that_fails_says_why(tmp_path):
    options = BenchOptions(tmp_path, ("ort",), (GROUND,))
    with pytest.raises(
        ProcessFailed, match="memory of ort: its process ended with .*expected a manifest.json"
    ):
        bench_memory.peak_memory("ort", options, plain_scene())
