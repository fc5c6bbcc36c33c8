"""processor_config.json, where transformers 5 nests the picture processor's settings, and the older file."""

import json
from dataclasses import replace

import numpy as np
import pytest
from byte_backend import byte_tokenizer

from n3d_ros.errors import ModelFolderError
from n3d_ros.model_folder.picture_config import NESTED_NAME, PREPROCESSOR_NAME, read_picture_config
from n3d_ros.preprocess.pictures import RELEASE, PatchLayout, picture_rows

LIMITED = replace(RELEASE, min_pixels=3136, max_pixels=1003520)
PATCHES = (14, 2, 2)


def write(folder, nested=None, old=None):
    for name, fields in ((NESTED_NAME, nested), (PREPROCESSOR_NAME, old)):
        if fields is not None:
            (folder / name).write_text(json.dumps(fields))


def named(kind, **more):
    return {"image_processor_type": f"Qwen2VLImageProcessor{kind}", **more}


# --- as transformers itself saves them


@pytest.fixture
def processor():
    """Settings unlike the defaults, so that reading none of them shows."""
    transformers = pytest.importorskip("transformers")
    return transformers.Qwen2VLImageProcessorPil(
        min_pixels=784, max_pixels=78400, image_mean=[0.5, 0.4, 0.3], image_std=[0.2, 0.3, 0.4]
    )


EXPECTED = replace(RELEASE, min_pixels=784, max_pixels=78400, mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4))


def test_what_a_whole_processor_saves_is_read(processor, tmp_path):
    """Qwen's own class wants torchvision for videos; every class nests its picture processor so."""
    import transformers

    words = transformers.PreTrainedTokenizerFast(tokenizer_object=byte_tokenizer(), eos_token="<|im_end|>")
    transformers.LlavaProcessor(processor, words).save_pretrained(tmp_path)
    assert (tmp_path / NESTED_NAME).is_file() and not (tmp_path / PREPROCESSOR_NAME).exists()
    assert read_picture_config(tmp_path, *PATCHES) == replace(EXPECTED, processor="fast")
    words_again = transformers.AutoTokenizer.from_pretrained(tmp_path)
    assert words_again.convert_tokens_to_ids("<|im_end|>") == byte_tokenizer().token_to_id("<|im_end|>")


def test_what_a_picture_processor_saves_alone_prepares_as_it_does(processor, tmp_path):
    processor.save_pretrained(tmp_path)
    config = read_picture_config(tmp_path, *PATCHES)
    assert config == EXPECTED
    picture = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    expected = processor(picture, return_tensors="np")
    rows, grid = picture_rows(picture, 320, PatchLayout(), config)
    assert (1, *grid) == tuple(expected["image_grid_thw"][0]) and grid[0] * grid[1] * 14**2 <= 78400
    np.testing.assert_allclose(rows, expected["pixel_values"], rtol=0, atol=1e-6)


# --- which file counts


@pytest.mark.parametrize(
    ("nested", "old", "processor"),
    [
        (named(""), None, "fast"),
        (named("Fast"), None, "fast"),
        (named("Pil"), None, "slow"),
        (named(""), named("Fast"), "fast"),
        (named(""), named(""), "slow"),
        (named("Fast"), named("Fast"), "fast"),
        (None, named(""), "slow"),
    ],
)
def test_the_nested_name_leaves_the_processor_to_the_older_file_where_it_does_not_tell(
    tmp_path, nested, old, processor
):
    write(tmp_path, None if nested is None else {"image_processor": nested}, old)
    assert read_picture_config(tmp_path, *PATCHES) == replace(LIMITED, processor=processor)


@pytest.mark.parametrize("nested", [{"processor_class": "Qwen2_5_VLProcessor"}, {"image_processor": None}])
def test_a_processor_file_without_a_picture_processor_says_nothing(tmp_path, nested):
    write(tmp_path, nested)
    assert read_picture_config(tmp_path, *PATCHES) == RELEASE
    write(tmp_path, nested, named("Fast"))
    assert read_picture_config(tmp_path, *PATCHES).processor == "fast"


def test_two_files_that_agree_in_other_words_are_one(tmp_path):
    limits = {"size": {"shortest_edge": 3136, "longest_edge": 12845056}}
    old = named("Fast", min_pixels=3136, max_pixels=12845056)
    write(tmp_path, {"image_processor": named("", **limits)}, old)
    found = read_picture_config(tmp_path, *PATCHES)
    assert (found.processor, found.min_pixels, found.max_pixels) == ("fast", 3136, 12845056)


@pytest.mark.parametrize(
    ("nested", "old", "message"),
    [
        (named("", max_pixels=9000), named(""), "max_pixels: got 9000 and 1003520"),
        (named("Pil"), named("Fast"), "processor: got 'slow' and 'fast'"),
        (named("", image_std=[1, 1, 1]), named(""), r"std: got \(1.0, 1.0, 1.0\) and \(0.26862954"),
    ],
)
def test_two_files_that_contradict_each_other_are_named_with_both_values(tmp_path, nested, old, message):
    write(tmp_path, {"image_processor": nested}, old)
    with pytest.raises(
        ModelFolderError, match=f"expected {NESTED_NAME} and {PREPROCESSOR_NAME} to agree; {message}"
    ):
        read_picture_config(tmp_path, *PATCHES)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"image_processor": named("", patch_size=16)}, "patch_size: expected 14, got 16"),
        ({"image_processor": named("", merge_size=1)}, "merge_size: expected 2, got 1"),
        ({"image_processor": named("", do_normalize=False)}, "do_normalize: expected True, got False"),
        ({"image_processor": {"image_processor_type": "CLIPImageProcessor"}}, "got 'CLIPImageProcessor'"),
        ({"image_processor": [1]}, "expected a JSON object, got \\[1\\]"),
        ([], "expected a JSON object, got \\[\\]"),
    ],
)
def test_the_nested_settings_are_checked_like_the_older_ones(tmp_path, fields, message):
    write(tmp_path, fields)
    with pytest.raises(ModelFolderError, match=f"{NESTED_NAME}: .*{message}"):
        read_picture_config(tmp_path, *PATCHES)


def test_a_broken_file_is_named(tmp_path):
    (tmp_path / NESTED_NAME).write_text("{")
    with pytest.raises(ModelFolderError, match=NESTED_NAME):
        read_picture_config(tmp_path, *PATCHES)
