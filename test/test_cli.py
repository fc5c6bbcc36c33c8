"""The command line: exit codes, one-line errors, what infer writes. A fake pipeline is the model."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from n3d_ros import cli
from n3d_ros.boxes import Box3D
from n3d_ros.cli import COMMANDS, Command, main
from n3d_ros.commands.infer import command as infer
from n3d_ros.errors import BadInputError, CommandFailed, N3DError, ResultCode
from n3d_ros.runtime.types import AskResult, GroundedObject, GroundResult, Timing

MUG = Box3D("red mug", (0.1, -0.05, 0.8), (0.08, 0.1, 0.08), yaw=0.25, score=0.9)
HIDDEN = Box3D("blue box", (0.0, 0.0, -1.0), (0.1, 0.1, 0.1))
TIMING = Timing(preprocess_ms=1.0, total_ms=20.0, num_tokens=5, num_forward_passes=6)
KEYS = [
    "objects",
    "answer",
    "reasoning",
    "value",
    "unit",
    "relation",
    "consistent",
    "is_computed",
    "code",
    "message",
    "raw_text",
    "token_ids",
    "timing_ms",
    "forward_passes",
    "depth_is_estimated",
    "valid_ratio",
    "intrinsics",
]
MAX_HELP_LINES = 40
ZERO_FOCAL_LENGTH = '{"fx": 0, "fy": 1, "cx": 1, "cy": 1, "width": 64, "height": 48}'


def found(code=ResultCode.OK, message=""):
    objects = (
        GroundedObject("0_red mug", MUG, (1.0, 2.0, 3.0, 4.0), "the red mug"),
        GroundedObject("1_blue box", HIDDEN, None, "the red mug"),
    )
    return GroundResult(objects, "bbox_0=...", (7, 8), (), code, message, TIMING, "the red mug", 1.0)


def answered():
    ground = found()
    computed = {"value": 0.5, "unit": "m", "relation": "distance", "consistent": True}
    written = {"answer": "Half a metre.", "reasoning": "Because.", "raw_text": "text", "token_ids": (9,)}
    ended = {"code": ResultCode.OK, "message": "", "timing": TIMING}
    return AskResult(**written, **computed, **ended, objects=ground.objects, ground=ground)


class FakePipeline:
    """Returns what it was made with, or raises it; remembers what it was asked."""

    def __init__(self, result):
        self.result, self.asked = result, []

    def ground(self, observation, words):
        self.asked.append((observation, words))
        if isinstance(self.result, Exception):
            raise self.result
        return self.result

    ask = ground


@pytest.fixture
def pipeline(monkeypatch):
    fake = FakePipeline(found())
    monkeypatch.setattr(infer, "load_pipeline", lambda *_: fake)
    return fake


@pytest.fixture
def files(tmp_path):
    """Arguments for a good frame and a model folder, by option."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "manifest.json").write_text("{}")
    Image.new("RGB", (64, 48), (90, 90, 90)).save(tmp_path / "p.png")
    np.save(tmp_path / "d.npy", np.ones((48, 64), np.float32))
    camera = {"fx": 60.0, "fy": 60.0, "cx": 31.5, "cy": 23.5, "width": 64, "height": 48}
    (tmp_path / "k.json").write_text(json.dumps(camera))
    names = {"model": "model", "image": "p.png", "depth": "d.npy", "intrinsics": "k.json"}
    return {option: str(tmp_path / name) for option, name in names.items()}


def run(files, *more):
    options = [part for option, value in files.items() for part in (f"--{option}", value)]
    return cli.main(["infer", *options, *more])


