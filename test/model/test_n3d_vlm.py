"""The torch model: it is Qwen2.5-VL but for the point code, and that code is added where and in the order it
should be.
"""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from n3d_ros.model.config import N3DConfig  # noqa: E402
from n3d_ros.model.n3d_vlm import N3DForConditionalGeneration  # noqa: E402
from n3d_ros.model.point_encoding import merge_group_index  # noqa: E402
from n3d_ros.model.vision import patch_position_code, rows_by_window_length  # noqa: E402
from n3d_ros.preprocess.point_code import patch_position_code as patch_position_code_numpy  # noqa: E402
from n3d_ros.preprocess.point_code import sinusoid as sinusoid_numpy  # noqa: E402


def tiny(order: str = "aligned", patch_position: str = "none") -> N3DForConditionalGeneration:
    torch.manual_seed(0)
    config = N3DConfig(
        vision_config={
            "depth": 2,
            "hidden_size": 48,
            "num_heads": 2,
            "intermediate_size": 64,
            "out_hidden_size": 32,
            "fullatt_block_indexes": [1],
        },
        text_config={
            "vocab_size": 64,
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [2, 3, 3]},
        },
        image_token_id=5,
        video_token_id=6,
        vision_start_token_id=7,
        vision_end_token_id=8,
        point_encoding_order=order,
        patch_position=patch_position,
    )
    return N3DForConditionalGeneration(config).eval()


