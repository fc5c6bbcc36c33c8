"""Depth guessed from a picture, by a tiny Depth-Anything of transformers with random weights."""

import math
import sys
import types

import cv2
import numpy as np
import pytest

from n3d_ros import depth_models
from n3d_ros.depth_models import depth_picture, estimate
from n3d_ros.errors import BadInputError, MissingLibraryError
from n3d_ros.geometry import Intrinsics

INTRINSICS = Intrinsics(60.0, 60.0, 31.5, 23.5, 64, 48)
RGB = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
MAX_DEPTH_M = 7


@pytest.fixture(scope="module")
def transformers():
    """The library that guesses depth; it needs torch."""
    pytest.importorskip("torch")
    return pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def depth_anything(transformers, tmp_path_factory):
    """`depth_anything(kind)`: a folder as the hub has them, weights of 60 kB."""
    import torch

    def make(kind="metric"):
        folder = tmp_path_factory.mktemp(kind)
        backbone = transformers.Dinov2Config(
            hidden_size=16,
            num_hidden_layers=4,
            num_attention_heads=2,
            image_size=56,
            patch_size=14,
            out_indices=[1, 2, 3, 4],
            reshape_hidden_states=False,
            apply_layernorm=True,
        )
        config = transformers.DepthAnythingConfig(
            backbone_config=backbone,
            reassemble_hidden_size=16,
            neck_hidden_sizes=[4, 4, 8, 8],
            fusion_hidden_size=8,
            head_hidden_size=4,
            depth_estimation_type=kind,
            max_depth=MAX_DEPTH_M,
            initializer_range=0.1,
        )
        torch.manual_seed(0)
        transformers.DepthAnythingForDepthEstimation(config).save_pretrained(folder)
        transformers.DPTImageProcessorPil(
            size={"height": 56, "width": 56}, ensure_multiple_of=14, keep_aspect_ratio=True
        ).save_pretrained(folder)
        return folder

    return make


def test_depth_anything_gives_metres_and_says_they_are_guessed(depth_anything):
    seen = estimate(RGB, "depth-anything-v2", str(depth_anything()), INTRINSICS)
    assert seen.depth_is_estimated and seen.intrinsics == INTRINSICS
    assert (seen.depth.shape, seen.depth.dtype) == ((480, 640), np.float32)
    assert np.isfinite(seen.depth).mean() > 0.9
    assert np.nanmin(seen.depth) > 0 and np.nanstd(seen.depth) > 0.001
    assert np.nanmax(seen.depth) < MAX_DEPTH_M * 1.1  # resizing overshoots a bit


def test_it_is_what_transformers_itself_computes(depth_anything):
    from PIL import Image
    from transformers import pipeline

    folder = str(depth_anything())
    guess = pipeline("depth-estimation", model=folder)
    expected = guess(Image.fromarray(depth_picture(RGB)))["predicted_depth"].numpy()
    actual = estimate(RGB, "depth-anything-v2", folder, INTRINSICS).depth
    np.testing.assert_allclose(actual, expected, rtol=1e-5)


def test_a_model_of_relative_depth_is_refused(depth_anything):
    with pytest.raises(BadInputError, match="expected one that gives metres, '.*' gives relative depth"):
        estimate(RGB, "depth-anything-v2", str(depth_anything("relative")), INTRINSICS)


@pytest.mark.usefixtures("transformers")
def test_depth_anything_needs_the_camera():
    with pytest.raises(BadInputError, match="intrinsics: expected those of the picture"):
        estimate(RGB, "depth-anything-v2", "anywhere")


@pytest.mark.usefixtures("transformers")
def test_a_folder_that_is_absent_is_named_and_nothing_is_downloaded():
    with pytest.raises(
        FileNotFoundError, match="expected a folder .or hub:NAME to download., got 'nobody/x'"
    ):
        estimate(RGB, "depth-anything-v2", "nobody/x", INTRINSICS)


def test_only_an_explicit_hub_name_is_one():
    assert depth_models._place("hub:nobody/x") == ("nobody/x", True)


