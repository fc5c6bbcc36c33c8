"""Engines: real ones by TensorRT-RTX where it is installed, and every way in which a build is refused."""

import shutil
import threading
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from n3d_ros.cli import main
from n3d_ros.commands import build as build_command
from n3d_ros.engines.export.decoder_graph import build_decoder
from n3d_ros.engines.export.folder import export
from n3d_ros.engines.export.graph_builder import save
from n3d_ros.engines.quantize.folder import QuantizeConfig, quantize
from n3d_ros.engines.synthetic.checkpoint import write_synthetic
from n3d_ros.engines.tensorrt import boards
from n3d_ros.engines.tensorrt import build as build_module
from n3d_ros.engines.tensorrt import network as build_network
from n3d_ros.engines.tensorrt import plan as build_plan
from n3d_ros.engines.tensorrt.boards import board
from n3d_ros.engines.tensorrt.build import build
from n3d_ros.engines.tensorrt.layer_split import ModelSize
from n3d_ros.engines.tensorrt.network import BuildRequest, build_engine
from n3d_ros.engines.tensorrt.plan import check_memory, plan_build
from n3d_ros.engines.tensorrt.process import build_apart
from n3d_ros.engines.tensorrt.progress import PhaseTree
from n3d_ros.errors import BadInputError, EngineError, MissingLibraryError, OutOfMemoryError
from n3d_ros.model_folder.config import load_config
from n3d_ros.model_folder.tensors import read_entries
from n3d_ros.runtime.backends.factory import default_model_dir
from n3d_ros.runtime.backends.trt import api as trt_api
from n3d_ros.runtime.backends.trt.folder import LayerPart, check_files, read_record
from n3d_ros.runtime.backends.trt.shapes import decoder_profiles, shapes_for

# bf16 bytes, docs/specification/engines.md 10.
SEVEN_B = ModelSize(products=14.14e9, rest=1.35e9, kv_per_token=57_344, head=1.09e9, layers=28)