def picture(h: int, w: int, seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randn(h * w, 1176, generator=generator)
    coords = torch.randint(0, 900, (h * w, 3), generator=generator).float()
    return pixels, torch.tensor([[1, h, w]]), coords


def test_missing_points_are_refused_with_expected_and_got():
    pixels, grid, _ = picture(4, 4)
    with pytest.raises(ValueError, match=r"expected one row per patch \(16, 3\), got None"):
        tiny().model.visual(pixels, grid)


@pytest.mark.parametrize("grid", [(4, 4), (10, 14), (18, 24)])
def test_window_attention_in_batches_equals_one_call_per_window(grid, monkeypatch):
    from transformers.models.qwen2_5_vl import modeling_qwen2_5_vl as qwen

    model = tiny()
    inputs = picture(*grid)
    with torch.no_grad():
        ours = model.image_tokens(*inputs)
        for block in model.model.visual.blocks:
            block.attn.__class__ = qwen.Qwen2_5_VLVisionAttention
        theirs = model.image_tokens(*inputs)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


def test_two_pictures_in_one_call_equal_two_calls():
    model = tiny(patch_position="sincos")
    a, b = picture(6, 8, 1), picture(4, 10, 2)
    with torch.no_grad():
        both = model.image_tokens(*(torch.cat(pair) for pair in zip(a, b, strict=True)))
        alone = torch.cat([model.image_tokens(*a), model.image_tokens(*b)])
    torch.testing.assert_close(both, alone, atol=1e-5, rtol=1e-5)


def added_code(order, h, w):
    """What the tower added to its last block's output, and the coordinates it was given."""
    model, (pixels, grid, coords) = tiny(order), picture(h, w)
    tower, seen = model.model.visual, {}
    tower.blocks[-1].register_forward_hook(lambda _m, _i, out: seen.update(before=out))
    tower.merger.ln_q.register_forward_hook(lambda _m, inputs, _o: seen.update(after=inputs[0]))
    with torch.no_grad():
        tower(pixels, grid, point_coords=coords)
    return seen["after"] - seen["before"], coords, tower


def test_raster_order_adds_row_p_of_the_code_to_row_p_of_the_permuted_tokens():
    added, coords, _ = added_code("raster", 10, 14)
    np.testing.assert_allclose(added, sinusoid_numpy(coords.numpy(), 48), atol=1e-4)


def test_aligned_order_gives_every_patch_its_own_code():
    from transformers.vision_utils import get_vision_window_index

    added, coords, tower = added_code("aligned", 10, 14)
    grid = torch.tensor([[1, 10, 14]])
    groups = merge_group_index(grid, 2).reshape(-1, 4)
    window_index, _ = get_vision_window_index(grid, spatial_merge_size=2, window_size=112, patch_size=14)
    own = sinusoid_numpy(coords[groups[window_index].reshape(-1)].numpy(), 48)
    np.testing.assert_allclose(added, own, atol=1e-4)
    assert tower.merger.code is None


def test_patch_position_equals_the_numpy_library():
    ours = patch_position_code(18, 24, 192, torch.device("cpu"))
    np.testing.assert_allclose(ours, patch_position_code_numpy((18, 24), 192), atol=1e-5)


def test_rows_by_window_length_skips_empty_windows():
    groups = rows_by_window_length(torch.tensor([0, 2, 2, 4, 5]))
    assert sorted(g.tolist() for g in groups) == [[[0, 1], [2, 3]], [[4]]]


def test_forward_with_ids_places_the_picture_and_saving_round_trips(tmp_path):
    model = tiny()
    pixels, grid, coords = picture(4, 4)
    ids = torch.tensor([[7, 5, 5, 5, 5, 8, 1, 2]])
    inputs = {
        "input_ids": ids,
        "pixel_values": pixels,
        "image_grid_thw": grid,
        "point_coords": coords,
        "mm_token_type_ids": (ids == 5).int(),
    }
    with torch.no_grad():
        logits = model(**inputs).logits
        model.save_pretrained(tmp_path)
        again = N3DForConditionalGeneration.from_pretrained(tmp_path).eval()
        assert again.config.point_encoding_order == "aligned"
        torch.testing.assert_close(again(**inputs).logits, logits)
        moved = model(**{**inputs, "point_coords": coords + 40}).logits
    assert (moved - logits).abs().max() > 1e-3


def test_released_settings_are_the_default():
    config = N3DConfig()
    assert (config.point_encoding_order, config.point_encoding_unit, config.point_encoding_center) == (
        "raster",
        0.001,
        "scene_mean",
    )
    assert (config.patch_position, config.long_side_px, config.vision_config.patch_position) == (
        "none",
        640,
        "none",
    )


def test_patch_embedding_as_a_matrix_product_equals_the_convolution():
    from transformers.models.qwen2_5_vl import modeling_qwen2_5_vl as qwen

    embed, pixels = tiny().model.visual.patch_embed, picture(4, 6)[0]
    with torch.no_grad():
        torch.testing.assert_close(
            embed(pixels), qwen.Qwen2_5_VisionPatchEmbed.forward(embed, pixels), atol=1e-5, rtol=1e-5
        )


def call(ids, num_pictures=1):
    pixels, grid, coords = picture(4, 4)
    return {
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
        "mm_token_type_ids": (ids == 5).int(),
        "pixel_values": pixels.repeat(num_pictures, 1),
        "image_grid_thw": grid.repeat(num_pictures, 1),
        "point_coords": coords,
    }


PROMPT = torch.tensor([[7, 5, 5, 5, 5, 8, 1, 2]])


def test_call_shapes_that_cannot_be_served_are_named():
    """The release ends with a RuntimeError, TypeError or wrong numbers on these
    (docs/specification/model.md 7).
    """
    model, inputs = tiny(), call(PROMPT)
    with pytest.raises(ValueError, match="input_ids: expected 4 image tokens for the pictures, got 3"):
        model.generate(**call(PROMPT[:, [0, 1, 2, 3, 5, 6, 7]]), max_new_tokens=1)
    with pytest.raises(ValueError, match=r"expected one row per patch \(32, 3\), got \(16, 3\)"):
        model(**call(torch.cat([PROMPT, PROMPT], dim=1), num_pictures=2))
    with pytest.raises(ValueError, match=r"expected one row per patch \(16, 3\), got None"):
        model(**{**inputs, "point_coords": None})
    video = {
        "pixel_values_videos": inputs.pop("pixel_values"),
        "video_grid_thw": inputs.pop("image_grid_thw"),
    }
    with pytest.raises(ValueError, match="expected pictures with points, got a video"):
        model(**inputs, **video)


def test_text_without_a_picture_is_served():
    with torch.no_grad():
        assert torch.isfinite(tiny()(input_ids=torch.tensor([[1, 2, 3]])).logits).all()


def test_two_replies_to_one_picture_are_those_of_one_reply_each():
    """The release cannot draw several replies; transformers 5 shares the encoded picture among them."""
    model = tiny()
    options = {"max_new_tokens": 4, "do_sample": True, "top_k": 1, "eos_token_id": 63, "pad_token_id": 0}
    with torch.no_grad():
        alone = model.generate(**call(PROMPT), **options)
        both = model.generate(**call(PROMPT), **options, num_return_sequences=2)
    assert both.tolist() == alone.tolist() * 2
