"""Engines that do not fit are named with the reason and the mending command."""

import hashlib
import json
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest

from n3d_ros.errors import EngineError, MissingLibraryError
from n3d_ros.model_folder.manifest import FileRecord, read_manifest, record_of
from n3d_ros.runtime.backends import factory
from n3d_ros.runtime.backends.trt import api as trt_api
from n3d_ros.runtime.backends.trt import cuda as trt_cuda
from n3d_ros.runtime.backends.trt import find as trt_find
from n3d_ros.runtime.backends.trt.folder import (
    DECODER,
    RECORD_NAME,
    VISION,
    EngineRecord,
    LayerPart,
    cache_folder,
    check_engines,
    mismatch,
    read_record,
    warn_if_writable_by_others,
)
from n3d_ros.runtime.backends.trt.shapes import EngineShapes

VERSION = "10.3.0"


@pytest.fixture
def manifest():
    return read_manifest(factory.default_model_dir())


@pytest.fixture
def root(tmp_path, monkeypatch):
    """The cache folder of this test."""
    monkeypatch.setenv("N3D_ENGINES", str(tmp_path / "engines"))
    (tmp_path / "engines").mkdir()
    return tmp_path / "engines"


@pytest.fixture
def here(monkeypatch):
    """A machine with TensorRT 10.3.0 and an Ada card."""
    module = SimpleNamespace(__version__=VERSION)
    monkeypatch.setattr(trt_api, "find_spec", lambda name: name == "tensorrt" or None)
    monkeypatch.setitem(sys.modules, "tensorrt", module)
    monkeypatch.setattr(trt_cuda, "current_gpu", lambda: trt_cuda.Gpu("RTX 4090", "sm89", 24 << 30, False))


def put(root, manifest, name="e", engines=(VISION, DECODER), **changes):
    """An engine folder of the model with two files."""
    folder = root / name
    folder.mkdir(mode=0o755)
    for file in engines:
        (folder / file).write_bytes(b"plan" + file.encode())
        (folder / file).chmod(0o644)
    record = EngineRecord(
        model_name=manifest.name,
        model_sha256=manifest.model_sha256,
        runtime="tensorrt",
        runtime_version=VERSION,
        targets=("sm89",),
        precision="bf16",
        compute="bf16",
        shapes=EngineShapes(64, 24, 4, 4, 30),
        graphs={},
        files={file: record_of(folder / file) for file in engines},
        n3d_version="0",
    )
    record = replace(record, **changes)
    (folder / RECORD_NAME).write_text(record.to_json())
    return folder, record


def test_a_record_comes_back_as_it_was_written(root, manifest):
    folder, record = put(root, manifest)
    assert read_record(folder) == record
    assert record.folder_name.startswith("n3d-nano-bf16-sm89-")


@pytest.mark.parametrize(
    "change",
    [
        {"model_sha256": "0"},
        {"runtime_version": "10.4"},
        {"targets": ("sm86",)},
        {"precision": "int4"},
        {"shapes": EngineShapes(65, 24, 4, 4, 30)},
        {"graphs": {"decoder.onnx": "1"}},
        {"parts": (LayerPart("a.engine", 0, 2), LayerPart("b.engine", 2, 5))},
    ],
)
def test_everything_that_makes_an_engine_another_one_is_in_its_key(root, manifest, change):
    _, record = put(root, manifest)
    assert replace(record, **change).key != record.key
    assert replace(record, files={VISION: FileRecord(1, "1")}, n3d_version="9").key == record.key


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"model_sha256": "f" * 64}, "built of model ffffffffffff, this is"),
        ({"runtime": "tensorrt_rtx"}, "built by tensorrt_rtx 10.3.0, here is none"),
        ({"runtime_version": "10.13.3"}, "built by tensorrt 10.13.3, here is 10.3.0"),
        ({"targets": ("sm86", "sm87")}, "built for sm86, sm87, this GPU is sm89"),
    ],
)
def test_a_foreign_engine_is_named_with_the_reason_and_the_command(root, manifest, here, change, reason):
    put(root, manifest, **change)
    with pytest.raises((EngineError, MissingLibraryError)) as caught:
        trt_find.find_engine(factory.default_model_dir(), manifest, root)
    if change.get("runtime") == "tensorrt_rtx":
        assert "expected tensorrt_rtx to import" in str(caught.value)
    else:
        assert reason in str(caught.value)
        assert f"`n3d build --model {factory.default_model_dir()}`" in str(caught.value)


