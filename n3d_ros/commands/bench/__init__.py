"""`n3d bench`, `n3d bench host` and `n3d bench data`."""

from n3d_ros.commands.bench.command import add_bench as add_bench
