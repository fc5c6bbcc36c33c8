"""The machine's limits: what a decode step reads, how fast memory is copied."""

from n3d_ros.engines.bench import measure as bench
from n3d_ros.engines.bench.machine import copy_gb_s, decode_bytes
from n3d_ros.engines.bench.options import BenchOptions
from n3d_ros.model_folder.config import load_config
from n3d_ros.runtime.backends.factory import default_model_dir


def test_a_decode_step_reads_the_layers_the_norm_the_head_and_the_cache():
    folder = default_model_dir()
    text = load_config(folder).text
    attention = 2 * text.hidden**2 + 2 * text.hidden * text.kv_heads * text.head_dim
    biases = text.hidden + 2 * text.kv_heads * text.head_dim
    layer = attention + biases + 3 * text.hidden * text.mlp + 2 * text.hidden
    cache = 2 * text.layers * text.kv_heads * text.head_dim * 100
    expected = 4 * (text.layers * layer + text.hidden + text.vocab * text.hidden + cache)
    assert decode_bytes(folder, load_config(folder), 4, 100) == expected


def test_copying_is_faster_than_nothing():
    assert copy_gb_s(1 << 20, threads=2, rounds=1) > 0.01


def test_a_decode_step_reads_half_as_much_in_sixteen_bits(monkeypatch):
    monkeypatch.setattr(bench, "has_cuda", lambda: False)
    folder = default_model_dir()
    options = BenchOptions(folder, ("torch", "ort"), dtype="bf16")
    read = bench._decode_bytes(options, load_config(folder))
    assert read["ort"] == 2 * read["torch"]
