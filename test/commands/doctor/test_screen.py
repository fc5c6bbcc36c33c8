"""What the screen and programs get of findings."""

import json
import subprocess

import pytest

from n3d_ros import cli
from n3d_ros.commands.doctor import look
from n3d_ros.commands.doctor.checks.command import LAUNCH
from n3d_ros.commands.doctor.finding import FRAME, GRAPH, Finding, fine
from n3d_ros.commands.doctor.look.machine import look_at_machine, look_at_model
from n3d_ros.commands.doctor.screen import as_json, as_text
from n3d_ros.commands.doctor.seen import PackageSeen
from n3d_ros.node.plain.inputs.state import Level
from n3d_ros.runtime.backends.factory import default_model_dir

WRONG = Finding(FRAME, "depth", Level.ERROR, "in\x1b[31mches", "nobody knows", "do it")


def test_each_finding_is_a_line_and_what_is_wrong_has_why_and_mend():
    assert as_text([WRONG, fine(GRAPH, "node", "/n3d")], is_coloured=False).splitlines() == [
        "graph",
        "  ok     node          /n3d",
        "",
        "frame",
        "  WRONG  depth         in [31mches",
        "                       why:  nobody knows",
        "                       mend: do it",
        "",
        "1 wrong, 0 to look at.",
    ]


def test_a_long_line_is_wrapped_within_the_screen():
    text = as_text([Finding(GRAPH, "node", Level.WARN, "word " * 60, "", "mend " * 60)], is_coloured=False)
    assert max(map(len, text.splitlines())) <= 110
    assert text.endswith("0 wrong, 1 to look at.")


def test_a_long_command_is_pasted_as_it_stands():
    topics = [f"{name}_topic:=/camera/camera/{name}/image_raw" for name in ("rgb", "info", "depth")]
    command = " ".join([LAUNCH, "namespace:=/robot1", *topics])
    mend = f"stop the node, then, with what else it was given: {command}"
    text = as_text([Finding(GRAPH, "node", Level.ERROR, "what", "", mend)], is_coloured=False)
    lines = text.splitlines()
    assert max(map(len, lines)) <= 110
    first = next(at for at, line in enumerate(lines) if line.strip().startswith(LAUNCH))
    assert lines[first - 1].endswith("given:")
    pasted = "\n".join(lines[first : lines.index("", first)])
    assert subprocess.check_output(["sh", "-c", f"echo {pasted}"], text=True) == f"{command}\n"


@pytest.mark.parametrize("num_words", range(12))
def test_a_short_command_is_never_cut(num_words):
    commands = ["ros2 lifecycle set /robot1/n3d deactivate", "ros2 lifecycle set /robot1/n3d cleanup"]
    mend = f"{'word ' * num_words}ros2 param set /n3d goal_timeout_s 120.0, or {' && '.join(commands)} (anew)"
    text = as_text([Finding(GRAPH, "node", Level.ERROR, "what", "", mend)], is_coloured=False)
    assert "ros2 param set /n3d goal_timeout_s 120.0," in text
    assert f"{commands[0]} && " in text.replace("&&\n", "&& ") and commands[1] in text


def test_only_a_terminal_gets_colours():
    assert "\x1b[31mWRONG\x1b[0m" in as_text([WRONG], is_coloured=True)
    assert as_text([fine(GRAPH, "node", "/n3d")], is_coloured=False).endswith("\nAll is right.")


def test_programs_get_every_finding():
    told = json.loads(as_json([WRONG]))
    assert told["is_right"] is False
    assert told["findings"][0]["level"] == "ERROR" and told["findings"][0]["mend"] == "do it"


def test_the_machine_alone_needs_no_graph(capsys):
    code = cli.main(["doctor", "--machine", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert {one["area"] for one in told["findings"]} == {"machine"}
    assert code == int(not told["is_right"])


def test_a_model_folder_that_is_not_there_is_exit_code_1(capsys, tmp_path):
    assert cli.main(["doctor", "--machine", "--model", str(tmp_path / "none")]) == 1
    assert "expected a model folder, found nothing" in " ".join(capsys.readouterr().out.split())


def test_without_ros_it_says_so_and_looks_at_the_machine(capsys, monkeypatch):
    there = look.machine.look_at_packages()
    absent = {**there, "rclpy": PackageSeen(error="No module named 'rclpy'")}
    monkeypatch.setattr("n3d_ros.commands.doctor.look_at_packages", lambda: absent)
    monkeypatch.delenv("ROS_DISTRO", raising=False)
    cli.main(["doctor"])
    out = capsys.readouterr().out
    assert "rclpy does not import: No module named 'rclpy'" in out and "the graph was not looked at" in out
    assert out.startswith("machine\n")


def test_seconds_that_are_none_are_refused(capsys):
    assert cli.main(["doctor", "--seconds", "0"]) == 2
    assert "--seconds: expected a positive number, got 0" in capsys.readouterr().err


def test_the_machine_is_read_from_proc(tmp_path):
    (tmp_path / "sys" / "net" / "core").mkdir(parents=True)
    (tmp_path / "sys" / "net" / "core" / "rmem_max").write_text("212992\n")
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:    2048 kB\n")
    seen = look_at_machine({}, None, {"ROS_DISTRO": "jazzy"}, proc=tmp_path)
    assert (seen.memory_bytes, seen.receive_buffer_bytes, seen.ros_distro) == (2 << 20, 212992, "jazzy")
    elsewhere = look_at_machine({}, None, {}, proc=tmp_path / "none")
    assert (elsewhere.memory_bytes, elsewhere.receive_buffer_bytes) == (None, None)


def test_a_model_folder_without_its_weights_is_named(tmp_path):
    manifest = default_model_dir() / "manifest.json"
    (tmp_path / "manifest.json").write_bytes(manifest.read_bytes())
    assert "expected the file" in look_at_model(str(tmp_path)).error


def test_a_checkpoint_without_manifest_is_for_torch(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    seen = look_at_model(str(tmp_path))
    assert (seen.error, seen.engine) == ("", "no manifest: torch alone runs this folder")


@pytest.mark.parametrize("kind", ["shipped", "damaged"])
def test_a_model_is_checked_file_by_file(kind, tmp_path, monkeypatch):
    monkeypatch.setenv("N3D_ENGINES", str(tmp_path / "engines"))
    if kind == "shipped":
        seen = look_at_model("")
        assert (seen.name, seen.error) == ("n3d-nano", "")
        assert seen.engine == f"no engine of it in {tmp_path / 'engines'}"
    else:
        (tmp_path / "manifest.json").write_text("{")
        assert "manifest.json" in look_at_model(str(tmp_path)).error
