"""`n3d parity` passes on the release's vectors and on a set with other seeds, and misses what is changed."""

import copy
import json
import shutil

import numpy as np
import pytest

from n3d_ros import cli

torch = pytest.importorskip("torch")

from n3d_ros.engines.parity import check as parity  # noqa: E402
from n3d_ros.engines.parity.model import ModelChecks  # noqa: E402
from n3d_ros.engines.parity.prompts import check_prompts  # noqa: E402
from n3d_ros.engines.parity.report import ParityReport, Record, largest, merged  # noqa: E402
from n3d_ros.engines.parity.text import check_codec, check_depth_picture, check_sizes  # noqa: E402
from n3d_ros.engines.parity.write.folder import write_set  # noqa: E402

CASE = "A_landscape"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A set with seeds of our own."""
    folder = tmp_path_factory.mktemp("parity") / "set"
    write_set(folder, seed=11)
    return folder


@pytest.fixture(scope="module")
def model(written):
    """The written model, loaded once."""
    checks = ModelChecks(written, ("torch",), ParityReport())
    checks.check_layouts()
    return checks


@pytest.mark.slow
def test_every_quantity_of_a_written_set_passes_on_both_backends(written, capsys):
    assert cli.main(["parity", str(written)]) == 0
    printed = capsys.readouterr().out
    kinds = [
        "image_lanczos",
        "pixel_values",
        "pcd is float16",
        "scaling_init",
        "pooled_hw3",
        "coords_rounded",
    ]
    kinds += [
        "pe_feat",
        "visual_out",
        "logits",
        "position_ids",
        "greedy_ids",
        "sampler",
        "metric_uvz",
        "rounded2d",
    ]
    kinds += [
        "prompts: stage 1",
        "prompts: stage 2",
        "rounding",
        "sizes",
        "failure_cases",
        "(ort, from its own",
    ]
    assert [kind for kind in kinds if kind not in printed] == []
    assert "FAIL" not in printed


@pytest.mark.slow
def test_every_recorded_quantity_of_the_release_passes(golden_dir):
    report = parity.check(golden_dir, ("torch", "ort"))
    assert [line.cells for line in report.lines if not line.passed] == []
    assert len(report.lines) > 2000


@pytest.mark.slow
def test_a_changed_value_of_any_array_of_a_case_is_missed(written, model):
    arrays = Record.load(written / f"case_{CASE}.npz")
    facts = Record.load(written / "forward_report.json")
    unnoticed = []
    for name in arrays.names():
        values = {key: arrays[key] for key in arrays.names()}
        values[name] = changed(values[name])
        report = ParityReport()
        with report.guarded("inputs", CASE):
            parity.check_inputs(CASE, Record(values), facts, report)
        if report.passed:
            model.report = report
            with report.guarded("model", CASE):
                model.check_case(Record(values), CASE)
        if report.passed:
            unnoticed.append(name)
    assert unnoticed == []


@pytest.mark.parametrize("name", ["pe_sinusoid.npz", "sampler.npz", "moge_input_P.npz"])
def test_a_changed_value_of_any_table_is_missed(written, name):
    arrays = Record.load(written / name)
    picture = np.load(written / "case_P_full_pipeline.npz")["image_raw"]
    check = {"pe_sinusoid.npz": parity.check_sinusoid, "sampler.npz": parity.check_sampler}.get(
        name, lambda record, report: check_depth_picture(record, picture, "P", report)
    )
    for key in arrays.names():
        report = ParityReport()
        values = {**{k: arrays[k] for k in arrays.names()}, key: changed(arrays[key])}
        if key == "previous_ids":  # only a token that can be drawn feels the penalty
            values[key][:, 0] = values["logits"].argmax(axis=1)
        check(Record(values), report)
        assert not report.passed, key


def test_a_changed_value_of_the_wide_tower_is_missed(written, model):
    recipe = Record.load(written / "case_W_wide.json")
    arrays, records = Record.load(written / "case_W_wide.npz"), {"case_A_landscape.npz": None}
    records["case_A_landscape.npz"] = Record.load(written / "case_A_landscape.npz")
    for key in arrays.names():
        model.report = ParityReport()
        values = {**{k: arrays[k] for k in arrays.names()}, key: changed(arrays[key])}
        model.check_wide(recipe, Record(values), records)
        assert not model.report.passed, key


def changed(array):
    """The array with its first finite entry moved far; one letter of a text."""
    copied = np.array(array)
    if copied.dtype.kind == "U":
        return np.array(str(copied)[:-1] + ("0" if str(copied)[-1] != "0" else "1"))
    flat = copied.reshape(-1)
    place = int(np.argmax(np.isfinite(flat)))
    flat[place] = flat[place] + (1 if copied.dtype.kind in "iu" else 1000)
    return flat.reshape(copied.shape)


def leaves(value, path=()):
    """Paths of every number and text in nested JSON."""
    if isinstance(value, dict):
        return [leaf for key, inner in value.items() for leaf in leaves(inner, (*path, key))]
    if isinstance(value, list):
        return [leaf for index, inner in enumerate(value) for leaf in leaves(inner, (*path, index))]
    return [path]


def with_change(value, path):
    """A copy in which the leaf at `path` is another number or text."""
    copied = copy.deepcopy(value)
    inner = copied
    for key in path[:-1]:
        inner = inner[key]
    old = inner[path[-1]]
    if isinstance(old, bool) or old is None:
        inner[path[-1]] = not old
    else:
        inner[path[-1]] = old + 1.01 if isinstance(old, (int, float)) else "bbox_9" + old
    return copied


def unnoticed_leaves(values, paths, check):
    found = []
    for path in paths:
        report = ParityReport()
        with report.guarded("text", str(path)):
            check(with_change(values, path), report)
        if report.passed:
            found.append(path)
    return found


def test_a_changed_leaf_of_the_box_texts_is_missed(written):
    codec = json.loads((written / "codec.json").read_text())
    codec["decode"], codec["encode"] = codec["decode"][3:], codec["encode"][:2]
    paths = [path for path in leaves(codec) if path[0] != "numpy" and path[-1] != "shift1_init"]
    paths = [path for path in paths if path[:3] != ("scenes", "P", "shift0") or path[-1] == 2]
    paths = [path for path in paths if path[:3] != ("scenes", "P", "shift1_init")]
    paths = [path for path in paths if path[:3] != ("scenes", "P", "intr") or path[-2] == path[-1] < 2]
    names = ("id", "class_name")  # written once per stage of the same box; the parser's own is checked
    paths = [path for path in paths if path[-1] not in names or path[-3] == "parsed"]
    paths = [path for path in paths if path[-1] != "text"]  # what goes in need not change what comes out
    assert unnoticed_leaves(codec, paths, lambda values, report: check_codec(Record(values), report)) == []


def test_a_changed_leaf_of_the_conversations_is_missed(written):
    entries = json.loads((written / "prompts.json").read_text())
    scenes = json.loads((written / "codec.json").read_text())["scenes"]
    some = {name: entries[name] for name in ("auto_split_2obj", "two_step_4obj")}
    paths = [path for path in leaves(some) if path[-1] != "max_new_tokens" and path[1:3] != ("messages", 1)]
    paths = [path for path in paths if path[1:3] != ("messages", 3)]  # reference answers are never shown
    paths = [
        path for path in paths if path[-1] != "stage1_reply"
    ]  # what goes in need not change what comes out

    def check(values, report):
        check_prompts(Record(values), scenes, report)

    assert unnoticed_leaves(some, paths, check) == []


def test_a_changed_leaf_of_the_sizes_is_missed(written):
    entries = json.loads((written / "sizes.json").read_text())[-4:]
    paths = [path for path in leaves(entries) if path[-1] != "processor_error" and path[1] != "raw_wh"]
    assert unnoticed_leaves(entries, paths, check_sizes) == []


def test_bad_input_that_is_not_refused_and_unknown_cases_are_missed(written, model, monkeypatch):
    cases = {CASE: Record.load(written / f"case_{CASE}.npz")}
    for failures in ({"a new way to fail": "an exception"}, {"reference": "ok: maxdiff_vs_reference 3.0"}):
        model.report = ParityReport()
        model.check_failures(Record(failures), cases)
        assert not model.report.passed
    model.report = ParityReport()
    monkeypatch.setattr("n3d_ros.engines.parity.failures.normalise", lambda *_: None)
    model.check_failures(Record({"nan in a valid point": "an exception"}), cases)
    assert [line.note for line in model.report.lines] == ["release: an exception; here: no error"]


def test_weights_that_do_not_fit_are_a_miss_that_names_them(written, tmp_path):
    from safetensors.numpy import load_file, save_file

    shutil.copytree(written / "model", tmp_path / "set" / "model")
    path = tmp_path / "set" / "model" / "module_names" / "model.safetensors"
    tensors = load_file(path)
    del tensors["model.visual.merger.ln_q.weight"]
    save_file(tensors, path)
    report = parity.check(tmp_path / "set")
    (miss,) = [line for line in report.lines if not line.passed]
    assert "missing visual.merger.ln_q.weight" in miss.note


def test_a_quantity_that_no_check_knows_is_a_miss(tmp_path):
    np.savez(tmp_path / "pe_sinusoid.npz", coords=np.ones((3, 3), np.float32), surprise=np.ones(2))
    report = parity.check(tmp_path)
    assert [line.quantity for line in report.lines if not line.passed] == ["surprise"]


def test_nothing_to_check_a_missing_folder_and_a_full_one_are_refused(tmp_path, capsys):
    assert cli.main(["parity", str(tmp_path)]) == 1
    assert "found nothing to check" in capsys.readouterr().err
    assert cli.main(["parity", str(tmp_path / "nowhere")]) == 2
    assert "expected a folder of recorded numbers" in capsys.readouterr().err
    (tmp_path / "diary.txt").write_text("dear diary")
    assert cli.main(["parity", str(tmp_path), "--write"]) == 2
    assert "expected a new or empty folder" in capsys.readouterr().err


def test_a_miss_is_printed_and_ends_with_1(tmp_path, capsys):
    entry = [{"raw_wh": [641, 640], "resized_wh": [640, 639], "pointmap_hw": [639, 641]}]
    (tmp_path / "sizes.json").write_text(json.dumps(entry))
    assert cli.main(["parity", str(tmp_path), "--misses"]) == 1
    printed = capsys.readouterr().out
    assert "FAIL  sizes: pointmap_hw" in printed
    assert "expected [639, 641], got [639, 640]" in printed


def test_nan_inf_and_other_shapes_never_pass():
    assert largest([1.0, np.nan], [1.0, np.nan]) == 0
    assert largest([np.inf], [np.inf]) == 0
    assert largest([np.nan], [1.0]) == np.inf
    assert largest([1.0, 2.0], [1.0]) == np.inf
    assert largest([2.0], [1.0], relative=True) == 1
    report = ParityReport()
    assert not report.passed
    report.absolute("x", "a", 1.0, np.nan, 1e9)
    report.rms("x", "a", [1.0], [1.0, 2.0], 1e9)
    assert not any(line.passed for line in report.lines)


def test_many_passing_cases_are_one_line_with_the_worst_error_and_misses_keep_their_own():
    report = ParityReport()
    for error in (0.1, 0.3, 0.2, 0.1, 0.1, 2.0):
        report.absolute("x", f"case {error}", error, 0.0, 1.0)
    assert [(line.case, line.error) for line in merged(report.lines)] == [("5 cases", 0.3), ("case 2.0", 2.0)]
