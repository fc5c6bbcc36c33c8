"""`n3d train`: n3d-nano from nothing, on simulated scenes."""

from n3d_ros.commands.train.nano import add_train

__all__ = ["add_train"]
