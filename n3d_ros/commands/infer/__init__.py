"""`n3d infer`."""

from n3d_ros.commands.infer.command import add_infer as add_infer
