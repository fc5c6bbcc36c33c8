"""Write a model's tensors into one safetensors file of another type, one tensor at a time.

In: where the tensors lie and the wanted type. Out: a file with the tensors' own names, every tensor at a
multiple of 64 bytes from the start of the data. It does not know graphs.
"""

import json
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from n3d_ros.runtime.safetensors_file import TensorEntry
from n3d_ros.runtime.types import ModelFolderError

STORED = {"fp16": ("F16", np.float16), "fp32": ("F32", np.float32)}
ALIGNMENT = 64


def write_converted(weights: Mapping[str, TensorEntry], dtype: str, path: Path) -> None:
    """All `weights` as `dtype` ('fp16', 'fp32'). ModelFolderError where a value does not fit into fp16."""
    kind, numpy_type = STORED[dtype]
    size = np.dtype(numpy_type).itemsize
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for entry in weights.values():
        num_bytes = size * int(np.prod(entry.shape))
        header[entry.name] = {
            "dtype": kind,
            "shape": list(entry.shape),
            "data_offsets": [offset, offset + num_bytes],
        }
        offset += num_bytes
    with path.open("wb") as stream:
        text = json.dumps(header).encode()
        text += b" " * (-(8 + len(text)) % ALIGNMENT)
        stream.write(struct.pack("<Q", len(text)) + text)
        for entry in weights.values():
            stream.write(_converted(entry, numpy_type).tobytes())


def _converted(entry: TensorEntry, numpy_type: type) -> np.ndarray:
    values = entry.float32()
    with np.errstate(over="ignore"):
        converted = values.astype(numpy_type)
    if not np.isfinite(converted).all():
        raise ModelFolderError(
            f"{entry.name}: expected values that fit {numpy_type.__name__}, got up to {np.abs(values).max()}"
        )
    return converted
