"""Folders to build engines of."""

from types import SimpleNamespace

import pytest

from n3d_ros.engines.export.folder import export
from n3d_ros.engines.quantize.folder import QuantizeConfig, quantize_folder
from n3d_ros.engines.synthetic.checkpoint import write_synthetic


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A small exported model and its 4-bit form."""
    root = tmp_path_factory.mktemp("build")
    export(write_synthetic(root / "m", "tiny"), root / "plain")
    quantize_folder(root / "m", root / "int4", QuantizeConfig("int4", compute="bf16"))
    return SimpleNamespace(plain=root / "plain", int4=root / "int4")