def test_ground_prints_a_table_and_writes_json_and_picture(pipeline, files, tmp_path, capsys):
    out, overlay = tmp_path / "new" / "out.json", tmp_path / "new" / "out.png"
    assert run(files, "--ground", "the red mug", "--json", str(out), "--overlay", str(overlay)) == 0
    result = json.loads(out.read_text())
    assert list(result) == KEYS
    assert result["objects"][0] == {
        "id": "0_red mug", "label": "red mug", "center_m": [0.1, -0.05, 0.8], "size_m": [0.08, 0.1, 0.08],
        "yaw_rad": 0.25, "score": 0.9, "box_2d_px": [1.0, 2.0, 3.0, 4.0],
    }  # fmt: skip
    assert result["objects"][1]["box_2d_px"] is None
    assert (result["token_ids"], result["raw_text"], result["forward_passes"]) == ([7, 8], "bbox_0=...", 6)
    assert (result["answer"], result["value"]) == ("", None)
    assert result["timing_ms"]["total"] == 20.0
    assert (np.asarray(Image.open(overlay)) != 90).any()
    head, mug, box = capsys.readouterr().out.splitlines()
    assert head.split() == ["object", "x", "y", "z", "w", "h", "d", "score", "(m,", "optical", "frame)"]
    assert mug.split() == ["0_red", "mug", "0.100", "-0.050", "0.800", "0.080", "0.100", "0.080", "0.90"]
    assert box.startswith("1_blue box")


def test_what_a_model_wrote_breaks_no_line_of_the_table(pipeline, files, capsys):
    thing = replace(found().objects[0], id="0_red\n\x1b[31mmug")
    pipeline.result = replace(found(), objects=(thing,), message="one\ntwo")
    assert run(files, "--ground", "mug") == 0
    head, mug, message = capsys.readouterr().out.splitlines()
    assert mug.startswith("0_red  [31mmug") and message == "one two"


def test_the_pipeline_gets_the_frame_and_the_words(pipeline, files):
    assert run(files, "--ground", "the red mug") == 0
    ((observation, words),) = pipeline.asked
    assert words == "the red mug"
    assert observation.rgb.shape == (48, 64, 3)
    assert observation.depth[0, 0] == 1.0
    assert observation.intrinsics.fx == 60.0


def test_depth_in_other_units_comes_with_its_scale(pipeline, files, tmp_path):
    np.save(tmp_path / "d.npy", np.full((48, 64), 7500, np.uint16))
    assert run(files, "--depth-scale", "0.0002", "--ground", "mug") == 0
    assert pipeline.asked[0][0].depth[0, 0] == np.float32(1.5)


def test_a_scale_without_depth_is_refused(pipeline, files, capsys):
    chosen = {"model": files["model"], "image": files["image"], "points": "p.npz"}
    assert run(chosen, "--depth-scale", "0.001", "--ground", "mug") == 2
    assert "--depth-scale: expected --depth" in capsys.readouterr().err


def test_ask_writes_answer_reasoning_value_and_unit(pipeline, files, capsys):
    pipeline.result = answered()
    assert run(files, "--ask", "How far?", "--json", "-") == 0
    result = json.loads(capsys.readouterr().out)
    assert list(result) == KEYS
    assert (result["answer"], result["reasoning"]) == ("Half a metre.", "Because.")
    assert (result["value"], result["unit"]) == (0.5, "m")
    assert (result["relation"], result["consistent"], result["is_computed"]) == ("distance", True, False)


@pytest.mark.parametrize("asks", [False, True])
def test_the_json_says_on_which_camera_and_how_much_depth_a_result_rests(pipeline, files, capsys, asks):
    ground = replace(found(), valid_ratio=0.75)
    pipeline.result = replace(answered(), ground=ground) if asks else ground
    assert run(files, "--ask" if asks else "--ground", "mug", "--json", "-") == 0
    result = json.loads(capsys.readouterr().out)
    assert result["valid_ratio"] == 0.75
    assert result["intrinsics"] == {"fx": 60.0, "fy": 60.0, "cx": 31.5, "cy": 23.5, "width": 64, "height": 48}


def test_a_point_map_takes_the_place_of_depth(pipeline, files, tmp_path):
    points = np.ones((48, 64, 4), np.float16)
    points[..., 0] = 0.5 - (np.arange(64) + 0.5) / 64
    points[..., 1] = 0.5 - (np.arange(48)[:, None] + 0.5) / 48
    np.savez(tmp_path / "p.npz", pcd=points, intr=np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]]))
    chosen = {"model": files["model"], "image": files["image"], "points": str(tmp_path / "p.npz")}
    assert run(chosen, "--ground", "mug") == 0
    assert pipeline.asked[0][0].point_map.shape == (48, 64, 3)


