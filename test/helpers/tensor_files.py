"""safetensors files, written by hand so that tests can write wrong ones."""

import json
import struct

import numpy as np

# numpy's type -> safetensors' name; bfloat16 goes as the bits that numpy can hold.
NAMES = {"float32": "F32", "float16": "F16", "int8": "I8", "uint8": "U8", "uint16": "BF16"}


def write_raw(path, header, data=b""):
    """A file of this header (an object, or bytes as they are) and these bytes."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def line(dtype, shape, begin, end):
    """What a header says of one tensor."""
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


def write_tensors(path, tensors):
    """A right file of arrays by name."""
    header, data = {}, b""
    for name, array in tensors.items():
        array = np.asarray(array)
        start = len(data)
        data += array.tobytes()
        header[name] = line(NAMES[array.dtype.name], array.shape, start, len(data))
    return write_raw(path, header, data)


def read_tensors(path):
    """Arrays by name of a file as `write_tensors` or torch writes it."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    kinds = {short: np.dtype(name) for name, short in NAMES.items()}
    found = {}
    for name, info in header.items():
        if name != "__metadata__":
            begin, end = (8 + length + offset for offset in info["data_offsets"])
            found[name] = np.frombuffer(content[begin:end], kinds[info["dtype"]]).reshape(info["shape"])
    return found


def change_tensors(folder, change):
    """Rewrite the folder's model.safetensors with what `change(tensors)` leaves."""
    path = folder / "model.safetensors"
    tensors = dict(read_tensors(path))
    change(tensors)
    path.unlink()  # it may be a link to somebody else's
    return write_tensors(path, tensors)


def head_repeats_embedding(folder):
    """Give the output layer of a tied model the embedding's numbers, as training saves it."""

    def tie(tensors):
        (embedding,) = (name for name in tensors if name.endswith("embed_tokens.weight"))
        tensors["lm_head.weight"] = tensors[embedding]

    return change_tensors(folder, tie)