def test_the_engine_that_fits_is_taken_from_among_others(root, manifest, here):
    put(root, manifest, "a", targets=("sm86",))
    folder, record = put(root, manifest, "b")
    put(root, manifest, "c", model_name="other")
    assert trt_find.find_engine(factory.default_model_dir(), manifest, root) == (folder, record)


def test_a_record_that_cannot_be_read_is_told_and_hinders_no_other_engine(root, manifest, here, caplog):
    damaged, _ = put(root, manifest, "a")
    (damaged / RECORD_NAME).write_text('{"format": 99}')
    fits = put(root, manifest, "b")
    assert trt_find.find_engine(factory.default_model_dir(), manifest, root) == fits
    assert f"left out: {damaged / RECORD_NAME}: expected format 1, got 99" in caplog.text


def test_no_engine_at_all_names_the_command(root, manifest, here):
    with pytest.raises(EngineError, match="an engine of n3d-nano, found none; `n3d build --model"):
        factory.create_backend(factory.default_model_dir(), "trt")


def test_a_changed_engine_file_is_named(root, manifest, here):
    folder, record = put(root, manifest)
    (folder / DECODER).write_bytes(b"evil" + DECODER.encode())
    with pytest.raises(
        EngineError, match="decoder.engine: expected SHA-256 .*n3d build --model ... --rebuild"
    ):
        trt_find.find_engine(factory.default_model_dir(), manifest, root)
    (folder / DECODER).unlink()
    with pytest.raises(EngineError, match="decoder.engine: expected .* bytes, found none"):
        check_engines(folder, record)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "expected the record of an engine"),
        ('{"format": 99}', "expected format 1, got 99; build it again"),
        ('{"format": 1}', "expected the record of an engine"),
        ("[]", "expected the record of an engine"),
    ],
)
def test_a_damaged_record_is_named(root, manifest, text, message):
    folder, _ = put(root, manifest)
    (folder / RECORD_NAME).write_text(text)
    with pytest.raises(EngineError, match=message):
        read_record(folder)


PARTS = (LayerPart("a.engine", 0, 2), LayerPart("b.engine", 2, 5))


def put_parts(root, manifest, parts=PARTS):
    return put(root, manifest, engines=(VISION, "a.engine", "b.engine"), parts=parts)


def test_a_record_of_parts_comes_back_and_their_order_is_another_engine(root, manifest):
    folder, record = put_parts(root, manifest)
    assert read_record(folder) == record and record.decoder_parts(5) == PARTS
    check_engines(folder, record)
    assert replace(record, parts=(LayerPart("a.engine", 0, 3), LayerPart("b.engine", 3, 5))).key != record.key


def test_a_record_from_before_there_were_parts_still_fits(root, manifest):
    folder, record = put(root, manifest)
    data = json.loads(record.to_json())
    del data["parts"]
    (folder / RECORD_NAME).write_text(json.dumps(data))
    assert read_record(folder) == record and record.decoder_parts(5) == (LayerPart(DECODER, 0, 5),)
    left_out = ("files", "n3d_version")
    old = json.dumps({name: value for name, value in data.items() if name not in left_out}, sort_keys=True)
    assert record.key == hashlib.sha256(old.encode()).hexdigest()


@pytest.mark.parametrize(
    ("ranges", "message"),
    [
        (((0, 2), (3, 5)), "begins with layer 2, got b.engine with 3 to 4; build it again"),
        (((2, 5), (0, 2)), "begins with layer 0, got a.engine with 2 to 4"),
        (((0, 2), (2, 2)), "begins with layer 2, got b.engine with 2 to 1"),
    ],
)
def test_parts_that_do_not_follow_one_another_are_named(root, manifest, ranges, message):
    files = ("a.engine", "b.engine")
    parts = tuple(LayerPart(file, *layers) for file, layers in zip(files, ranges, strict=True))
    folder, _ = put_parts(root, manifest, parts)
    with pytest.raises(EngineError, match=message):
        read_record(folder)


def test_a_part_without_checksum_or_file_is_named(root, manifest):
    folder, record = put_parts(root, manifest)
    (folder / "b.engine").unlink()
    with pytest.raises(EngineError, match="b.engine: expected 12 bytes, found none; build it again"):
        check_engines(folder, record)
    lacking = replace(record, files={VISION: record.files[VISION], "a.engine": record.files["a.engine"]})
    (folder / RECORD_NAME).write_text(lacking.to_json())
    with pytest.raises(EngineError, match="expected checksums of vision.engine and a.engine and b.engine"):
        read_record(folder)


