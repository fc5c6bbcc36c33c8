"""Masks of 2D boxes, by a tiny SAM 2 of transformers with random weights."""

import numpy as np
import pytest
from lift_sets import tiny_set
from PIL import Image

from n3d_ros.training.lift import mask_sources
from n3d_ros.training.lift.depth_sources import SensorDepth
from n3d_ros.training.lift.filters import LiftConfig
from n3d_ros.training.lift.lifting import lift_picture
from n3d_ros.training.lift.mask_sources import Sam2Masks

RGB = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
BOXES = [(5.0, 5.0, 30.0, 40.0), (20.0, 10.0, 60.0, 44.0), (0.0, 0.0, 64.0, 48.0), (10.5, 3.0, 20.0, 9.0)]


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A folder as the hub has them."""
    pytest.importorskip("torch")
    return str(tiny_sam2(tmp_path_factory.mktemp("sam2")))


def tiny_sam2(folder):
    import torch
    import transformers

    backbone = transformers.Sam2HieraDetConfig(
        hidden_size=8,
        num_attention_heads=1,
        image_size=[64, 64],
        blocks_per_stage=[1, 2, 2, 1],
        embed_dim_per_stage=[8, 16, 32, 64],
        num_attention_heads_per_stage=[1, 1, 2, 2],
        window_size_per_stage=[4, 4, 4, 4],
        global_attention_blocks=[4],
        window_positional_embedding_background_size=[4, 4],
    )
    vision = transformers.Sam2VisionConfig(
        backbone_config=backbone,
        backbone_channel_list=[64, 32, 16, 8],
        backbone_feature_sizes=[[16, 16], [8, 8], [4, 4]],
        fpn_hidden_size=32,
    )
    config = transformers.Sam2Config(
        vision_config=vision,
        prompt_encoder_config={"hidden_size": 32, "image_size": 64, "patch_size": 16},
        mask_decoder_config={
            "dynamic_multimask_via_stability": False,
            "hidden_size": 32,
            "mlp_dim": 32,
            "num_attention_heads": 2,
            "iou_head_hidden_dim": 16,
        },
        initializer_range=0.3,
    )
    torch.manual_seed(1)
    transformers.Sam2Model(config).train(False).save_pretrained(folder)
    size = {"height": 64, "width": 64}
    processor = transformers.ViTImageProcessorPil(size=size, image_mean=[0.4] * 3, image_std=[0.2] * 3)
    processor.save_pretrained(folder)
    return folder


def whole(crop):
    """The mask at the picture's size."""
    mask = np.zeros(RGB.shape[:2], bool)
    height, width = crop.mask.shape
    mask[crop.top : crop.top + height, crop.left : crop.left + width] = crop.mask
    return mask


def test_each_box_gets_a_mask_of_the_picture(weights):
    found = Sam2Masks(weights).masks(RGB, BOXES)
    assert len(found) == 4 and all(0 < one.num_px < 48 * 64 for one in found)
    assert len({whole(one).tobytes() for one in found}) == 4


def test_they_are_what_the_model_computes_of_the_stretched_picture_at_once(weights):
    """Picture and boxes stretched to its square, everything in one pass, masks stretched back."""
    import torch
    from transformers import Sam2Model

    square = np.asarray(Image.fromarray(RGB).resize((64, 64), Image.Resampling.BILINEAR), np.float32)
    pixels = torch.from_numpy((square / 255 - 0.4) / 0.2).permute(2, 0, 1)[None]
    boxes = torch.tensor(BOXES) * torch.tensor([64 / 64, 64 / 48, 64 / 64, 64 / 48])
    with torch.inference_mode():
        outputs = Sam2Model.from_pretrained(weights)(pixels, input_boxes=boxes[None], multimask_output=False)
        expected = torch.nn.functional.interpolate(outputs.pred_masks[0], (48, 64), mode="bilinear") > 0
    found = Sam2Masks(weights).masks(RGB, BOXES)
    np.testing.assert_array_equal(np.stack([whole(one) for one in found]), expected[:, 0].numpy())


