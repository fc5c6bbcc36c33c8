"""What the simulated camera delivers agrees with itself: pixels, depth, masks, boxes, intrinsics."""

import numpy as np
import pytest

pytest.importorskip("n3d_ros.sim", exc_type=ImportError)  # mujoco, and libosmesa6 or libegl1

from n3d_ros.geometry import backproject, project, transform_points
from n3d_ros.sim import (
    WIDE_KINDS,
    Look,
    RgbdCamera,
    SceneConfig,
    generate,
    orbit_camera,
    random_look,
    sample_camera,
)


def points_of(view, mask):
    """(N, 3) optical-frame points of the pixels in `mask`."""
    v, u = np.nonzero(mask)
    return backproject(u, v, view.depth[mask], view.camera.intrinsics)


def is_fully_visible(view, index):
    mask = view.instance == index
    margin = np.ones_like(mask)
    margin[2:-2, 2:-2] = False
    return view.visible[index] > 0.97 and not (mask & margin).any()


def test_arrays_have_the_promised_shapes_and_types(rendered):
    view = rendered[0].view
    assert (view.rgb.shape, view.rgb.dtype) == ((252, 336, 3), np.uint8)
    assert (view.depth.shape, view.depth.dtype) == ((252, 336), np.float32)
    assert (view.instance.shape, view.instance.dtype) == ((252, 336), np.int16)
    num = len(rendered[0].scene.objects)
    assert len(view.boxes) == len(view.visible) == len(view.visible_px) == num
    assert [box.label for box in view.boxes] == [item.name for item in rendered[0].scene.objects]


def test_every_seen_surface_point_lies_inside_its_objects_box(rendered):
    for pair in rendered:
        for index, box in enumerate(pair.view.boxes):
            points = points_of(pair.view, pair.view.instance == index)
            outside = np.abs(points - box.center) - np.array(box.size) / 2
            assert outside.max(initial=-1.0) < 0.002, box


def test_masks_end_where_the_projected_vertices_end(rendered):
    """Principal point and focal lengths are exact: no shift, no scale beyond the half pixel a raster may
    miss.
    """
    errors = []
    for pair in rendered:
        camera = pair.view.camera
        for index, points in enumerate(pair.scene.object_points):
            if is_fully_visible(pair.view, index):
                pixels = project(transform_points(camera.T_camera_world, points), camera.intrinsics)
                v, u = np.nonzero(pair.view.instance == index)
                errors.append(
                    [u.min(), v.min(), u.max(), v.max()] - np.hstack([pixels.min(axis=0), pixels.max(axis=0)])
                )
    errors = np.array(errors)
    assert len(errors) > 15
    # a mask starts 0..1 px after the outline and ends 0..1 px before it; thin tips fall between pixels
    assert np.median(errors, axis=0) == pytest.approx([0.5, 0.5, -0.5, -0.5], abs=0.3)
    assert np.percentile(np.abs(errors), 90) < 1.0


def test_depth_and_pose_put_the_floor_at_height_zero(rendered):
    views = [pair.view for pair in rendered if pair.scene.layout == "floor"]
    assert views
    for view in views:
        world = transform_points(view.camera.T_world_camera, points_of(view, view.instance < 0))
        floor = world[np.linalg.norm(world[:, :2], axis=1) < 1.5]  # the walls are farther away
        assert len(floor) > 1000
        assert np.abs(floor[:, 2]).max() < 0.0005


def test_the_box_of_a_visible_ball_is_tight():
    scene = generate(3, SceneConfig(layouts=("floor",), kinds=("ball",), min_objects=1, max_objects=1))
    camera = sample_camera(scene, np.random.default_rng(0), 640, 480)
    with RgbdCamera(scene, 640, 480) as device:
        view = device.render(camera)
    points, box = points_of(view, view.instance == 0), view.boxes[0]
    metres_per_px = box.center[2] / camera.intrinsics.fx
    for axis in (0, 1):
        assert np.ptp(points[:, axis]) == pytest.approx(box.size[axis], abs=4 * metres_per_px)
    assert points[:, 2].min() == pytest.approx(box.center[2] - box.size[2] / 2, abs=0.002)
    assert max(box.size) / min(box.size) < 1.02
    assert view.visible[0] == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("kind", WIDE_KINDS)
