"""Painting polyhedra, against all tetrahedra of all polyhedra in float32."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull

from stellate.geometry.rasterize_3d import paint_polyhedra
from stellate.geometry.rays import Rays3D, rays_3d

OCTAHEDRON = Rays3D(
    np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [-1, 0, 0], [0, -1, 0], [0, 0, -1]]),
    np.array([[0, 1, 2], [0, 2, 4], [0, 4, 5], [0, 5, 1], [3, 2, 1], [3, 4, 2], [3, 5, 4], [3, 1, 5]]),
)


def oracle(points, distances, rays, shape, scores):
    """As the StarDist package does it: best first, and only where nothing is yet."""
    z, y, x = np.mgrid[: shape[0], : shape[1], : shape[2]].astype(np.float32)

    def not_below(a, b, c):
        m, n, p = b - a, c - a, (z - a[0], y - a[1], x - a[2])
        det = m[0] * (n[1] * p[2] - p[1] * n[2]) - m[1] * (n[0] * p[2] - n[2] * p[0])
        return det + m[2] * (n[0] * p[1] - n[1] * p[0]) >= 0

    out = np.zeros(shape, dtype=np.int32)
    for k in np.argsort(scores, kind="stable")[::-1]:
        center = np.float32(points[k])
        vertices = center + np.float32(distances[k])[:, None] * rays.vertices
        for a, b, c in vertices[rays.faces]:
            sides = not_below(center, b, a) & not_below(center, c, b) & not_below(center, a, c)
            out[not_below(a, b, c) & sides & (out == 0)] = k + 1
    return out


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(0, 4),
    n_rays=st.sampled_from([6, 16, 32]),
    whole=st.booleans(),
    size=st.sampled_from([0.5, 3.0, 7.0, 25.0]),
)
def test_every_voxel_is_that_of_the_oracle(seed, n, n_rays, whole, size):
    rng = np.random.default_rng(seed)
    rays = rays_3d(n_rays, (2.0, 1.0, 1.0))
    shape = tuple(rng.integers(1, 15, 3))
    points = rng.uniform(-5, 18, (n, 3))
    distances = rng.uniform(0.1, size, (n, n_rays))
    if whole:
        # whole numbers put vertices right on voxels
        points, distances = points.round(), np.ceil(distances)
    scores = rng.integers(0, 3, n).astype(float)
    painted = paint_polyhedra(points, distances, rays, shape, scores=scores)
    np.testing.assert_array_equal(painted, oracle(points, distances, rays, shape, scores))


def test_equal_distances_fill_the_convex_hull():
    rays = rays_3d(40, (2.0, 1.0, 1.0))
    distances = np.full((1, 40), 9.3)
    painted = paint_polyhedra([[10, 11, 12]], distances, rays, (21, 23, 25))
    hull = ConvexHull(rays.vertices * 9.3 * [1, 1, 1])
    offsets = np.stack(np.mgrid[-10:11, -11:12, -12:13], axis=-1)
    # the hull before normalising has other faces than that of the unit vectors, so only what is well inside or outside
    height = (offsets @ hull.equations[:, :3].T + hull.equations[:, 3]).max(axis=-1)
    assert (painted[height < -0.6] == 1).all()
    assert (painted[height > 1e-6] == 0).all()


def test_best_first_and_ids():
    octahedra = np.full((2, 6), 2.0)
    painted = paint_polyhedra(
        [[2, 2, 2], [2, 2, 4]], octahedra, OCTAHEDRON, (5, 5, 7), scores=[0.1, 0.9], labels=[7, 70_000]
    )
    assert painted[2, 2].tolist() == [7, 7, 70_000, 70_000, 70_000, 70_000, 70_000]
    given_order = paint_polyhedra([[2, 2, 2], [2, 2, 4]], octahedra, OCTAHEDRON, (5, 5, 7))
    assert given_order[2, 2].tolist() == [1, 1, 1, 1, 1, 2, 2]
    # of equal scores the later one is painted first
    equal = paint_polyhedra([[2, 2, 2], [2, 2, 4]], octahedra, OCTAHEDRON, (5, 5, 7), scores=[0.5, 0.5])
    assert equal[2, 2].tolist() == [1, 1, 2, 2, 2, 2, 2]


def test_only_what_lies_in_the_volume_is_painted():
    painted = paint_polyhedra(
        [[-3, 0, 0], [0, 0, 0], [2, 2, 90]], np.full((3, 6), 2.0), OCTAHEDRON, (2, 2, 2)
    )
    assert painted.tolist() == [[[2, 2], [2, 2]], [[2, 2], [2, 0]]]
    assert paint_polyhedra([], [], OCTAHEDRON, (2, 3, 4)).sum() == 0
    assert paint_polyhedra([[0, 0, 0]], [[1.0] * 6], OCTAHEDRON, (0, 3, 4)).shape == (0, 3, 4)


def test_one_object_over_every_border_and_thousands_of_one_voxel():
    assert (paint_polyhedra([[2, 2, 3]], [[30.0] * 6], OCTAHEDRON, (5, 6, 7)) == 1).all()
    assert paint_polyhedra([[0, 2, 2]], [[1.0] * 6], OCTAHEDRON, (1, 5, 5))[0].tolist() == [
        [0, 0, 0, 0, 0], [0, 0, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 0, 0], [0, 0, 0, 0, 0]
    ]  # fmt: skip
    points = np.argwhere(np.ones((12, 18, 18), dtype=bool))
    painted = paint_polyhedra(points, np.full((len(points), 6), 0.4), OCTAHEDRON, (12, 18, 18))
    np.testing.assert_array_equal(painted.ravel(), np.arange(1, 12 * 18 * 18 + 1))
    far = paint_polyhedra([[4e6, 0, 0], [0, -4e6, 4e6]], np.full((2, 6), 3.0), OCTAHEDRON, (5, 6, 7))
    assert not far.any()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"distances": [[0.0] * 6]}, "above 0"),
        ({"distances": [[1.0] * 5]}, r"distances \(n, 6\)"),
        ({"distances": [[-1.0] * 6]}, "above 0"),
        ({"distances": [[np.nan] * 6]}, "distances must be finite"),
        ({"points": [[0, 0, np.inf]]}, "points must be finite"),
        ({"scores": [1, 2]}, "expected 1 scores and labels"),
        ({"labels": [0]}, "labels must be above 0"),
        ({"shape": (4, 4)}, "three lengths"),
    ],
)
def test_wrong_arguments_are_refused(changed, message):
    arguments = {"points": [[0, 0, 0]], "distances": [[1.0] * 6], "shape": (4, 4, 4)} | changed
    with pytest.raises(ValueError, match=message):
        paint_polyhedra(rays=OCTAHEDRON, **arguments)