def test_chunks_change_nothing_and_the_picture_is_encoded_once(weights, monkeypatch):
    calls = []
    model = mask_sources._loaded(weights).model
    real = model.get_image_embeddings
    monkeypatch.setattr(model, "get_image_embeddings", lambda pixels: calls.append(1) or real(pixels))
    at_once = Sam2Masks(weights, chunk=4).masks(RGB, BOXES)
    assert len(calls) == 1
    in_chunks = Sam2Masks(weights, chunk=3).masks(RGB, BOXES)
    assert len(calls) == 2
    for one, other in zip(at_once, in_chunks, strict=True):
        np.testing.assert_array_equal(whole(one), whole(other))


def test_the_model_is_loaded_once_a_process(weights):
    assert mask_sources._loaded(weights) is mask_sources._loaded(weights)


def test_a_folder_that_is_absent_is_named(weights):
    with pytest.raises(FileNotFoundError, match="mask model: expected a folder with SAM 2, got 'absent'"):
        Sam2Masks("absent").masks(RGB, BOXES)


class Rectangles:
    """Stands for a mask model: fills the box."""

    def __init__(self):
        self.asked = []

    def masks(self, rgb, boxes_px):
        self.asked.append(list(boxes_px))
        return [filled(rgb.shape[:2], box) for box in boxes_px]


def filled(size_hw, box):
    mask = np.zeros(size_hw, bool)
    left, top, right, bottom = map(int, box)
    mask[top:bottom, left:right] = True
    return mask_sources.cropped(mask)


def test_only_annotations_with_a_box_and_no_mask_get_one(tmp_path):
    from lift_sets import annotation_entry

    made = tiny_set(tmp_path / "set")
    made.content["annotations"] = entries = [annotation_entry(number, 1) for number in range(1, 6)]
    for number in (1, 2, 3, 4):
        del entries[number]["segmentation"]
    del entries[2]["bbox"]
    entries[3]["bbox"] = [50, 10, 40, 20]
    entries[4]["iscrowd"] = 1
    source = Rectangles()
    picture = lift_picture(made.source().record(0), SensorDepth(), LiftConfig(), source)
    assert source.asked == [[(20, 10, 40, 30)]]
    said = [one.rejected.reason.value if one.rejected else "kept" for one in picture.attempts]
    assert said == ["kept", "kept", "mask_missing", "box_invalid", "crowd"]
    assert [one.annotation.mask_is_estimated for one in picture.attempts] == [
        False,
        True,
        False,
        False,
        False,
    ]
    assert picture.attempts[0].box == picture.attempts[1].box


def test_a_mask_model_that_finds_nothing_is_a_small_mask(tmp_path):
    made = tiny_set(tmp_path / "set")
    del made.content["annotations"][0]["segmentation"]

    class Nothing(Rectangles):
        def masks(self, rgb, boxes_px):
            return [mask_sources.cropped(np.zeros(rgb.shape[:2], bool)) for _ in boxes_px]

    picture = lift_picture(made.source().record(0), SensorDepth(), LiftConfig(min_mask_px=0), Nothing())
    assert picture.attempts[0].rejected.reason.value == "mask_small"


def test_the_command_lifts_boxes_with_the_real_model(weights, tmp_path):
    import pyarrow.parquet as pq

    from n3d_ros.cli import main

    made = tiny_set(tmp_path / "set")
    del made.content["annotations"][0]["segmentation"]
    config = tmp_path / "config.json"
    config.write_text('{"min_mask_box_iou": 0.0, "min_mask_px": 1, "min_points": 1, "min_kept_share": 0.0}')
    options = ["--mask-model", "sam2", "--mask-weights", weights, "--config", str(config)]
    assert main(["lift", str(made.write()), "--out", str(tmp_path / "out"), *options]) == 0
    [row] = pq.read_table(tmp_path / "out/shard-00000.parquet").to_pylist()
    assert [one["mask_is_estimated"] for one in row["objects"]] == [True]
