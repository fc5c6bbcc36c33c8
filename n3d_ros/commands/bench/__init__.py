"""`n3d bench` and `n3d bench host`."""

from n3d_ros.commands.bench.command import add_bench as add_bench
