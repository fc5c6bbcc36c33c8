"""The tools of `n3d mcp`, called by the protocol's own client against the real node with a fake pipeline."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading

import pytest
from fake_pipeline import FakePipeline
from graph import DEADLINE_S, MUG

pytest.importorskip("mcp")

from mcp import Client, StdioServerParameters

from n3d_ros.child_process import package_environment
from n3d_ros.client import N3DClient
from n3d_ros.commands.mcp import make_server, whole_characters

pytestmark = pytest.mark.ros

HELLO = {
    "jsonrpc": "2.0", "id": 0, "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"},
    },
}  # fmt: skip


@pytest.fixture
def call(make_robot):
    """Call one tool: its result."""
    robot = make_robot(FakePipeline([MUG]), memory__enabled=True, memory__camera_is_still=True)

    async def one(client, name, arguments):
        async with Client(make_server(client)) as planner:
            return await planner.call_tool(name, arguments)

    def calling(name, **arguments):
        with N3DClient(domain_id=robot.domain_id, timeout_s=20.0) as client:
            return asyncio.run(one(client, name, arguments))

    return calling


def test_a_planner_finds_objects(call):
    result = call("find_objects", words="the red mug")
    [box] = result.structured_content["boxes"]
    assert (box["label"], box["center"]) == ("red mug", pytest.approx(list(MUG.center)))
    camera = result.structured_content["intrinsics"]
    assert [camera[name] for name in ("fx", "cx", "width", "height")] == [60.0, 31.5, 64, 48]
    assert result.structured_content["valid_ratio"] == 0.75
    assert result.structured_content["is_overridden"] is False


def test_a_planner_finds_several_things_in_one_frame(call):
    result = call("find_objects", words=["the red mug", "florble"]).structured_content
    assert [(one["words"], one["code"]) for one in result["outcomes"]] == [
        ("the red mug", "OK"), ("florble", "BAD_INPUT"),
    ]  # fmt: skip
    assert [box["words"] for box in result["boxes"]] == ["the red mug"]


def test_a_list_without_names_is_an_error(call):
    result = call("find_objects", words=[])
    assert result.is_error and "expected at least one name" in result.content[0].text


@pytest.mark.parametrize(
    ("tool", "given", "said"),
    [
        ("find_objects", {"words": "red mug\0 behind the ball"}, "words: expected text, got the character"),
        ("find_objects", {"words": "red mug", "max_boxes": 2**32 + 1}, "max_boxes: expected 0 to"),
        ("answer_spatial_question", {"question": "How far\0?"}, "question: expected text, got the character"),
        ("recall_objects", {"words": "mug\0"}, "words: expected text, got the character"),
    ],
)
def test_what_no_message_can_hold_is_an_error_of_the_tool(tool, given, said, call):
    result = call(tool, **given)
    assert result.is_error and said in result.content[0].text


def test_a_planner_asks_questions(call):
    result = call("answer_spatial_question", question="How far is the mug?")
    assert (result.structured_content["value"], result.structured_content["unit"]) == (1.25, "m")


def test_a_planner_recalls_objects(call):
    found = call("find_objects", words="the red mug")
    recalled = call("recall_objects", words="the mug").structured_content
    [box] = recalled["boxes"]
    assert (box["label"], box["center"], box["gone_ns"]) == ("red mug", pytest.approx(list(MUG.center)), None)
    assert box["last_seen_ns"] == found.structured_content["stamp_ns"]
    assert recalled["text"].startswith("The red mug was last seen ")


def test_a_refusal_to_recall_is_an_error_with_the_nodes_words(call):
    result = call("recall_objects", words=" ")
    assert result.is_error and "BAD_INPUT: words: expected a name" in result.content[0].text


def test_a_refusal_is_an_error_with_the_nodes_words(call):
    result = call("find_objects", words="florble")
    assert result.is_error and "BAD_INPUT" in result.content[0].text and "florble" in result.content[0].text


def test_an_interrupt_ends_the_command_although_its_standard_input_stays_open(empty_domain):
    environment = {**package_environment(), "ROS_DOMAIN_ID": str(empty_domain)}
    command = [sys.executable, "-m", "n3d_ros.cli", "mcp"]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        try:
            server.stdin.write(json.dumps(HELLO).encode() + b"\n")
            server.stdin.flush()
            assert b"serverInfo" in server.stdout.readline()
            server.send_signal(signal.SIGINT)
            assert server.wait(DEADLINE_S) == -signal.SIGINT
        finally:
            server.kill()


@pytest.mark.parametrize("out", ["/dev/full", ""])
def test_a_planner_that_reads_no_more_is_one_line_and_no_traceback(out, empty_domain):
    """out: where standard output goes; "" for a pipe without a reader."""
    environment = {**package_environment(), "ROS_DOMAIN_ID": str(empty_domain)}
    reader, writer = os.pipe()
    os.close(reader)
    with open(out or writer, "wb", closefd=bool(out)) as stdout:
        ran = subprocess.run(
            [sys.executable, "-m", "n3d_ros.cli", "mcp"],
            input=json.dumps(HELLO).encode() + b"\n", stdout=stdout, stderr=subprocess.PIPE, env=environment,
        )  # fmt: skip
    os.close(writer)
    said = "No space left on device" if out else "Broken pipe"
    assert ran.returncode in (1, 2)
    assert said in ran.stderr.decode() and ran.stderr.count(b"\n") == 1
    assert ran.stderr.startswith(b"n3d mcp: ")


def test_a_planner_talks_to_the_command_over_its_standard_input(make_robot):
    """As a planner starts it: nothing but the protocol may be on its standard output."""
    robot = make_robot(FakePipeline([MUG]))
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "n3d_ros.cli", "mcp", "--timeout-s", "20"],
        env={**package_environment(), "ROS_DOMAIN_ID": str(robot.domain_id)},
    )

    async def talk():
        async with Client(server) as planner:
            tools = [tool.name for tool in (await planner.list_tools()).tools]
            return tools, await planner.call_tool("find_objects", {"words": "the red mug"})

    tools, result = asyncio.run(talk())
    assert tools == ["find_objects", "answer_spatial_question", "recall_objects"]
    assert [box["label"] for box in result.structured_content["boxes"]] == ["red mug"]


@pytest.mark.parametrize(
    ("line", "whole"),
    [
        (rb'"a\ud83d"', rb'"a\ufffd"'),
        (rb'"\uDE00 a"', rb'"\ufffd a"'),
        (rb'"\ud83d\ud83d\ude00"', rb'"\ufffd\ud83d\ude00"'),
        (rb'"\\ud83d \n \\"', rb'"\\ud83d \n \\"'),
    ],
)
def test_halves_of_pairs_become_whole_characters(line, whole):
    assert whole_characters(line) == whole
    json.loads(whole_characters(line)).encode()


def test_a_request_with_half_a_character_is_answered(empty_domain):
    hello = {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"},
    }  # fmt: skip
    called = {"name": "find_objects", "arguments": {"words": "mug \ud83d"}}
    environment = {**package_environment(), "ROS_DOMAIN_ID": str(empty_domain)}
    command = [sys.executable, "-m", "n3d_ros.cli", "mcp", "--timeout-s", "0.1"]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        too_late = threading.Timer(DEADLINE_S, server.kill)
        too_late.start()
        try:
            for number, (method, given) in enumerate([("initialize", hello), ("tools/call", called)]):
                sent = {"jsonrpc": "2.0", "id": number, "method": method, "params": given}
                server.stdin.write(json.dumps(sent).encode() + b"\n")
                server.stdin.flush()
                answer = json.loads(server.stdout.readline())
                assert answer["id"] == number
                if number == 0:
                    server.stdin.write(b'{"jsonrpc": "2.0", "method": "notifications/initialized"}\n')
            assert answer["result"]["isError"] and "got no n3d node" in answer["result"]["content"][0]["text"]
            server.stdin.close()
            assert server.wait() == 0
        finally:
            too_late.cancel()
            server.kill()
