"""Models that lmms-eval gets from here: by LMMS_EVAL_PLUGINS, or by an installed package's entry point."""

from __future__ import annotations

from typing import Any

# Name -> class in the module of that name.
AVAILABLE_MODELS = {"n3d": "N3D"}


def manifests() -> list[Any]:
    """What the entry-point group `lmms_eval.models` wants."""
    from lmms_eval.models.registry_v2 import ModelManifest

    return [
        ModelManifest(model_id=name, simple_class_path=f"{__name__}.{name}.{kind}")
        for name, kind in AVAILABLE_MODELS.items()
    ]
