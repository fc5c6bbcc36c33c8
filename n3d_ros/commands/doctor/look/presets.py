"""Which camera presets a graph has all topics of.

In: topics that are published. Out: names of `config/cameras/*.yaml`, as `camera:=` of the launch files takes
them, with their topics.
"""

from __future__ import annotations

from collections.abc import Collection

import yaml

from n3d_ros.recording.types import interface_folder


def complete_presets(published: Collection[str]) -> dict[str, tuple[str, ...]]:
    """By name; none where the package's files are not to be found."""
    try:
        folder = interface_folder().parent / "config" / "cameras"
    except FileNotFoundError:
        return {}
    presets = {
        path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))["topics"]
        for path in sorted(folder.glob("*.yaml"))
    }
    return {
        name: tuple(topics.values())
        for name, topics in presets.items()
        if set(topics.values()) <= set(published)
    }