needs_rtx = pytest.mark.skipif(
    not trt_api.installed([trt_api.RTX]), reason="TensorRT-RTX is not installed (x86-64 only)"
)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A small exported model and its 4-bit form."""
    root = tmp_path_factory.mktemp("build")
    export(write_synthetic(root / "m", "tiny"), root / "plain")
    quantize(root / "m", root / "int4", QuantizeConfig("int4", compute="bf16"))
    return SimpleNamespace(plain=root / "plain", int4=root / "int4")


@pytest.fixture
def rtx():
    return trt_api.load(trt_api.RTX)


@needs_rtx
def test_the_shipped_model_becomes_an_engine_for_three_generations_of_cards(rtx, tmp_path):
    api, chosen = build_command.choose("sm86,sm89,sm120")
    plan = plan_build(default_model_dir(), chosen)
    path, record, is_new = build(default_model_dir(), plan, api, tmp_path)
    assert is_new and path.parent == tmp_path
    assert record == read_record(path)
    assert (record.targets, record.precision, record.runtime) == (
        ("sm86", "sm89", "sm120"),
        "bf16",
        "tensorrt_rtx",
    )
    check_files(path, record)
    assert all(10e6 < file.num_bytes < 20e6 for file in record.files.values()), record.files
    assert [p.name for p in tmp_path.iterdir()] == [path.name], "nothing half-made is left"


@needs_rtx
def test_a_built_engine_is_kept_and_a_stale_one_named_and_replaced_only_if_allowed(rtx, folders, tmp_path):
    plan = plan_build(folders.int4, board("sm89"), context=256)
    path, record, is_new = build(folders.int4, plan, rtx, tmp_path)
    assert is_new and record.precision == "int4" and record.compute == "bf16"
    assert build(folders.int4, plan, rtx, tmp_path)[2] is False
    other = plan_build(folders.int4, board("sm89"), context=128)
    with pytest.raises(
        EngineError, match=f"stale engine: .*{path.name} .another shapes.*n3d build ... --rebuild"
    ):
        build(folders.int4, other, rtx, tmp_path)
    assert path.is_dir()
    new, _, is_new = build(folders.int4, other, rtx, tmp_path, rebuild=True)
    assert is_new and [p.name for p in tmp_path.iterdir()] == [new.name] != [path.name]


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    """n3d-nano with its decoder in two engines for SM86: (root, engine folder, record, names shown)."""
    if not trt_api.installed([trt_api.RTX]):
        pytest.skip("TensorRT-RTX is not installed (x86-64 only)")
    root, shown = tmp_path_factory.mktemp("parts"), []
    plan = plan_build(default_model_dir(), board("sm86"), context=64, parts=2)

    @contextmanager
    def bar(name):
        shown.append(name)
        yield None

    def run(api, request, progress):
        """The vision engine is built in another test."""
        vision = request.engine.name == "vision.engine"
        return request.engine.write_bytes(b"-") if vision else build_apart(api, request, progress)

    path, record, _ = build(default_model_dir(), plan, trt_api.load(trt_api.RTX), root, bar=bar, run=run)
    return SimpleNamespace(root=root, path=path, record=record, shown=shown)


PARTS = ("decoder-1-of-2.engine", "decoder-2-of-2.engine")


def test_a_decoder_in_two_parts_becomes_two_engines_each_with_its_layers(split):
    assert split.record == read_record(split.path)
    assert split.record.parts == (LayerPart(PARTS[0], 0, 3), LayerPart(PARTS[1], 3, 5))
    assert split.shown == ["vision.engine", *PARTS] == sorted(split.record.files, key="vdd".find)
    assert [p.name for p in split.root.iterdir()] == [split.path.name], "nothing half-made is left"
    check_files(split.path, split.record)
    plans = [(split.path / name).read_bytes() for name in PARTS]
    names = [b"inputs_embeds", b"hidden_3", b"logit_index"]
    assert [[name in plan for name in names] for plan in plans] == [[True, True, False], [False, True, True]]


def test_a_part_that_is_missing_or_in_anothers_place_is_named(split, tmp_path):
    shutil.copytree(split.path, tmp_path / "e")
    one, other = (tmp_path / "e" / name for name in PARTS)
    one.rename(tmp_path / "kept")
    with pytest.raises(EngineError, match="decoder-1-of-2.engine: expected .* bytes, found none; build it"):
        check_files(tmp_path / "e", split.record)
    other.rename(one)
    (tmp_path / "kept").rename(other)
    with pytest.raises(EngineError, match="decoder-1-of-2.engine: expected [0-9]+ bytes, found [0-9]+"):
        check_files(tmp_path / "e", split.record)


def test_whole_and_split_engines_do_not_pass_for_one_another(split, rtx):
    plan = plan_build(default_model_dir(), board("sm86"), context=64, parts=2)
    assert build(default_model_dir(), plan, rtx, split.root)[2] is False
    whole = plan_build(default_model_dir(), board("sm86"), context=64)
    assert whole.parts == 1
    with pytest.raises(EngineError, match=f"stale engine: .*{split.path.name} .another parts, graphs."):
        build(default_model_dir(), whole, rtx, split.root)


@needs_rtx
@pytest.mark.parametrize(
    ("layers", "state", "rows", "ins", "outs"),
    [
        ((0, 3), "inputs_embeds", 6, [], ["hidden_3", "new_kv"]),
        ((3, 5), "hidden_3", 4, ["logit_index"], ["logits", "new_kv"]),
    ],
)
def test_tensorrt_reads_a_part_with_the_shapes_of_its_layers(rtx, tmp_path, layers, state, rows, ins, outs):
    config, weights = load_config(default_model_dir()), read_entries(default_model_dir())
    for file in {entry.file for entry in weights.values()}:
        (tmp_path / file.name).symlink_to(file)
    save(build_decoder(config, weights, "BF16", layers), tmp_path / "part.onnx")
    log, trt = trt_api.ErrorLog(rtx), rtx.module
    builder = trt.Builder(log.logger)
    network = builder.create_network(trt_api.strongly_typed(rtx))
    assert trt.OnnxParser(network, log.logger).parse_from_file(str(tmp_path / "part.onnx")), log.errors
    found = {t.name: (tuple(t.shape), t.dtype) for t in map(network.get_input, range(network.num_inputs))}
    assert list(found) == [state, "rope_cos", "rope_sin", "attn_bias", "past_kv", *ins]
    assert found[state] == ((-1, 256), trt.bfloat16) and found["past_kv"] == ((-1, rows, 2, 64), trt.bfloat16)
    given = {t.name: tuple(t.shape) for t in map(network.get_output, range(network.num_outputs))}
    assert list(given) == outs and given["new_kv"] == (-1, rows, 2, 64)
    prefill, decode = decoder_profiles(config, shapes_for(config, 64), layers)
    profile = build_network._profile(builder, network, decode, log)
    assert profile.get_shape("past_kv") == [(1, rows, 2, 64), (64, rows, 2, 64), (64, rows, 2, 64)]
    assert profile.get_shape(state) == [(1, 256), (1, 256), (16, 256)]
    assert prefill[state][2] == (32, 256)


@needs_rtx
def test_the_command_says_what_it_wrote_and_the_second_time_that_it_is_there(folders, tmp_path, capsys):
    arguments = ["build", "--model", str(folders.plain), "--target", "sm89", "--precision", "fp32"]
    arguments += ["--context", "64", "--out", str(tmp_path / "engines"), "--build-only"]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "tensorrt_rtx" in printed and "for sm89: fp32, context 64" in printed
    assert f"wrote {tmp_path / 'engines'}/plain-fp32-sm89-" in printed
    assert 0.05 < float(printed.split("memory: at most ")[1].split()[0]) < 50
    assert main(arguments) == 0
    again = capsys.readouterr().out
    assert "up to date: " in again and "memory:" not in again
    assert main([*arguments, "--context", "32"]) == 2
    assert "stale engine" in capsys.readouterr().err


@needs_rtx
def test_a_refused_profile_is_named_with_what_was_logged_and_nothing_is_left(
    rtx, folders, tmp_path, monkeypatch
):
    def wrong(*arguments):
        profiles = decoder_profiles(*arguments)
        profiles[0]["past_kv"] = ((5, 1, 1, 1), (4, 1, 1, 1), (3, 1, 1, 1))
        return profiles

    decoder_profiles = build_module.decoder_profiles
    monkeypatch.setattr(build_module, "decoder_profiles", wrong)
    with pytest.raises(EngineError, match="decoder.onnx: tensorrt_rtx .* refused a profile: .*MIN<=OPT<=MAX"):
        build(folders.plain, plan_build(folders.plain, board("sm89"), "fp32", 64), rtx, tmp_path)
    assert list(tmp_path.iterdir()) == []


@needs_rtx
def test_a_graph_that_cannot_be_read_is_named_with_the_parsers_words(rtx, tmp_path):
    (tmp_path / "x.onnx").write_bytes(b"no graph")
    with pytest.raises(EngineError, match="x.onnx: expected a graph that tensorrt_rtx .* reads: .+"):
        build_engine(rtx, BuildRequest(tmp_path / "x.onnx", tmp_path / "x.engine", []))


@needs_rtx
def test_other_inputs_than_the_profiles_are_named(rtx, folders, tmp_path):
    request = BuildRequest(
        folders.plain / "decoder.onnx", tmp_path / "x.engine", [{"ids": ((1,), (1,), (1,))}]
    )
    with pytest.raises(EngineError, match=r"expected a graph with the inputs \['ids'\], got \['attn_bias'"):
        build_engine(rtx, request)


@needs_rtx
def test_a_gpu_that_the_runtime_does_not_know_is_named(rtx, folders, tmp_path):
    plan = plan_build(folders.plain, boards.Board("x", ("sm87",), trt_api.RTX), "fp16", 64)
    with pytest.raises(EngineError, match="target sm87: tensorrt_rtx .* builds for sm75, sm80, sm86, sm89"):
        build(folders.plain, plan, rtx, tmp_path)


@needs_rtx
def test_an_engine_that_cannot_be_opened_is_named(rtx, tmp_path):
    """Without a GPU the bindings cannot even make a reader; with one, this is no engine."""
    from n3d_ros.runtime.backends.trt.graph import EngineGraph

    (tmp_path / "decoder.engine").write_bytes(b"no engine" * 100)
    with pytest.raises(EngineError, match="decoder.engine: .*could not (open it|read the engine): .+"):
        EngineGraph(rtx, None, tmp_path / "decoder.engine")


def test_a_number_format_that_a_gpu_lacks_is_refused(folders):
    with pytest.raises(
        BadInputError, match="precision fp8: sm86 cannot compute with it; expected one of fp32"
    ):
        plan_build(folders.plain, board("sm86"), "fp8")
    with pytest.raises(BadInputError, match="precision bf16: sm75"):
        plan_build(folders.plain, board("sm75"), "bf16")


def test_quantised_precisions_need_a_quantised_folder_and_the_command_is_named(folders):
    with pytest.raises(BadInputError, match="found unquantised weights; `n3d quantize .*--precision int4"):
        plan_build(folders.plain, board("sm89"), "int4")
    with pytest.raises(BadInputError, match="expected unquantised weights for bf16, found int4"):
        plan_build(folders.int4, board("sm89"), "bf16")
    assert plan_build(folders.int4, board("sm89")).precision == "int4"


def test_too_little_memory_is_named_before_anything_is_built(folders):
    plan = plan_build(folders.plain, board("sm89"))
    with pytest.raises(OutOfMemoryError, match=r"needs about 0.5 GB of memory, 0.1 GB are free; stop other"):
        check_memory(folders.plain, plan, 0.1)
    check_memory(folders.plain, plan, 8.0)
    check_memory(folders.plain, plan, None)


def test_too_little_memory_for_one_piece_names_the_parts_that_would_fit(folders, monkeypatch):
    monkeypatch.setattr(build_plan, "model_size", lambda folder, config: SEVEN_B)
    plan = plan_build(folders.plain, board("sm89"))
    words = r"building bf16 needs about 21.0 GB of memory, 9.0 GB are free; .*`--parts 3`, quantise further"
    with pytest.raises(OutOfMemoryError, match=words):
        check_memory(folders.plain, plan, 9.0)
    with pytest.raises(OutOfMemoryError, match="12.0 GB are free; .*`--parts 2`"):
        check_memory(folders.plain, plan, 12.0)
    split = plan_build(folders.plain, board("sm89"), parts=3)
    check_memory(folders.plain, split, 9.0)
    with pytest.raises(OutOfMemoryError, match="building bf16 in 3 parts needs about 7.5 GB.*swap, quantise"):
        check_memory(folders.plain, split, 1.0)


def test_a_board_cuts_the_decoder_unless_told_otherwise(folders, monkeypatch):
    monkeypatch.setattr(build_plan, "model_size", lambda folder, config: SEVEN_B)
    chosen = plan_build(folders.plain, board("orin-32"))
    assert (chosen.precision, chosen.parts) == ("bf16", 2)
    assert plan_build(folders.plain, board("orin-32"), "bf16", parts=1).parts == 1
    assert plan_build(folders.plain, board("orin-64")).parts == 1
    with pytest.raises(BadInputError, match="n3d quantize .*--precision int8"):
        plan_build(folders.plain, board("orin-32"), parts=1)


@pytest.mark.parametrize("parts", [0, 4])
def test_more_parts_than_layers_are_refused(folders, parts):
    with pytest.raises(BadInputError, match=f"parts: expected 1 to 3 .the model's layers., got {parts}"):
        plan_build(folders.plain, board("sm89"), parts=parts)


def test_unknown_and_mixed_targets_are_refused_with_the_choices():
    with pytest.raises(BadInputError, match="target: expected current, orin, orin-16.*got 'gtx'"):
        build_command.choose("gtx")
    with pytest.raises(BadInputError, match="target thor: cannot share an engine"):
        build_command.choose("sm89,thor")


def test_a_jetson_is_built_for_on_the_jetson(monkeypatch):
    from n3d_ros.runtime.backends.trt import cuda as trt_cuda

    api = trt_api.TensorRt(trt_api.TENSORRT, "10.3.0", None)
    monkeypatch.setattr(build_command, "load", lambda name=None: api)
    monkeypatch.setattr(trt_cuda, "current_gpu", lambda: trt_cuda.Gpu("RTX 4090", "sm89", 24 << 30, False))
    with pytest.raises(
        BadInputError, match=r"expected a GPU of sm87, this is RTX 4090 .sm89.; .*on the board"
    ):
        build_command.choose("orin-32")
    monkeypatch.setattr(trt_cuda, "current_gpu", lambda: trt_cuda.Gpu("Orin", "sm87", 32 << 30, True))
    assert build_command.choose("orin-32")[1].sms == ("sm87",)
    found = build_command.choose("current")[1]
    assert (found.sms, found.unified, round(found.memory_gb)) == (("sm87",), True, 32)


def test_without_tensorrt_the_command_says_what_to_install(monkeypatch):
    monkeypatch.setattr(trt_api, "find_spec", lambda name: None)
    with pytest.raises(
        MissingLibraryError, match="expected tensorrt_rtx to import.*pip install tensorrt-rtx"
    ):
        build_command.choose("sm89")


def test_a_bindings_version_that_returns_none_raises_with_its_log():
    """`create_network` returns None instead of raising where a flag's number changed its meaning."""

    class ILogger:
        pass

    class Builder:
        def __init__(self, logger):
            self.logger = logger

        def create_network(self, flags):
            assert flags == 2
            self.logger.log("Severity.ERROR", "unknown flag")
            self.logger.log("Severity.INTERNAL_ERROR", "and another reason")

    flags = SimpleNamespace(__members__={"STRONGLY_TYPED": 1})
    module = SimpleNamespace(ILogger=ILogger, Builder=Builder, NetworkDefinitionCreationFlag=flags)
    api = trt_api.TensorRt("tensorrt", "10.3", module)
    with pytest.raises(EngineError, match="cannot create a network: unknown flag; and another reason"):
        build_engine(api, BuildRequest("x.onnx", "x.engine", []))


