"""One scene and its views, rendered once for all tests. Everything is imported late: without MuJoCo the tests
skip.
"""

from types import SimpleNamespace

import numpy as np
import pytest

WIDTH, HEIGHT, SEEDS, VIEWS = 336, 252, (0, 1, 2, 5), 2


@pytest.fixture(scope="session")
def rendered() -> list[SimpleNamespace]:
    """(scene, view) of a few scenes of every layout, each camera with its own fx, fy, cx and cy."""
    from n3d_ros.geometry import Intrinsics
    from n3d_ros.sim import Camera, RgbdCamera, generate, sample_camera

    pairs = []
    for seed in SEEDS:
        scene, rng = generate(seed), np.random.default_rng(seed)
        with RgbdCamera(scene, WIDTH, HEIGHT) as device:
            for _ in range(VIEWS):
                camera = sample_camera(scene, rng, WIDTH, HEIGHT)
                k = camera.intrinsics
                skewed = Intrinsics(k.fx, k.fy * 1.07, k.cx + 11.3, k.cy - 7.9, WIDTH, HEIGHT)
                pairs.append(
                    SimpleNamespace(scene=scene, view=device.render(Camera(skewed, camera.T_world_camera)))
                )
    return pairs
