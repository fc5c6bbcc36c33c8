"""What seeds have made stays: n3d-nano and the figures of docs/evaluation.md are about these scenes.
Geometry and the order of random numbers are pinned, pixels are the graphics driver's.
"""

import hashlib

import numpy as np
import pytest

pytest.importorskip("n3d_ros.sim", exc_type=ImportError)  # mujoco, and libosmesa6 or libegl1

from n3d_ros.sim import COLORS, KINDS, generate, orbit_camera, random_look, sample_camera, sensor_noise

# n3d-nano's vocabulary is made of these, in this order.
FOURTEEN = (
    "mug",
    "bowl",
    "bottle",
    "can",
    "box",
    "ball",
    "plate",
    "book",
    "cone",
    "ring",
    "hammer",
    "banana",
    "chair",
    "lamp",
)
SHAPES = "7d1a20059911"
SEEDS = {
    0: (
        "large orange cone, large black book, medium red cone, medium white cone, "
        "large orange bowl, large yellow cone, large red mug",
        "fe7f2da2b398",
        [0.0534, 0.0615, 0.0671],
    ),
    1: (
        "small red bowl, large white chair, large red banana, large red chair, "
        "small red ball, large red bottle",
        "eb0dea6827db",
        [0.0215, -0.0052, 0.6058],
    ),
    90003: (
        "small green box, small orange box, small blue chair, small blue ring, "
        "small black bottle, small green mug, small orange box",
        "914aa758742a",
        [0.0403, -0.2065, 0.0438],
    ),
}


def digest(*arrays):
    """Of numbers rounded to a micrometre, so that another processor's last bit does not count."""
    found = hashlib.sha256()
    for array in arrays:
        found.update((np.round(np.asarray(array, np.float64), 6) + 0.0).tobytes())
    return found.hexdigest()[:12]


def drawn_order(scene):
    """Digest of what is drawn first, in the middle and last: furniture, light, and the objects' gloss."""
    room = [(*block.size, *block.center) for block in scene.room.blocks]
    return digest(room, [*scene.look.key, *scene.look.wall], scene.model.mat_specular)


def test_the_kinds_that_nano_knows_stay_these_with_the_same_shapes():
    assert tuple(KINDS) == FOURTEEN
    assert " ".join(COLORS) == "red green blue yellow orange purple white black"
    shapes = [KINDS[kind](np.random.default_rng(1)) for kind in FOURTEEN]
    meshes = [mesh for shape in shapes for mesh in (shape.body, *(accent[0] for accent in shape.accents))]
    colliders = [[*one.size, *one.center] for shape in shapes for one in shape.colliders]
    poses = [[*pose.ravel(), share] for shape in shapes for pose, share in shape.poses]
    found = digest(*(mesh.vertices for mesh in meshes), *(mesh.faces for mesh in meshes), *colliders, *poses)
    assert found == SHAPES


@pytest.mark.parametrize("seed", SEEDS)
def test_a_seed_still_makes_the_scene_that_it_made(seed):
    names, order, middle = SEEDS[seed]
    scene = generate(seed)
    assert ", ".join(f"{item.size_name} {item.name}" for item in scene.objects) == names
    assert drawn_order(scene) == order
    centers = [(points.min(axis=0) + points.max(axis=0)) / 2 for points in scene.object_points]
    # MuJoCo's releases may settle a millimetre apart
    assert np.mean(centers, axis=0) == pytest.approx(middle, abs=0.002)


def test_cameras_looks_and_noise_draw_the_numbers_that_they_drew():
    rng = np.random.default_rng(5)
    scene = generate(0)
    camera, look = sample_camera(scene, rng, 64, 48), random_look(rng)
    depth = np.tile(np.linspace(0.2, 2.0, 64, dtype=np.float32), (48, 1))
    noisy = sensor_noise(depth, rng)
    assert digest(look.key, look.support, look.fill) == "f4a5cfc64073"
    assert (int(np.isnan(noisy).sum()), camera.intrinsics.fx) == (2147, pytest.approx(46.255317))
    assert rng.random() == 0.20180648065914808
    assert orbit_camera(scene, 1.0).intrinsics.fx == pytest.approx(532.5, abs=0.1)