def test_a_lone_object_counts_as_visible(kind):
    scene = generate(11, SceneConfig(layouts=("floor",), kinds=(kind,), min_objects=1, max_objects=1))
    with RgbdCamera(scene, 336, 252) as device:
        view = device.render(sample_camera(scene, np.random.default_rng(1), 336, 252))
    assert view.visible[0] > 0.93
    assert view.visible_px[0] == (view.instance == 0).sum() > 60


def test_something_in_front_lowers_visibility(rendered):
    hidden = [
        share
        for pair in rendered
        for share, px in zip(pair.view.visible, pair.view.visible_px, strict=True)
        if px > 0
    ]
    assert min(hidden) < 0.8
    assert max(hidden) <= 1.0


def test_objects_show_their_colour():
    config = SceneConfig(
        layouts=("floor",),
        kinds=("ball",),
        colors=("red", "green", "blue"),
        min_objects=3,
        max_objects=3,
        duplicate_share=0.0,
    )
    scene = generate(4, config)
    with RgbdCamera(scene, 336, 252) as device:
        view = device.render(
            sample_camera(scene, np.random.default_rng(2), 336, 252), random_look(np.random.default_rng(2))
        )
    for item in scene.objects:
        mean = view.rgb[view.instance == item.id].mean(axis=0)
        assert ("red", "green", "blue")[int(mean.argmax())] == item.color


def test_a_look_changes_the_picture_and_not_the_geometry(rendered):
    scene = rendered[0].scene
    camera = orbit_camera(scene, 0.0, 160, 120)
    with RgbdCamera(scene, 160, 120) as device:
        first, again = device.render(camera), device.render(camera)
        other = device.render(camera, random_look(np.random.default_rng(5)))
    assert (first.rgb == again.rgb).all()
    assert np.abs(first.rgb.astype(int) - other.rgb).mean() > 5
    assert np.array_equal(first.depth, other.depth, equal_nan=True)
    assert np.array_equal(first.instance, other.instance)


def test_a_look_paints_each_surface_in_its_own_colour(rendered):
    scene = next(pair.scene for pair in rendered if pair.scene.layout == "floor")
    camera = orbit_camera(scene, 0.0, 160, 120)
    with RgbdCamera(scene, 160, 120) as device:
        grey = device.render(camera, Look(floor=(0.5, 0.5, 0.5), shadows=False))
        reddish = device.render(camera, Look(floor=(0.5, 0.25, 0.25), shadows=False))
    below = (grey.instance < 0) & (grey.depth < 1.0)
    assert (reddish.rgb[below].mean(axis=0) / grey.rgb[below].mean(axis=0)) == pytest.approx(
        [1.0, 0.5, 0.5], abs=0.05
    )
    assert (reddish.rgb[grey.instance >= 0] == grey.rgb[grey.instance >= 0]).mean() > 0.9


def test_depth_is_nan_where_nothing_is_hit(rendered):
    """A camera that looks up over the walls sees the open sky."""
    from n3d_ros.sim import Camera, look_at

    scene = rendered[0].scene
    level = orbit_camera(scene, 0.0, 160, 120)
    with RgbdCamera(scene, 160, 120) as device:
        view = device.render(Camera(level.intrinsics, look_at((0.0, 0.0, 1.5), (0.1, 0.0, 3.5))))
    assert np.isnan(view.depth).all()
    assert view.visible_px == view.visible == [0] * len(scene.objects)


def test_a_camera_refuses_another_size_and_rendering_after_close(rendered):
    scene = rendered[0].scene
    device = RgbdCamera(scene, 160, 120)
    with device, pytest.raises(ValueError, match="expected intrinsics of 160x120, got 320x240"):
        device.render(orbit_camera(scene, 0.0, 320, 240))
    device.close()
    with pytest.raises(ValueError, match="after close"):
        device.render(orbit_camera(scene, 0.0, 160, 120))
    with pytest.raises(ValueError, match="got 0x120"):
        RgbdCamera(scene, 0, 120)