def bad(files, tmp_path, option, name, content):
    path = tmp_path / name
    if isinstance(content, np.ndarray):
        np.save(path, content)
    elif content is not None:
        path.write_text(content)
    return {**files, option: str(path)}


@pytest.mark.parametrize(
    ("option", "name", "content", "message"),
    [
        ("image", "none.png", None, "expected a file, got .*none.png' .does not exist"),
        ("image", "text.png", "hello", "expected a PNG or JPEG, got .*text.png"),
        ("depth", "none.npy", None, "depth: expected a file"),
        ("depth", "text.npy", "hello", "expected a NumPy array"),
        ("depth", "small.npy", np.ones((10, 64), np.float32), "expected the picture's field of view"),
        ("intrinsics", "zero.json", ZERO_FOCAL_LENGTH, "fx must be positive, got 0"),
        ("intrinsics", "text.json", "hello", "expected JSON"),
        ("model", "none", None, "expected a folder with manifest.json or config.json, got .*none"),
    ],
)  # fmt: skip
def test_bad_files_end_with_code_2_and_one_line(
    pipeline, files, tmp_path, capsys, option, name, content, message
):
    assert run(bad(files, tmp_path, option, name, content), "--ground", "mug") == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert re.search(message, captured.err), captured.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "expected --ground, --ask or --conversation, got none"),
        (["--image", "p.png"], "expected --ground, --ask or --conversation, got none"),
        (["--ask", "How far?"], "expected --image, or --conversation; got neither"),
        (["--ground", "mug", "--output", "d"], "--output, --detect: expected --conversation"),
        (["--conversation", "c.json", "--ask", "x"], "--conversation: expected none of --ask"),
        (["--image", "p.png", "--ask", "x", "--estimate-depth", "moge-2"], "expected --depth-model"),
    ],
)
def test_arguments_that_do_not_go_together_end_with_code_2(capsys, arguments, message):
    assert cli.main(["infer", *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(("option", "words"), [("--ground", ""), ("--ask", "  ")])
def test_empty_words_end_with_code_2(pipeline, files, capsys, option, words):
    assert run(files, option, words) == 2
    assert f"{option}: expected words" in capsys.readouterr().err
    assert pipeline.asked == []


@pytest.mark.parametrize("given", [(), ("depth",), ("intrinsics",), ("depth", "intrinsics", "points")])
def test_depth_comes_with_intrinsics_or_as_points(pipeline, files, capsys, given):
    every = {**files, "points": "p.npz"}
    chosen = {name: every[name] for name in ("model", "image", *given)}
    assert run(chosen, "--ground", "mug") == 2
    assert "--depth with --intrinsics" in capsys.readouterr().err


@pytest.mark.parametrize(
    "outcome",
    [
        BadInputError("words: none of 'zzz' is known"),
        found(ResultCode.BAD_INPUT, "words: none of 'zzz' is known"),
        N3DError(ResultCode.NO_DEPTH, "words: none of 'zzz' is known"),
    ],
)
def test_what_the_user_can_mend_ends_with_code_2(pipeline, files, tmp_path, capsys, outcome):
    pipeline.result = outcome
    assert run(files, "--ground", "zzz", "--json", str(tmp_path / "out.json")) == 2
    assert "none of 'zzz' is known" in capsys.readouterr().err
    assert not (tmp_path / "out.json").exists()


def test_words_the_model_broke_on_end_with_code_1_and_are_written(pipeline, files, tmp_path, capsys):
    pipeline.result = found(ResultCode.PARSE, "1 broken box")
    assert run(files, "--ground", "mug", "--json", str(tmp_path / "out.json")) == 1
    assert "PARSE: 1 broken box" in capsys.readouterr().err
    assert json.loads((tmp_path / "out.json").read_text())["code"] == "PARSE"


def test_running_out_of_memory_ends_with_code_1(pipeline, files, capsys):
    pipeline.result = N3DError(ResultCode.OOM, "no room")
    assert run(files, "--ground", "mug") == 1
    assert "OOM: no room" in capsys.readouterr().err


def test_an_overlay_of_unknown_format_ends_with_code_2(pipeline, files, tmp_path, capsys):
    assert run(files, "--ground", "mug", "--overlay", str(tmp_path / "out.unknown")) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("command", [None, *cli.COMMANDS])
def test_help_fits_one_screen(capsys, command):
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--help"] if command else ["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert text.count("\n") <= MAX_HELP_LINES
    assert command is None or f"n3d {command}" in text


@pytest.mark.parametrize("arguments", [[], ["unknown"], ["infer", "--depth"]])
def test_wrong_arguments_end_with_code_2(arguments):
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (CommandFailed("it broke"), 1, "n3d infer: it broke"),
        (ImportError("No module named 'onnxruntime'", name="onnxruntime"), 1, "run `make venv`"),
        (KeyboardInterrupt(), 130, ""),
        (ImportError("initialization failed"), 1, "needs a package that does not import (initialization"),
        (FileNotFoundError(2, "No such file", "a.json"), 2, "got 'a.json' (does not exist)"),
        (FileExistsError(17, "File exists", "out"), 2, "expected a folder or nothing, got the file 'out'"),
        (PermissionError(13, "Permission denied", "out"), 2, "the permission to read or write 'out'"),
        (OSError(28, "No space left on device", "o.png"), 2, "n3d infer: 'o.png': No space left on device"),
        (FileNotFoundError("depth: expected a file"), 2, "n3d infer: depth: expected a file"),
    ],
)
def test_failures_become_exit_codes(monkeypatch, files, capsys, error, code, text):
    def fail(args):
        raise error

    monkeypatch.setattr(infer, "run_infer", fail)
    assert run(files, "--ground", "mug") == code
    assert text in capsys.readouterr().err


