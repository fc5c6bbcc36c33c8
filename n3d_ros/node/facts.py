"""What a loaded engine is, for ~/get_info.

In: the pipeline. Out: strings from its backend and its folder's manifest.
"""

from __future__ import annotations

from typing import Any

from n3d_ros.model_folder.manifest import FILE_NAME, read_manifest


def describe(engine: Any) -> dict[str, str]:
    """model, model_path, backend, precision; no precision without a manifest."""
    folder = engine.backend.tokenizer_path.parent
    facts = {"model": folder.name, "model_path": str(folder), "backend": engine.backend.name}
    if (folder / FILE_NAME).is_file():
        manifest = read_manifest(folder)
        facts["model"] = f"{manifest.name} {manifest.model_sha256[:12]}"
        facts["precision"] = f"weights {manifest.weights_dtype}, computing {manifest.compute_dtype}"
    return facts
