"""`n3d demo`."""

from n3d_ros.commands.demo.command import add_demo as add_demo