def test_an_interrupt_while_a_compiled_package_is_loaded_is_one(monkeypatch, files, capsys):
    def fail(args):
        raise ImportError("initialization failed") from KeyboardInterrupt()

    monkeypatch.setattr(infer, "run_infer", fail)
    assert run(files, "--ground", "mug") == 130
    assert capsys.readouterr().err == ""


def test_a_missing_module_of_our_own_is_a_defect_and_not_hidden(monkeypatch, files):
    def fail(args):
        raise ImportError("No module named 'n3d_ros.gone'", name="n3d_ros.gone")

    monkeypatch.setattr(infer, "run_infer", fail)
    with pytest.raises(ImportError, match="gone"):
        run(files, "--ground", "mug")


PRINTS = """
import sys
from types import ModuleType
from n3d_ros import cli

module = ModuleType("n3d_ros.commands.greet")
module.add_greet = lambda parser: parser.set_defaults(run=lambda _: print("hello") or 0)
sys.modules[module.__name__] = module
cli.COMMANDS["greet"] = cli.Command("say hello", "run `make venv`")
sys.exit(cli.main(["greet"]))
"""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_what_standard_output_does_not_take_is_one_line_and_code_1():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", PRINTS],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": ""},
        )
    (line,) = done.stderr.splitlines()
    assert line == "n3d greet: expected to write to standard output, got [Errno 28] No space left on device"
    assert done.returncode == 1


def test_a_reader_that_leaves_while_much_is_printed_is_one_line_and_code_1():
    reader, writer = os.pipe()
    os.close(reader)
    code = PRINTS.replace("hello", "hello " * 10_000)
    done = subprocess.run([sys.executable, "-c", code], stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert done.stderr == "n3d greet: expected to write to standard output, got [Errno 32] Broken pipe\n"
    assert done.returncode == 1


@pytest.mark.parametrize("stderr", ["2>&-", "2>/dev/full"])
def test_what_cannot_be_said_goes_not_to_standard_output_and_changes_no_code(stderr):
    code = PRINTS.replace('print("hello") or 0', "int('florble')")
    command = ["sh", "-c", f'exec "$0" -c "$1" {stderr}', sys.executable, code]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    assert (done.stdout, done.returncode) == ("", 2)


def test_a_name_that_is_no_text_is_printed_escaped():
    code = PRINTS.replace('"hello"', "'caf\\udce9 \u03b1'")
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment)
    assert (done.stdout, done.stderr, done.returncode) == (b"caf\\udce9 \\u03b1\n", b"", 0)