def test_a_builder_without_streams_writes_the_bytes_that_it_returns(tmp_path):
    class Builder:
        def build_serialized_network(self, network, config):
            return b"plan"

    log = SimpleNamespace(checked=lambda result, what: result)
    api = trt_api.TensorRt("tensorrt", "10.3", None)
    size = build_network._serialize(api, Builder(), None, None, tmp_path / "e", log)
    assert size == 4 and (tmp_path / "e").read_bytes() == b"plan"


def test_a_build_that_fails_in_a_stream_tells_what_was_logged(tmp_path):
    class Builder:
        def build_serialized_network_to_stream(self, network, config, writer):
            assert writer.write(b"half") == 4
            return False

    class Writer:
        pass

    api = trt_api.TensorRt("tensorrt_rtx", "1.7", SimpleNamespace(IStreamWriter=Writer, ILogger=Writer))
    log = trt_api.ErrorLog(api)
    log.logger.log("Severity.ERROR", "no tactic for node 7")
    with pytest.raises(
        EngineError, match="e.engine: tensorrt_rtx 1.7 could not build it: no tactic for node 7"
    ):
        build_network._serialize(api, Builder(), None, None, tmp_path / "e.engine", log)


def test_progress_of_nested_phases_never_falls_and_ends_whole():
    tree, seen = PhaseTree(), []
    for call in (
        lambda: tree.start("build", None, 2),
        lambda: tree.start("tactics", "build", 4),
        lambda: tree.step("tactics", 2),
        lambda: tree.step("build", 1),
        lambda: tree.start("tactics", "build", 10),
        lambda: tree.step("tactics", 5),
        lambda: tree.finish("tactics"),
        lambda: tree.finish("build"),
    ):
        call()
        seen.append(tree.share)
    assert seen == [0, 0, 0.25, 0.5, 0.5, 0.75, 1.0, 1.0]


