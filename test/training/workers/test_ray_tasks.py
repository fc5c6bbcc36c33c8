"""Lifting on a Ray cluster of two nodes on this machine: the same bytes, dying workers, errors told.

Cluster and driver are processes of their own, as for everybody: what breaks in Ray's C++ ends a test and not
all of them.
"""

import json
import pickle
import subprocess
import sys

import pytest
from lift_sets import tiny_set

from n3d_ros.child_process import package_environment
from n3d_ros.cli import main
from n3d_ros.training.lift.run import begin, lift_shards

pytest.importorskip("ray", reason="ray is not installed (pip install -r requirements/ray.txt)")

pytestmark = pytest.mark.slow
NODE = {"num_cpus": 1, "object_store_memory": 80 * 1024 * 1024, "include_dashboard": False}
CLUSTER = """
import json, sys
from ray.cluster_utils import Cluster

node = json.loads(sys.argv[1])
cluster = Cluster(initialize_head=True, head_node_args=node)
cluster.add_node(**node)
print(cluster.address, flush=True)
sys.stdin.read()
cluster.shutdown()
"""
DRIVER = """
import os, pickle, signal, sys
from pathlib import Path
from n3d_ros.training.workers.ray_tasks import on_ray

address = sys.argv[1]
"""


@pytest.fixture(scope="module")
def address():
    """A cluster of two nodes, whose Python imports this package."""
    # the niceness: else these tests wait behind all other programs
    own = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}
    cluster = subprocess.Popen(
        [sys.executable, "-c", CLUSTER, json.dumps(NODE)],
        env=package_environment() | own,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield cluster.stdout.readline().strip()
    finally:
        cluster.communicate()
    assert cluster.returncode == 0


def driver(script, address, *arguments, cwd=None, **variables):
    """What the script printed, and the last line of its errors."""
    ran = subprocess.run(
        [sys.executable, "-c", DRIVER + script, address, *map(str, arguments)],
        env=package_environment() | variables, cwd=cwd, capture_output=True, text=True,
    )  # fmt: skip
    return ran.stdout.strip(), (ran.stderr.splitlines() or [""])[-1] if ran.returncode else ""


def lift(arguments, **variables):
    """`n3d lift`, in a process of its own."""
    environment = {name: value for name, value in package_environment().items() if name != "RAY_ADDRESS"}
    subprocess.run([sys.executable, "-m", "n3d_ros.cli", *arguments], env=environment | variables, check=True)


@pytest.fixture
def six(tmp_path):
    """Six pictures, each with one annotation."""
    return tiny_set(tmp_path / "set", num_pictures=6)


def command(made, out, *options):
    return ["lift", str(made.write()), "--out", str(out), "--shard-size", "2", *options]


def files(out):
    """Shards, ledger, manifest and page, with what they hold; no half file beside them."""
    found = [path for path in out.rglob("*") if path.is_file() and path.parent.name != "index"]
    assert not [path for path in found if ".part" in path.name]
    return {path.name: path.read_bytes() for path in found}


def test_a_running_cluster_makes_the_same_files_as_one_process(six, tmp_path, address):
    assert main(command(six, tmp_path / "one")) == 0
    lift(command(six, tmp_path / "option", "--engine", "ray", "--ray-address", address))
    lift(command(six, tmp_path / "variable", "--engine", "ray"), RAY_ADDRESS=address)
    assert files(tmp_path / "one") == files(tmp_path / "option") == files(tmp_path / "variable")


def test_nothing_is_reported_unless_the_user_wants_it(address):
    script = """
list(on_ray(lambda number: number, [1], address=address))
print(os.environ["RAY_USAGE_STATS_ENABLED"])
"""
    assert driver(script, address) == ("0", "")
    assert driver(script, address, RAY_USAGE_STATS_ENABLED="1") == ("1", "")


def test_without_a_cluster_one_is_started_here_and_ends_with_the_work(six, tmp_path):
    assert main(command(six, tmp_path / "one")) == 0
    lift(command(six, tmp_path / "two", "--engine", "ray", "--workers", "2"))
    assert files(tmp_path / "one") == files(tmp_path / "two")


def test_both_nodes_work(address, tmp_path):
    """Each node has one processor, and a task ends when both were seen: one node alone would never end it."""
    script = """
seen = sys.argv[2]

def node(_number):
    import ray, time

    own, end = ray.get_runtime_context().get_node_id(), time.monotonic() + 100
    (Path(seen) / own).touch()
    while len(list(Path(seen).iterdir())) < 2 and time.monotonic() < end:
        time.sleep(0.05)
    return own

print(len(set(on_ray(node, range(4), address=address))))
"""
    assert driver(script, address, tmp_path) == ("2", "")


def test_a_killed_worker_loses_nothing_but_its_shard(six, tmp_path, address):
    """The shard lies there and its entry does not, when the worker is killed: another one makes it again."""
    job, marker, kept = six.job(tmp_path / "out", shard_size=2), tmp_path / "killed", tmp_path / "job"
    script = """
from n3d_ros.training.lift.run import lift_shard

job, marker = pickle.loads(Path(sys.argv[2]).read_bytes()), Path(sys.argv[3])

def make(number):
    from n3d_ros.training.lift import shards

    if number == 1 and not marker.exists():
        marker.touch()
        shards.checksum = lambda path: os.kill(os.getpid(), signal.SIGKILL)
    return lift_shard(job, number)

print(sorted(done.entry.number for done in on_ray(make, range(job.num_shards), address=address)))
"""
    begin(job)
    kept.write_bytes(pickle.dumps(job))
    assert driver(script, address, kept, marker) == ("[0, 1, 2]", "") and marker.exists()
    whole = six.job(tmp_path / "whole", shard_size=2)
    begin(whole)
    list(lift_shards(whole, range(whole.num_shards)))
    assert files(job.out) == files(whole.out)


def test_a_shard_that_kills_every_worker_ends_the_run(address):
    script = """
def deadly(number):
    os.kill(os.getpid(), signal.SIGKILL)

list(on_ray(deadly, [1], address=address))
"""
    _, error = driver(script, address)
    assert error.startswith("n3d_ros.errors.CommandFailed: expected workers that live")


def test_an_error_in_a_worker_is_told_as_in_one_process(address):
    script = """
def failing(number):
    raise ValueError(f"picture: expected a camera, got {number}")

try:
    list(on_ray(failing, [7], address=address))
except ValueError as error:
    print(type(error).__name__, error)
"""
    assert driver(script, address) == ("ValueError picture: expected a camera, got 7", "")


def test_relative_paths_are_those_of_the_process_that_began(address, tmp_path):
    script = 'print(*on_ray(lambda number: os.path.realpath("."), [1], address=address))'
    assert driver(script, address, cwd=tmp_path) == (str(tmp_path), "")


def test_no_cluster_at_an_address_is_said(six, tmp_path, capsys):
    assert main(command(six, tmp_path / "out", "--engine", "ray", "--ray-address", "127.0.0.1:1")) == 1
    assert "expected a Ray cluster at 127.0.0.1:1" in capsys.readouterr().err


def test_an_address_without_ray_and_no_workers_are_refused(six, tmp_path, capsys):
    assert main(command(six, tmp_path / "out", "--ray-address", "somewhere:1")) == 2
    assert "--ray-address: expected with --engine ray only" in capsys.readouterr().err
    assert main(command(six, tmp_path / "out", "--engine", "ray", "--workers", "0")) == 2
    assert "workers: expected at least 1, got 0" in capsys.readouterr().err
