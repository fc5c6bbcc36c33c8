"""`n3d data-demo`: the whole chain from scenes to a measured model, small, on this machine."""

from n3d_ros.commands.data_demo.command import add_data_demo

__all__ = ["add_data_demo"]
