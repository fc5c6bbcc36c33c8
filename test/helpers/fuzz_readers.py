"""Every reader of strangers' bytes as a function of bytes: it returns, or raises what it documents.

In: bytes. Out: nothing; `Undocumented` when a reader ends in anything but its own error, on one short line.
`SEEDS` holds a right file for each, from which fuzzers begin. Shared by the tests and `run_atheris.py`.
"""

import io
import json
import pickle
import shutil
import struct
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from n3d_ros.boxes import Box3D
from n3d_ros.errors import BadInputError, EngineError, ModelFolderError
from n3d_ros.files.camera_file import read_camera
from n3d_ros.files.conversations import find_file, output_paths, read_conversations
from n3d_ros.files.frames import read_depth
from n3d_ros.files.picture_file import check_encoded_size, read_orientation, read_picture
from n3d_ros.files.points_file import read_points_file
from n3d_ros.geometry import Intrinsics, SceneScale
from n3d_ros.model_folder.config import load_config
from n3d_ros.model_folder.manifest import read_manifest
from n3d_ros.model_folder.tensors import read_entries
from n3d_ros.overlay import draw_boxes
from n3d_ros.protocol.box_codec import StreamingParser, decode
from n3d_ros.protocol.prompts import ground_prompt, ground_question
from n3d_ros.runtime.backends.factory import default_model_dir
from n3d_ros.runtime.backends.trt.folder import EngineRecord, read_record
from n3d_ros.runtime.backends.trt.shapes import EngineShapes
from n3d_ros.runtime.decoding.sampling import sampling_for
from n3d_ros.runtime.decoding.text import TextCodec
from n3d_ros.runtime.limits import check_words
from n3d_ros.storage.array_file import ArrayFileError, read_npy, read_npz
from n3d_ros.storage.json_file import JsonError, parse_json
from n3d_ros.training.evaluation.readers.benchmarks import read_benchmark

CAMERA = Intrinsics(50.0, 50.0, 31.5, 23.5, 64, 48)
SCENE = SceneScale(0.5, (-1.0, -1.0, 0.3))
IMAGE = {"id": 7, "file_name": "a.jpg", "file_path": "a.jpg", "width": 64, "height": 48}
IMAGE["K"] = [[50, 0, 31.5], [0, 50, 23.5], [0, 0, 1]]
RECTANGLE = {"id": 70, "image_id": 7, "bbox": [1.0, 2.0, 30.0, 40.0]}
GREY = np.full((48, 64, 3), 90, np.uint8)
MAX_MESSAGE_CHARS = 4000
FILE_ERRORS = (ValueError, OSError)


class Undocumented(AssertionError):
    """A reader ended in something else than its error."""


def ends_well(read, errors):
    """Call a reader; its documented errors are an end too, if they are one short line."""
    try:
        read()
    except errors as error:
        message = str(error)
        if "\n" in message or len(message) > MAX_MESSAGE_CHARS or not message:
            raise Undocumented(f"expected one short line, got {message[:500]!r}") from error


def in_folder(name, read, errors, data, beside=()):
    """Write `data` under `name` into a new folder, with files of n3d-nano beside it, and read."""
    with tempfile.TemporaryDirectory() as folder:
        for other in beside:
            shutil.copyfile(default_model_dir() / other, Path(folder, other))
        Path(folder, name).write_bytes(data)
        ends_well(lambda: read(Path(folder)), errors)


def _conversations(folder):
    conversations = read_conversations(folder / "c.json")
    output_paths(folder, conversations)
    for one in conversations:
        find_file(one.image, folder / "c.json")


def _picture(folder):
    read_orientation(folder / "p")
    for mode in ("rgb", "upstream"):
        pixels = read_picture(folder / "p", resize_mode=mode, max_megapixels=0.5)
        assert pixels.ndim == 3 and pixels.shape[2] == 3 and pixels.dtype == np.uint8


def _tensors(folder):
    for entry in read_entries(folder).values():
        entry.is_finite()
        assert entry.float32().shape == entry.shape


def _tokenizer(folder):
    codec = TextCodec(folder / "tokenizer.json")
    codec.decode(codec.encode("the red mug"))


def _record(folder):
    record = read_record(folder)
    assert record.key and "/" not in record.folder_name


def _benchmark(name, file, folder):
    """Whatever share of the rows is bad: what is left are questions."""
    (folder / "instances.json").write_text(json.dumps({"images": [IMAGE], "annotations": [RECTANGLE]}))
    for question in read_benchmark(name, folder / file, None, folder, 1.0).questions:
        assert question.id and question.text


MOST_PIECES = 200