@pytest.fixture(scope="module")
def depth_pro(transformers, tmp_path_factory):
    """`depth_pro(guesses_camera)`: a folder as the hub has them, with random weights."""
    import torch

    def make(guesses_camera):
        folder = tmp_path_factory.mktemp("depth_pro")
        encoder = {
            "model_type": "dinov2",
            "hidden_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": 32,
            "patch_size": 8,
        }
        config = transformers.DepthProConfig(
            fusion_hidden_size=8,
            patch_size=32,
            intermediate_hook_ids=[1, 0],
            intermediate_feature_dims=[8, 8],
            scaled_images_ratios=[0.25, 0.5, 1],
            scaled_images_overlap_ratios=[0.0, 0.5, 0.25],
            scaled_images_feature_dims=[8, 8, 8],
            use_fov_model=guesses_camera,
            image_model_config=dict(encoder),
            patch_model_config=dict(encoder),
            fov_model_config=dict(encoder),
            initializer_range=0.2,
        )
        torch.manual_seed(3)
        model = transformers.DepthProForDepthEstimation(config)
        with torch.no_grad():
            last = model.head.layers[-2]  # random weights see everything a centimetre away
            last.weight.mul_(0.2)
            last.bias.mul_(0.2)
            if guesses_camera:  # and guess no angle that a camera has
                model.fov_model.head.layers[-1].bias.fill_(60.0)
                model.fov_model.head.layers[-1].weight.mul_(0.01)
        model.save_pretrained(folder)
        size = {"height": 128, "width": 128}
        transformers.ViTImageProcessorPil(size=size).save_pretrained(folder)
        return str(folder)

    return make


def inverse_depth(folder, rgb):
    """What the model itself says of the normalised, stretched picture, and its guess of the view, degrees."""
    import torch
    from transformers import DepthProForDepthEstimation

    pixels = torch.from_numpy(rgb.astype(np.float32) / 127.5 - 1).permute(2, 0, 1)[None]
    stretched = torch.nn.functional.interpolate(pixels, (128, 128), mode="bilinear")
    with torch.inference_mode():
        outputs = DepthProForDepthEstimation.from_pretrained(folder)(stretched)
        resized = torch.nn.functional.interpolate(outputs.predicted_depth[None], (480, 640), mode="bilinear")
    return resized[0, 0].numpy(), outputs.field_of_view


def metres(inverse, focal_in_widths):
    """None where the inverse depth is that of a sky, or negative as random weights have it."""
    with np.errstate(divide="ignore"):
        return np.where(inverse / focal_in_widths > 1e-4, focal_in_widths / inverse, np.nan)


def test_depth_pro_turns_its_inverse_depth_into_metres_by_the_focal_length(depth_pro):
    folder = depth_pro(False)
    seen = estimate(RGB, "depth-pro", folder, INTRINSICS)
    inverse, view = inverse_depth(folder, RGB)
    assert view is None and inverse.std() > 0
    np.testing.assert_allclose(seen.depth, metres(inverse, 60 / 64), rtol=1e-4)
    assert seen.depth_is_estimated and seen.intrinsics == INTRINSICS
    assert (seen.depth.shape, seen.depth.dtype) == ((480, 640), np.float32)


def test_depth_pro_guesses_the_camera_where_nobody_gives_it(depth_pro):
    folder = depth_pro(True)
    seen = estimate(RGB, "depth-pro", folder)
    inverse, view_deg = inverse_depth(folder, RGB)
    focal_px = 32 / math.tan(math.radians(float(view_deg)) / 2)
    k = seen.intrinsics
    assert (k.fx, k.fy, k.cx, k.cy) == pytest.approx((focal_px, focal_px, 31.5, 23.5), rel=1e-5)
    np.testing.assert_allclose(seen.depth, metres(inverse, focal_px / 64), rtol=1e-4)


def test_a_given_camera_goes_before_a_guessed_one(depth_pro):
    folder = depth_pro(True)
    guessed, given = (estimate(RGB, "depth-pro", folder, k) for k in (None, INTRINSICS))
    ratio = INTRINSICS.fx / guessed.intrinsics.fx
    expected = guessed.depth * ratio
    both = np.isfinite(given.depth) & np.isfinite(expected)  # too far by one of them is no depth there
    np.testing.assert_allclose(given.depth[both], expected[both], rtol=1e-4)
    assert 0.3 < both.mean() < 1


def test_depth_pro_without_the_part_that_guesses_needs_the_camera(depth_pro):
    with pytest.raises(
        BadInputError, match="intrinsics: expected those of the picture, '.*' was saved without"
    ):
        estimate(RGB, "depth-pro", depth_pro(False))


