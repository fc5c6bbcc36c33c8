"""What a build is refused for before it begins: formats, memory, parts, targets."""

import json

import pytest

from n3d_ros import cli
from n3d_ros.commands import build as build_command
from n3d_ros.engines.tensorrt import plan as build_plan
from n3d_ros.engines.tensorrt.boards import board
from n3d_ros.engines.tensorrt.layer_split import ModelSize
from n3d_ros.engines.tensorrt.plan import check_build_memory, plan_build
from n3d_ros.errors import BadInputError, MissingLibraryError, OutOfMemoryError, ResultCode
from n3d_ros.runtime.backends.trt import api as trt_api

# bf16 bytes, docs/specification/engines.md 10.
SEVEN_B = ModelSize(products=14.14e9, rest=1.35e9, kv_per_token=57_344, head=1.09e9, layers=28)


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
        check_build_memory(folders.plain, plan, 0.1)
    check_build_memory(folders.plain, plan, 8.0)
    check_build_memory(folders.plain, plan, None)


def test_too_little_memory_for_one_piece_names_the_parts_that_would_fit(folders, monkeypatch):
    monkeypatch.setattr(build_plan, "model_size", lambda folder, config: SEVEN_B)
    plan = plan_build(folders.plain, board("sm89"))
    words = r"building bf16 needs about 21.0 GB of memory, 9.0 GB are free; .*`--parts 3`, quantise further"
    with pytest.raises(OutOfMemoryError, match=words):
        check_build_memory(folders.plain, plan, 9.0)
    with pytest.raises(OutOfMemoryError, match="12.0 GB are free; .*`--parts 2`"):
        check_build_memory(folders.plain, plan, 12.0)
    split = plan_build(folders.plain, board("sm89"), parts=3)
    check_build_memory(folders.plain, split, 9.0)
    with pytest.raises(OutOfMemoryError, match="building bf16 in 3 parts needs about 7.5 GB.*swap, quantise"):
        check_build_memory(folders.plain, split, 1.0)


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


def test_without_tensorrt_a_program_is_told_the_same(monkeypatch, capsys):
    monkeypatch.setattr(trt_api, "find_spec", lambda name: None)
    monkeypatch.setattr(build_command.signal, "signal", lambda *_: None)
    assert cli.main(["build", "--lines", "--target", "sm89"]) == 2
    [line] = capsys.readouterr().out.splitlines()
    told = json.loads(line)
    assert told["failed"] == ResultCode.BAD_INPUT
    assert told["message"].startswith("expected tensorrt_rtx to import")