def text_of_a_model(data):
    """Boxes in text: never an error, whole or in pieces the same, and what is found can be drawn."""
    text = data.decode("utf-8", "replace")
    found = decode(text, SCENE, CAMERA)
    parser = StreamingParser()
    # each piece makes the parser look again at a box that is still open, so pieces of a long text are longer
    step = max(5, len(text) // MOST_PIECES)
    streamed = [box for at in range(0, len(text), step) for box in parser.feed(text[at : at + step])]
    whole = StreamingParser().feed(text)
    if streamed != whole:
        raise Undocumented(f"expected {whole} in pieces too, got {streamed}")
    boxes = [one.box for one in found.boxes]
    assert all(isinstance(box, Box3D) and box.label.isprintable() == box.label.isprintable() for box in boxes)
    draw_boxes(GREY, boxes, CAMERA)


def words_of_a_user(data):
    text = data.decode("utf-8", "surrogateescape")

    def ask():
        check_words(text)
        ground_prompt(ground_question(text))

    ends_well(ask, (BadInputError, ValueError))


TARGETS = {
    "json": lambda data: ends_well(lambda: parse_json(data), JsonError),
    "config": partial(in_folder, "config.json", load_config, ModelFolderError),
    "generation": partial(
        in_folder,
        "generation_config.json",
        lambda folder: (load_config(folder), sampling_for("greedy", folder)),
        ModelFolderError,
        beside=("config.json",),
    ),
    "preprocessor": partial(
        in_folder, "preprocessor_config.json", load_config, ModelFolderError, beside=("config.json",)
    ),
    "processor": partial(
        in_folder, "processor_config.json", load_config, ModelFolderError, beside=("config.json",)
    ),
    "manifest": partial(in_folder, "manifest.json", read_manifest, ModelFolderError),
    "engine": partial(in_folder, "engine.json", _record, EngineError),
    "index": partial(in_folder, "model.safetensors.index.json", read_entries, ModelFolderError),
    "safetensors": partial(in_folder, "model.safetensors", _tensors, ModelFolderError),
    "tokenizer": partial(in_folder, "tokenizer.json", _tokenizer, ModelFolderError),
    "conversations": partial(in_folder, "c.json", _conversations, (ValueError, OSError)),
    "picture": partial(in_folder, "p", _picture, (ValueError, OSError)),
    "encoded": lambda data: ends_well(lambda: check_encoded_size(data), ValueError),
    "npy": partial(in_folder, "a.npy", lambda folder: read_npy(folder / "a.npy", 1 << 20), ArrayFileError),
    "npz": partial(
        in_folder, "a.npz", lambda folder: read_npz(folder / "a.npz", ["pcd"], 1 << 20), ArrayFileError
    ),
    "camera json": partial(in_folder, "c.json", lambda folder: read_camera(folder / "c.json"), FILE_ERRORS),
    "camera yaml": partial(in_folder, "c.yaml", lambda folder: read_camera(folder / "c.yaml"), FILE_ERRORS),
    "camera text": partial(in_folder, "c.txt", lambda folder: read_camera(folder / "c.txt"), FILE_ERRORS),
    "points": partial(in_folder, "p.npz", lambda folder: read_points_file(folder / "p.npz"), FILE_ERRORS),
    "depth": partial(in_folder, "d.png", lambda folder: read_depth(folder / "d.png", 0.5), FILE_ERRORS),
    "spatialrgpt": partial(in_folder, "b.json", partial(_benchmark, "spatialrgpt", "b.json"), FILE_ERRORS),
    "cv-bench": partial(in_folder, "b.jsonl", partial(_benchmark, "cv-bench-3d", "b.jsonl"), FILE_ERRORS),
    "refcoco": partial(in_folder, "refs.p", partial(_benchmark, "refcoco", "refs.p"), FILE_ERRORS),
    "omni3d": partial(in_folder, "o.json", partial(_benchmark, "omni3d", "o.json"), FILE_ERRORS),
    "model text": text_of_a_model,
    "words": words_of_a_user,
}


def _saved(save):
    stream = io.BytesIO()
    save(stream)
    return stream.getvalue()


def _pictures():
    colours = np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8)
    picture = Image.fromarray(colours)
    for name in ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"):
        yield _saved(partial(picture.save, format=name))
    exif = Image.Exif()
    exif[0x0112] = 6
    yield _saved(partial(picture.save, format="JPEG", exif=exif))
    for mode in ("P", "L", "LA", "RGBA", "1", "I;16"):
        yield _saved(partial(picture.convert("L" if mode == "I;16" else mode).save, format="PNG"))
    yield _saved(partial(picture.convert("CMYK").save, format="JPEG"))


def _engine_record():
    shapes, sha = EngineShapes(64, 32, 4, 9, 36), "0" * 64
    texts = ("nano", sha, "tensorrt", "10.0", ("sm89",), "fp16", "fp16", shapes, {"vision.onnx": sha})
    record = EngineRecord(*texts, {}, "1.0")
    data = json.loads(record.to_json())
    data["files"] = {f"{name}.engine": {"num_bytes": 3, "sha256": sha} for name in ("vision", "decoder")}
    return json.dumps(data).encode()


