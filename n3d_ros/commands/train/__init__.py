"""`n3d train`: n3d-nano from nothing, or any model fine-tuned on a set of questions."""

from n3d_ros.commands.train.command import add_train

__all__ = ["add_train"]
