"""Engines, by TensorRT-RTX where it is installed: what is written, kept, replaced and refused."""

import json
import shutil
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from n3d_ros.cli import main
from n3d_ros.commands import build as build_command
from n3d_ros.engines.export.decoder_graph import build_decoder
from n3d_ros.engines.export.graph_builder import save
from n3d_ros.engines.tensorrt import boards
from n3d_ros.engines.tensorrt import build as build_module
from n3d_ros.engines.tensorrt import network as build_network
from n3d_ros.engines.tensorrt.boards import board
from n3d_ros.engines.tensorrt.build import build
from n3d_ros.engines.tensorrt.network import BuildRequest, build_engine
from n3d_ros.engines.tensorrt.plan import plan_build
from n3d_ros.engines.tensorrt.process import build_apart
from n3d_ros.errors import BadInputError, EngineError, ResultCode
from n3d_ros.model_folder.config import load_config
from n3d_ros.model_folder.tensors import read_entries
from n3d_ros.runtime.backends.factory import default_model_dir
from n3d_ros.runtime.backends.trt import api as trt_api
from n3d_ros.runtime.backends.trt.folder import LayerPart, check_engines, read_record
from n3d_ros.runtime.backends.trt.shapes import decoder_profiles, shapes_for

needs_rtx = pytest.mark.skipif(
    not trt_api.installed([trt_api.RTX]), reason="TensorRT-RTX is not installed (x86-64 only)"
)


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
    check_engines(path, record)
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


def written(api, request, progress):
    """A builder that needs no TensorRT."""
    return request.engine.write_bytes(b"an engine")


def built_anew(root, context=128, run=written):
    """n3d-nano for SM89 by that builder, whatever is there."""
    plan = plan_build(default_model_dir(), board("sm89"), context=context)
    api = SimpleNamespace(name=trt_api.RTX, version="1.0")
    return build(default_model_dir(), plan, api, root, rebuild=True, run=run)[0]


def test_nothing_is_built_into_an_engine_which_would_be_removed_with_it(tmp_path):
    stale = built_anew(tmp_path, context=256)
    with pytest.raises(BadInputError, match=f"{stale}: expected a folder for engines, got an engine"):
        built_anew(stale)
    assert (stale / "engine.json").is_file()
    assert built_anew(tmp_path).is_dir() and not stale.exists()


def test_a_stale_engine_that_another_build_has_removed_meanwhile_hinders_none(tmp_path):
    stale = built_anew(tmp_path, context=256)

    def meanwhile(api, request, progress):
        shutil.rmtree(stale, ignore_errors=True)
        return written(api, request, progress)

    assert built_anew(tmp_path, run=meanwhile).is_dir()


def test_an_engine_of_another_version_beside_it_hinders_no_build(tmp_path, caplog):
    (tmp_path / "newer").mkdir()
    (tmp_path / "newer" / "engine.json").write_text('{"format": 99}')
    assert built_anew(tmp_path).is_dir()
    assert "expected format 1, got 99" in caplog.text and (tmp_path / "newer").is_dir()


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
    check_engines(split.path, split.record)
    plans = [(split.path / name).read_bytes() for name in PARTS]
    names = [b"inputs_embeds", b"hidden_3", b"logit_index"]
    assert [[name in plan for name in names] for plan in plans] == [[True, True, False], [False, True, True]]


def test_a_part_that_is_missing_or_in_anothers_place_is_named(split, tmp_path):
    shutil.copytree(split.path, tmp_path / "e")
    one, other = (tmp_path / "e" / name for name in PARTS)
    one.rename(tmp_path / "kept")
    with pytest.raises(EngineError, match="decoder-1-of-2.engine: expected .* bytes, found none; build it"):
        check_engines(tmp_path / "e", split.record)
    other.rename(one)
    (tmp_path / "kept").rename(other)
    with pytest.raises(EngineError, match="decoder-1-of-2.engine: expected [0-9]+ bytes, found [0-9]+"):
        check_engines(tmp_path / "e", split.record)


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
def test_a_program_is_told_each_engines_progress_and_the_folder(folders, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(build_command.signal, "signal", lambda *_: None)
    arguments = ["build", "--model", str(folders.plain), "--target", "sm89", "--precision", "fp32", "--lines"]
    arguments += ["--context", "64", "--out", str(tmp_path / "engines")]
    assert main(arguments) == 0
    *told, last = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert last["is_new"] and check_engines(Path(last["path"]), read_record(Path(last["path"]))) is None
    done = [one["engine"] for one in told if "is_done" in one]
    assert sorted(done) == sorted(read_record(Path(last["path"])).files)
    for engine in done:
        own = [one for one in told if one["engine"] == engine and "is_done" not in one]
        shares, times = ([one[name] for one in own] for name in ("progress", "elapsed_s"))
        assert shares == sorted(shares) and times == sorted(times) and 0 <= shares[0] <= shares[-1] <= 1
        assert any(one["phase"] for one in own), "the builder's own words"
    assert main(arguments) == 0
    [again] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert again == {"path": last["path"], "is_new": False}
    assert main([*arguments, "--context", "32"]) == 2
    [stale] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (stale["failed"], "stale engine" in stale["message"]) == (ResultCode.INTERNAL, True)


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
