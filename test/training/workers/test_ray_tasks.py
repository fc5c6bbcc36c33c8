"""Lifting on a Ray cluster of two nodes on this machine: the same bytes, dying workers, errors told."""

import os
import signal
import subprocess
import sys

import pytest
from lift_sets import tiny_set

from n3d_ros.child_process import package_environment
from n3d_ros.cli import main
from n3d_ros.errors import CommandFailed
from n3d_ros.training.lift.run import begin, lift_shard, lift_shards
from n3d_ros.training.workers.ray_tasks import on_ray

ray = pytest.importorskip("ray", reason="ray is not installed (pip install -r requirements/ray.txt)")
from ray.cluster_utils import Cluster  # noqa: E402 (needs ray)

pytestmark = pytest.mark.slow
NODE = {"num_cpus": 1, "object_store_memory": 80 * 1024 * 1024, "include_dashboard": False}


@pytest.fixture(scope="module")
def address():
    """A cluster of two nodes, whose Python imports this package."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", package_environment()["PYTHONPATH"])
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_worker_niceness", "0")  # else these tests wait behind all other programs
        cluster = Cluster(initialize_head=True, head_node_args=NODE)
        cluster.add_node(**NODE)
        try:
            yield cluster.address
        finally:
            cluster.shutdown()


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


def test_a_running_cluster_makes_the_same_files_as_one_process(six, tmp_path, address, monkeypatch):
    assert main(command(six, tmp_path / "one")) == 0
    assert main(command(six, tmp_path / "option", "--engine", "ray", "--ray-address", address)) == 0
    monkeypatch.setenv("RAY_ADDRESS", address)
    monkeypatch.delenv("RAY_USAGE_STATS_ENABLED", raising=False)
    assert main(command(six, tmp_path / "variable", "--engine", "ray")) == 0
    assert files(tmp_path / "one") == files(tmp_path / "option") == files(tmp_path / "variable")
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


def test_without_a_cluster_one_is_started_here_and_ends_with_the_work(six, tmp_path):
    """In a process of its own, as for everybody: this one already belongs to a cluster."""
    assert main(command(six, tmp_path / "one")) == 0
    arguments = command(six, tmp_path / "two", "--engine", "ray", "--workers", "2")
    environment = {name: value for name, value in package_environment().items() if name != "RAY_ADDRESS"}
    subprocess.run([sys.executable, "-m", "n3d_ros.cli", *arguments], env=environment, check=True)
    assert files(tmp_path / "one") == files(tmp_path / "two")


def test_both_nodes_work(address):
    def node(_number):
        return ray.get_runtime_context().get_node_id()

    assert len(set(on_ray(node, range(12), address=address))) == 2


def test_a_killed_worker_loses_nothing_but_its_shard(six, tmp_path, address):
    """The shard lies there and its entry does not, when the worker is killed: another one makes it again."""
    job, marker = six.job(tmp_path / "out", shard_size=2), tmp_path / "killed"

    def make(number):
        from n3d_ros.training.lift import shards

        if number == 1 and not marker.exists():
            marker.touch()
            shards.checksum = lambda path: os.kill(os.getpid(), signal.SIGKILL)
        return lift_shard(job, number)

    begin(job)
    made = list(on_ray(make, range(job.num_shards), address=address))
    assert marker.exists() and sorted(done.entry.number for done in made) == [0, 1, 2]
    whole = six.job(tmp_path / "whole", shard_size=2)
    begin(whole)
    list(lift_shards(whole, range(whole.num_shards)))
    assert files(job.out) == files(whole.out)


def test_a_shard_that_kills_every_worker_ends_the_run(address):
    def deadly(number):
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(CommandFailed, match="expected workers that live"):
        list(on_ray(deadly, [1], address=address))


def test_an_error_in_a_worker_is_told_as_in_one_process(address):
    def failing(number):
        raise ValueError(f"picture: expected a camera, got {number}")

    with pytest.raises(ValueError, match="^picture: expected a camera, got 7$"):
        list(on_ray(failing, [7], address=address))


def test_relative_paths_are_those_of_the_process_that_began(address, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert list(on_ray(lambda number: os.path.realpath("."), [1], address=address)) == [str(tmp_path)]


def test_no_cluster_at_an_address_is_said(six, tmp_path, capsys):
    assert main(command(six, tmp_path / "out", "--engine", "ray", "--ray-address", "127.0.0.1:1")) == 1
    assert "expected a Ray cluster at 127.0.0.1:1" in capsys.readouterr().err


def test_an_address_without_ray_and_no_workers_are_refused(six, tmp_path, capsys):
    assert main(command(six, tmp_path / "out", "--ray-address", "somewhere:1")) == 2
    assert "--ray-address: expected with --engine ray only" in capsys.readouterr().err
    assert main(command(six, tmp_path / "out", "--engine", "ray", "--workers", "0")) == 2
    assert "workers: expected at least 1, got 0" in capsys.readouterr().err
