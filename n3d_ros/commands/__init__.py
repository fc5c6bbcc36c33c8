"""Subcommands of `n3d`, one file or one folder each.

`add_<name>(parser)` fills a parser and sets `run`, a function of the arguments that returns the exit code.
"""
