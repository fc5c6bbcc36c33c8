"""`n3d eval`: a model measured on simulated scenes, on a set of questions, or on a public benchmark."""

from n3d_ros.commands.eval.command import add_eval

__all__ = ["add_eval"]