def test_progress_may_be_told_from_several_threads(capsys):
    from n3d_ros.engines.tensorrt.progress import progress_bar

    with progress_bar("x") as bar:
        bar.start("build", None, 400)
        steps = [threading.Thread(target=lambda i=i: bar.step("build", i + 1)) for i in range(400)]
        for thread in steps:
            thread.start()
        for thread in steps:
            thread.join()
        assert bar.bar.n <= 1000
    assert bar.bar.n == 1000


def test_the_phase_that_is_shown_is_the_innermost_that_has_not_ended():
    tree, seen = PhaseTree(), []
    for call in (
        lambda: tree.start("build", None, 2),
        lambda: tree.start("tactics", "build", 1),
        lambda: tree.start("costs", "tactics", 1),
        lambda: tree.finish("costs"),
        lambda: tree.finish("tactics"),
        lambda: tree.start("tactics", "build", 1),
        lambda: tree.finish("tactics"),
        lambda: tree.finish("build"),
    ):
        call()
        seen.append(tree.running)
    assert seen == ["build", "tactics", "costs", "tactics", "build", "tactics", "build", ""]


def test_a_silent_builder_still_shows_its_phase_and_the_time(capsys):
    from n3d_ros.engines.tensorrt.progress import progress_bar

    with progress_bar("x") as bar:
        bar.start("slow", None, 1)
        capsys.readouterr()
        bar.waiting()
        assert "slow" in capsys.readouterr().err