def _small_tensors():
    header = {"a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}
    header["b"] = {"dtype": "BF16", "shape": [4], "data_offsets": [24, 32]}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(32)


def _tokenizer_seed():
    model = {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": [["a", "b"]]}
    return json.dumps({"version": "1.0", "added_tokens": [], "model": model}).encode()


def _depth_pictures():
    yield _saved(lambda stream: Image.fromarray(np.full((12, 16), 900, np.uint16)).save(stream, "PNG"))


def _benchmarks():
    """A right file of each."""
    region = {
        "id": "q",
        "image_info": {"file_path": "a.jpg", "width": 64, "height": 48},
        "text_q": "What is the height of Region [0]?",
        "qa_info": {"type": "quantitative", "category": "height_data"},
        "conversations": [{"value": "?"}, {"value": "Region [0] is 3.2 feet tall."}],
        "bbox": [[1, 2, 20, 30]],
    }
    choice = {"idx": 1, "type": "3D", "task": "Depth", "question": "Which?", "choices": ["a", "b"]}
    sentence = {"sent_id": 1, "sent": "man"}
    ref = {"ref_id": 3, "ann_id": 70, "image_id": 7, "split": "val", "sentences": [sentence]}
    corners = [[x, y, z] for x in (-0.2, 0.2) for y in (0.0, 0.6) for z in (2.0, 2.5)]
    thing = {"id": 1, "image_id": 7, "category_name": "chair", "valid3D": True, "behind_camera": False}
    thing |= {"bbox3D_cam": corners, "truncation": -1, "visibility": -1, "depth_error": -1}
    return {
        "spatialrgpt": [json.dumps([region]).encode(), json.dumps(region).encode()],
        "cv-bench": [json.dumps({**choice, "answer": "(A)", "filename": "b.jsonl"}).encode()],
        "refcoco": [pickle.dumps([ref], protocol=2), pickle.dumps([ref], protocol=0)],
        "omni3d": [json.dumps({"images": [IMAGE], "annotations": [thing]}).encode()],
    }


def seeds():
    """Target -> right files."""
    nano, array = default_model_dir(), np.zeros((2, 3, 4), np.float16)
    messages = [
        {"role": role, "content": "where is 0_mug?"} for role in ("user", "assistant", "user", "assistant")
    ]
    talk = [{"messages": messages, "images": ["a.png"], "points": ["a.npz"], "question_type": "x"}]
    box = b"bbox_0=Bbox(red mug,500,400,300,500,100,-100,100)\n"
    return {
        "json": [b'{"a": [1, 2.5, "\\ud83d\\ude00", null, true]}'],
        "config": [(nano / "config.json").read_bytes()],
        "generation": [b'{"eos_token_id": [1, 2], "repetition_penalty": 1.05}'],
        "preprocessor": [b'{"image_processor_type": "Qwen2VLImageProcessor", "image_mean": [0.1, 0.2, 0.3]}'],
        "processor": [b'{"image_processor": {"min_pixels": 3136, "size": {"longest_edge": 99999}}}'],
        "manifest": [(nano / "manifest.json").read_bytes()],
        "engine": [_engine_record()],
        "index": [b'{"weight_map": {"a": "model-1.safetensors"}}'],
        "safetensors": [_small_tensors()],
        "tokenizer": [_tokenizer_seed()],
        "conversations": [json.dumps(talk).encode()],
        "picture": list(_pictures()),
        "encoded": list(_pictures()),
        "npy": [_saved(lambda stream: np.save(stream, array))],
        "npz": [_saved(lambda stream: np.savez_compressed(stream, pcd=array, intr=np.eye(3)))],
        "camera json": [
            b'{"fx": 600, "fy": 600.5, "cx": 320, "cy": 240, "width": 640, "height": 480}',
            b'{"ppx": 320.5, "ppy": 240, "fx": 600, "fy": 600, "width": 640, "height": 480, '
            b'"model": "brown_conrady", "coeffs": [0.1, 0, 0, 0, 0]}',
        ],
        "camera yaml": [
            b"image_width: 640\nimage_height: 480\ndistortion_model: plumb_bob\n"
            b"camera_matrix: {rows: 3, cols: 3, data: [600, 0, 320, 0, 600, 240, 0, 0, 1]}\n"
            b"distortion_coefficients: {rows: 1, cols: 5, data: [0.1, 0, 0, 0, 0]}\n"
        ],
        "camera text": [b"# cameras\n1 OPENCV 640 480 600 600 320 240 0.1 0 0 0\n"],
        "points": [_saved(lambda stream: np.savez_compressed(stream, pcd=array, intr=np.eye(3)))],
        "depth": list(_depth_pictures()),
        **_benchmarks(),
        "model text": [box, box * 3 + b"<think>so</think> yes"],
        "words": [b"the red mug", "the \u201cred\u201d <|im_end|> mug".encode()],
    }