def test_a_folder_that_was_removed_is_named(monkeypatch, tmp_path, capsys):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    monkeypatch.setattr(infer, "run_infer", lambda _: Path("new").mkdir())
    assert cli.main(["infer"]) == 2
    said = "n3d infer: expected to run in a folder that is there, got one that was removed\n"
    assert capsys.readouterr().err == said


def test_help_whose_reader_has_left_says_nothing():
    reader, writer = os.pipe()
    os.close(reader)
    code = "import sys; from n3d_ros.cli import main; sys.exit(main(['infer', '--help']))"
    done = subprocess.run([sys.executable, "-c", code], stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("option", "name", "message"),
    [
        ("--json", "", "expected a file, got the folder '"),
        ("--overlay", "", "expected a file, got the folder '"),
        ("--json", "k.json/out.json", "expected folders on the way to '"),
        ("--overlay", "out", "--overlay: expected a name that ends in .png or .jpg, got "),
        ("--overlay", "out.xyz", "--overlay: expected a name that ends in .png or .jpg, got "),
    ],
)
def test_an_output_that_cannot_be_written_is_refused_before_the_model_is_asked(
    pipeline, files, tmp_path, capsys, option, name, message
):
    assert run(files, "--ground", "mug", option, str(tmp_path / name)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line and pipeline.asked == []


@pytest.mark.parametrize(("option", "name"), [("--json", "k.json"), ("--overlay", "./p.png")])
def test_an_output_that_is_an_input_is_refused(pipeline, files, tmp_path, capsys, option, name):
    before = (tmp_path / name).read_bytes()
    assert run(files, "--ground", "mug", option, str(tmp_path / name)) == 2
    assert f"{option}: expected a file of its own, got '" in capsys.readouterr().err
    assert (tmp_path / name).read_bytes() == before and pipeline.asked == []


def test_two_outputs_of_one_name_are_refused(pipeline, files, tmp_path, capsys):
    both = str(tmp_path / "out.png")
    assert run(files, "--ground", "mug", "--json", both, "--overlay", both) == 2
    assert "--overlay: expected a file of its own" in capsys.readouterr().err


def test_a_new_command_is_a_file_of_its_own_and_one_row(monkeypatch, capsys):
    module = ModuleType("n3d_ros.commands.greet")
    module.add_greet = lambda parser: parser.set_defaults(run=lambda _args: print("hello") or 0)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(COMMANDS, "greet", Command("say hello", "run `make venv`"))
    assert main(["greet"]) == 0
    assert capsys.readouterr().out == "hello\n"
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "say hello" in capsys.readouterr().out


HEAVY = ("torch", "transformers", "rclpy", "onnxruntime", "mujoco", "n3d_ros.training")


@pytest.mark.parametrize("command", ["infer", "play", "demo"])
def test_help_of_a_robot_command_loads_nothing_heavy(command):
    code = (
        "import sys; from n3d_ros.cli import build_parser; "
        f"build_parser({command!r}); print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_words_without_end_are_refused_before_a_model_loads(files, monkeypatch, capsys):
    monkeypatch.setattr(infer, "load_pipeline", None)  # what is not called needs not be there
    assert run(files, "--ground", "mug " * 1000) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert (
        "expected at most 2000 characters (--max-words, limits.max_words_chars of the node), got 'mug mug"
        in line
        and len(line) < 300
    )
    assert run(files, "--ask", "a\x1b[31m") == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_an_error_is_one_line_without_control_characters_whatever_it_quotes(monkeypatch, capsys):
    def raises(_):
        raise ValueError("expected a name\ngot '\x1b[31m" + "x" * 9999)

    monkeypatch.setattr(infer, "run_infer", raises)
    assert cli.main(["infer"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("n3d infer: expected a name got ' [31mxxx") and line.endswith("...")
    assert len(line) < 4100
