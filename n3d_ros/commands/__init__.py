"""Subcommands of `n3d`, one file each.

`add_<name>(parser)` fills a parser and sets `run`, a function of the arguments that returns the exit code.
"""


class CommandFailed(Exception):
    """The input was good, the work could not be done: exit code 1. Bad input is a ValueError or OSError."""
