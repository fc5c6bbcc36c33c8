"""`n3d demo`. Its camera's process begins in this package, and imports nothing before it hears signals."""

import argparse


def add_demo(parser: argparse.ArgumentParser) -> None:
    """Options of `n3d demo`."""
    from n3d_ros.commands.demo.command import add_demo as add

    add(parser)