def test_another_model_is_not_taken_for_depth_pro(depth_anything):
    with pytest.raises(BadInputError, match="expected Depth-Pro in '.*', got depth_anything"):
        estimate(RGB, "depth-pro", str(depth_anything()), INTRINSICS)


def test_a_model_is_loaded_once_for_many_pictures(depth_anything, monkeypatch):
    from transformers import AutoModelForDepthEstimation

    folder, loaded = str(depth_anything()), []
    real = AutoModelForDepthEstimation.from_pretrained
    monkeypatch.setattr(
        AutoModelForDepthEstimation, "from_pretrained", lambda *a, **k: loaded.append(a) or real(*a, **k)
    )
    first, second = (estimate(RGB, "depth-anything-v2", folder, INTRINSICS) for _ in range(2))
    assert len(loaded) == 1
    np.testing.assert_array_equal(first.depth, second.depth)


def test_an_unknown_model_is_named():
    with pytest.raises(
        BadInputError, match="expected one of depth-anything-v2, depth-pro, moge-2, got 'midas'"
    ):
        estimate(RGB, "midas", "x", INTRINSICS)


def test_a_missing_package_is_named_with_its_remedy(monkeypatch):
    monkeypatch.setattr(depth_models, "find_spec", lambda name: None if name == "moge" else object())
    with pytest.raises(MissingLibraryError, match="moge-2: expected moge to import; pip install git"):
        estimate(RGB, "moge-2", "x")


class FakeMoge:
    """The interface of moge.model.v2.MoGeModel as this project calls it: a wall at 2 m, one pixel masked."""

    loaded: list = []
    asked: dict = {}

    @classmethod
    def from_pretrained(cls, place):
        cls.loaded.append(place)
        return cls()

    def to(self, device):
        return self

    def train(self, mode):
        return self

    def infer(self, image, fov_x=None, use_fp16=True):
        import torch

        FakeMoge.asked = {"image": image.permute(1, 2, 0).numpy(), "fov_x": fov_x, "use_fp16": use_fp16}
        depth = torch.full(image.shape[1:], 2.0)
        depth[0, 0] = torch.inf
        return {"depth": depth, "intrinsics": torch.tensor([[0.9, 0, 0.5], [0, 1.2, 0.5], [0, 0, 1]])}


@pytest.fixture
def moge(monkeypatch, tmp_path):
    """A folder with the file that the package loads, and the package."""
    pytest.importorskip("torch")
    for name in ("moge", "moge.model", "moge.model.v2"):
        module = types.ModuleType(name)
        module.MoGeModel = FakeMoge
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(depth_models, "find_spec", lambda name: object())
    (tmp_path / "model.pt").write_bytes(b"")
    return tmp_path


def test_moge_guesses_the_camera_too(moge):
    seen = estimate(RGB, "moge-2", str(moge))
    assert FakeMoge.loaded[-1] == str(moge / "model.pt")
    assert seen.depth_is_estimated and np.isnan(seen.depth[0, 0]) and seen.depth[1, 1] == 2.0
    assert seen.intrinsics.fx == pytest.approx(0.9 * 64) and seen.intrinsics.fy == pytest.approx(1.2 * 48)
    assert (seen.intrinsics.cx, seen.intrinsics.cy) == (31.5, 23.5)


@pytest.mark.parametrize("size_hw", [(48, 64), (77, 129), (1023, 767)])
def test_moge_sees_the_picture_as_the_release_shows_it(moge, size_hw):
    """Long side 640, the short side rounded, OpenCV's bilinear filter, RGB over 255
    (docs/specification/inputs.md 2, rule R4).
    """
    rgb = np.random.default_rng(1).integers(0, 255, (*size_hw, 3), dtype=np.uint8)
    seen = estimate(rgb, "moge-2", str(moge))
    scale = 640 / max(size_hw)
    width, height = round(size_hw[1] * scale), round(size_hw[0] * scale)
    expected = cv2.resize(rgb, (width, height)).astype(np.float32) / 255
    np.testing.assert_array_equal(FakeMoge.asked["image"], expected)
    assert seen.depth.shape == (height, width) and seen.rgb is rgb


def test_moge_is_told_the_field_of_view_of_a_known_camera(moge):
    assert estimate(RGB, "moge-2", str(moge), INTRINSICS).intrinsics == INTRINSICS
    assert FakeMoge.asked["fov_x"] == pytest.approx(math.degrees(2 * math.atan(32 / 60)))
