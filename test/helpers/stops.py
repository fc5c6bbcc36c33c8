"""A command in a process that is killed after some processor time, or may write no large file.

The processes are forked from one that has imported everything, so that many cost little. They are forked in a
new interpreter, which has no threads yet.

Run as a program: `python stops.py LIMITS ARGUMENTS`, both JSON lists; prints what became of each process.
"""

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

from n3d_ros.child_process import package_environment

KILLED = -int(signal.SIGPROF)


def run_limited(arguments, limits):
    """`n3d arguments` once for each limit, one after another: exit codes, KILLED where the time was up.

    limits: {"cpu_s": processor time} kills the process, as abruptly as `kill -9`; {"file_bytes": size} lets
    writing beyond it fail half-way, as on a full disk.
    """
    command = [sys.executable, str(Path(__file__)), json.dumps(limits), json.dumps(arguments)]
    ran = subprocess.run(command, env=package_environment(), capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])


def _limited(main, arguments, limit):
    """In a child. A timer's signal that nobody handles ends it on the spot, and nothing is cleaned up."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.dup2(2, 1)  # what it prints is not the answer
    if "file_bytes" in limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit["file_bytes"],) * 2)
    if "cpu_s" in limit:
        signal.setitimer(signal.ITIMER_PROF, limit["cpu_s"])
    os._exit(main(arguments))


if __name__ == "__main__":
    import pyarrow.parquet  # noqa: F401 (so that no child has to)

    from n3d_ros.cli import main
    from n3d_ros.commands import lift, render  # noqa: F401
    from n3d_ros.training.exports import run  # noqa: F401
    from n3d_ros.training.lift import shards  # noqa: F401
    from n3d_ros.training.lift.report import page  # noqa: F401

    print(json.dumps([_limited(main, json.loads(sys.argv[2]), one) for one in json.loads(sys.argv[1])]))
