"""What cannot be run is refused, and what cannot fit into memory, before anything loads."""

import pytest

from n3d_ros.cli import main
from n3d_ros.engines.bench import machine as bench_machine
from n3d_ros.engines.bench import measure as bench
from n3d_ros.engines.bench.measure import check_weights_fit
from n3d_ros.engines.bench.options import BenchOptions
from n3d_ros.engines.synthetic.checkpoint import num_bytes
from n3d_ros.errors import BadInputError, OutOfMemoryError
from n3d_ros.runtime.backends.factory import default_model_dir


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"systems": ("ort", "ort")}, "systems: expected different ones"),
        ({"systems": ("llama",)}, "got llama"),
        ({"repetitions": 0}, "repetitions: expected a positive number, got 0"),
        ({"threads": -1}, "threads: expected a positive number, got -1"),
    ],
)
def test_options_that_cannot_be_run_are_named(options, message):
    with pytest.raises(BadInputError, match=message):
        BenchOptions(model=default_model_dir(), **options)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--repetitions", "0"], "repetitions: expected a positive number, got 0"),
        (["--max-tokens", "0"], "max_tokens: expected a positive number, got 0"),
        (["--synthetic", "7b", "--threads", "0"], "threads: expected a positive number, got 0"),
        (["--model", "/nowhere"], "expected a folder with manifest.json or config.json, got '/nowhere'"),
    ],
)
def test_bad_options_end_at_once_with_code_2(arguments, message, capsys):
    pytest.importorskip("n3d_ros.sim", exc_type=ImportError)
    assert main(["bench", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_an_unknown_type_is_named():
    with pytest.raises(BadInputError, match="dtype: expected auto or one of fp32, fp16, bf16, got 'int4'"):
        BenchOptions(default_model_dir(), dtype="int4")


@pytest.mark.parametrize(
    ("systems", "dtype", "needed"),
    [
        (("torch", "torch-plain", "huggingface"), "auto", 33.2),
        (("huggingface",), "bf16", 16.6),
        (("ort", "torch"), "bf16", 49.8),
    ],
)
def test_weights_that_cannot_fit_are_refused_before_they_are_loaded(systems, dtype, needed, monkeypatch):
    monkeypatch.setattr(bench, "has_cuda", lambda: False)
    options = BenchOptions(default_model_dir(), systems, dtype=dtype)

    def bytes_of(size):
        return size * num_bytes("7b") // 2

    with pytest.raises(OutOfMemoryError, match=f"the weights need {needed} GB of memory, 16.0 GB are free"):
        check_weights_fit(options, bytes_of, 16.0)
    check_weights_fit(options, bytes_of, needed + 0.1)
    check_weights_fit(options, bytes_of, None)


def test_weights_are_not_written_where_they_would_not_fit(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bench, "has_cuda", lambda: False)
    monkeypatch.setattr(bench_machine, "free_memory_gb", lambda: 0.001)
    folder = tmp_path / "tiny"
    assert main(["bench", "--synthetic", "tiny", "--folder", str(folder)]) == 2
    assert "the weights need 0.0 GB of memory" in capsys.readouterr().err and not folder.exists()