def test_a_record_cannot_point_outside_its_folder(root, manifest):
    folder, record = put(root, manifest)
    data = json.loads(record.to_json())
    data["files"]["../" + VISION] = data["files"][VISION]
    (folder / RECORD_NAME).write_text(json.dumps(data))
    with pytest.raises(EngineError, match=r"expected plain file names, got '\.\./vision.engine'"):
        read_record(folder)


def test_a_folder_that_others_can_write_to_is_warned_of(root, manifest, caplog):
    folder, _ = put(root, manifest)
    warn_if_writable_by_others(folder)
    assert caplog.text == ""
    folder.chmod(0o777)
    warn_if_writable_by_others(folder)
    assert f"others can write here, and an engine runs as code; `chmod -R go-w {folder}`" in caplog.text


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o777])
@pytest.mark.parametrize("name", ["", VISION])
def test_a_group_that_can_write_to_an_engine_is_warned_of_too(root, manifest, caplog, mode, name):
    folder, _ = put(root, manifest)
    (folder / name).chmod(mode)
    warn_if_writable_by_others(folder)
    assert "others can write here" in caplog.text and str(folder / name) in caplog.text


def test_auto_goes_on_without_an_engine_that_does_not_fit_and_says_why(root, manifest, here, caplog):
    put(root, manifest, targets=("sm120",))
    assert factory.create_backend(factory.default_model_dir(), threads=1).name == "ort"
    assert "not on TensorRT" in caplog.text and "built for sm120, this GPU is sm89" in caplog.text


def test_auto_without_engines_says_nothing(root, caplog):
    assert factory.create_backend(factory.default_model_dir(), threads=1).name == "ort"
    assert "TensorRT" not in caplog.text


def test_without_any_tensorrt_the_ways_to_get_one_are_named(monkeypatch):
    monkeypatch.setattr(trt_api, "find_spec", lambda name: None)
    with pytest.raises(
        MissingLibraryError, match="expected tensorrt or tensorrt_rtx to import.*JetPack.*pip"
    ):
        trt_api.load()


def test_a_module_whose_library_is_missing_is_named(monkeypatch):
    def fail(name):
        raise ImportError("libnvinfer.so.10: cannot open shared object file")

    monkeypatch.setattr(trt_api, "find_spec", lambda name: name == "tensorrt" or None)
    monkeypatch.setattr(trt_api.importlib, "import_module", fail)
    with pytest.raises(MissingLibraryError, match="tensorrt: libnvinfer.so.10: cannot open"):
        trt_api.load()


def test_engines_lie_in_the_users_cache_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("N3D_ENGINES", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "n3d_ros" / "engines"


def test_a_user_without_a_home_has_the_systems_cache_folder(monkeypatch):
    for name in ("N3D_ENGINES", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)

    def nobody(_):
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr("pwd.getpwuid", nobody)
    assert cache_folder().as_posix() == "/var/cache/n3d_ros/engines"


def test_an_unknown_gpu_does_not_exclude_an_engine(root, manifest):
    _, record = put(root, manifest)
    assert mismatch(record, manifest, "tensorrt", VERSION, None) is None


def test_flags_are_taken_by_name_and_absent_ones_left_out():
    holder = SimpleNamespace(__members__={"EXPLICIT_BATCH": 0, "STRONGLY_TYPED": 1})
    assert trt_api.flag_bits(holder, ["STRONGLY_TYPED", "EXPLICIT_BATCH"]) == 3
    assert (
        trt_api.flag_bits(SimpleNamespace(__members__={"STRONGLY_TYPED": 0}), ["STRONGLY_TYPED", "FP16"]) == 1
    )


def test_a_missing_driver_is_named():
    """With cuda-python's own result for a machine without one."""
    error = type("E", (int,), {"name": "cudaErrorInsufficientDriver"})(35)
    cuda = object.__new__(trt_cuda.Cuda)
    with pytest.raises(EngineError, match="expected an NVIDIA GPU with a driver"):
        cuda.check((error, None), "create a stream")


def test_without_cuda_python_the_package_is_named(monkeypatch):
    def fail(name):
        raise ImportError(f"No module named '{name}'")

    monkeypatch.setattr(trt_cuda.importlib, "import_module", fail)
    with pytest.raises(MissingLibraryError, match="expected cuda-python to import.*pip install cuda-python"):
        trt_cuda.load_runtime()
