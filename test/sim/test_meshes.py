"""Meshes are closed and look outwards; silhouettes count what they cover."""

import numpy as np
import pytest

pytest.importorskip("n3d_ros.sim", exc_type=ImportError)  # mujoco, and libosmesa6 or libegl1

from n3d_ros.geometry import Intrinsics
from n3d_ros.sim import WIDE_KINDS
from n3d_ros.sim.meshes import box, revolve, tube
from n3d_ros.sim.silhouette import silhouette_px


def volume(mesh):
    a, b, c = (mesh.vertices[mesh.faces[:, k]] for k in range(3))
    return float(np.einsum("ij,ij->", a, np.cross(b, c))) / 6


def has_no_open_edge(mesh):
    """Every edge of one triangle is the reversed edge of another, once repeated vertices are taken as one."""
    _, same = np.unique(np.round(mesh.vertices, 6), axis=0, return_inverse=True)
    faces = same.reshape(-1)[mesh.faces]
    edges = [tuple(face[[k, (k + 1) % 3]]) for face in faces for k in range(3)]
    return sorted(edges) == sorted((b, a) for a, b in edges)


def test_a_box_has_its_volume():
    assert volume(box((1.0, 2.0, 3.0), (5.0, 0.0, 0.0))) == pytest.approx(6.0)


def test_a_turned_cylinder_has_nearly_its_volume():
    cylinder = revolve([(0, 0), (1, 0)], [(1, 0), (1, 2)], [(1, 2), (0, 2)], num_sides=96)
    assert volume(cylinder) == pytest.approx(2 * np.pi, rel=0.01)
    assert has_no_open_edge(cylinder)


def test_a_closed_tube_is_a_torus():
    angle = np.linspace(0, 2 * np.pi, 65)[:-1]
    path = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    assert volume(tube(path, 0.2, (0, 0, 1), closed=True, num_sides=48)) == pytest.approx(
        2 * np.pi**2 * 0.04, rel=0.01
    )


def test_meshes_move_turn_and_scale_together_with_their_pieces():
    two = box((1, 1, 1)) + box((1, 1, 1)).moved((3, 0, 0)).scaled(2.0)
    assert volume(two) == pytest.approx(9.0)
    assert [two.vertices[piece].mean(axis=0).tolist() for piece in two.pieces] == [[0, 0, 0], [6, 0, 0]]


@pytest.mark.parametrize("kind", WIDE_KINDS)
def test_every_kind_is_closed_stands_on_the_ground_and_has_handy_size(kind):
    shape = WIDE_KINDS[kind](np.random.default_rng(0))
    drawn = [shape.body, *(mesh for mesh, _ in shape.accents)]
    points = np.concatenate([mesh.vertices for mesh in drawn])
    assert points[:, 2].min() == pytest.approx(0.0, abs=0.005)
    assert 0.07 < np.ptp(points, axis=0).max() < 0.20
    assert sum(share for _, share in shape.poses) == pytest.approx(1.0)
    assert all(mesh.faces.max() < len(mesh.vertices) for mesh in drawn)
    whole = drawn[0]
    for mesh in drawn[1:]:
        whole = whole + mesh
    assert volume(whole) > 0


def test_a_silhouette_counts_the_pixels_of_the_union():
    k = Intrinsics(100.0, 100.0, 50.0, 50.0, 100, 100)
    square = np.array([[-0.1, -0.1, 1], [0.1, -0.1, 1], [0.1, 0.1, 1], [-0.1, 0.1, 1]], dtype=float)
    corners = (np.arange(4),)
    assert silhouette_px(square, corners, k) == pytest.approx(400, rel=0.03)
    both = np.concatenate([square, square + [0.1, 0, 0]])
    assert silhouette_px(both, (np.arange(4), np.arange(4, 8)), k) == pytest.approx(600, rel=0.03)
    assert silhouette_px(square + [5.0, 0, 0], corners, k) == pytest.approx(400, rel=0.03), (
        "beyond the edge counts too"
    )
    assert silhouette_px(square - [0, 0, 2], corners, k) == 0.0
