"""Convex hulls and common parts of half-spaces, against Qhull."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull, HalfspaceIntersection, QhullError

from stellate.geometry.convex_hull import common_volume, convex_hull, new_hull

HULL = new_hull(400)
CUBE = np.array([[z, y, x] for z in (0, 1) for y in (0, 1) for x in (0, 1)], dtype=np.float64)


def random_points(rng, n, kind):
    points = rng.normal(size=(n, 3))
    if kind != "cloud":
        points /= np.linalg.norm(points, axis=1, keepdims=True)
    return np.round(4 * points) if kind == "whole" else points


def facets_of(points):
    count = convex_hull(points.copy(), HULL)
    there = np.isfinite(HULL.planes[3, :count])
    return HULL.corners[:count][there], HULL.planes[:, :count][:, there]


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 10**6), st.integers(4, 120), st.sampled_from(["cloud", "sphere", "whole"]))
def test_hulls_have_the_volume_of_qhull_and_hold_all_points(seed, n, kind):
    points = random_points(np.random.default_rng(seed), n, kind)
    try:
        expected = ConvexHull(points)
    except QhullError:
        assume(False)
    corners, planes = facets_of(points)
    triangles = points[corners] - points.mean(axis=0)
    # all turned the same way, as the sum has no absolute values
    assert np.linalg.det(triangles).sum() / 6 == pytest.approx(expected.volume, rel=1e-6)
    assert (points @ planes[:3] - planes[3]).max() < 1e-4
    assert set(corners.ravel()) >= set(expected.vertices) or kind == "whole"


def test_the_facet_beyond_an_edge_has_that_edge():
    points = random_points(np.random.default_rng(0), 60, "sphere")
    count = convex_hull(points, HULL)
    for f in range(count):
        for k in range(3):
            start, end = HULL.corners[f, k], HULL.corners[f, (k + 1) % 3]
            other = HULL.corners[HULL.beyond[f, k]].tolist()
            assert (end, start) in [(other[i], other[(i + 1) % 3]) for i in range(3)]


def test_points_in_a_plane_have_no_hull():
    points = np.random.default_rng(0).normal(size=(20, 3))
    assert convex_hull(points * [1, 1, 0], HULL) == 0
    assert convex_hull(points * [0, 1, 0] + 5, HULL) == 0
    assert convex_hull(np.ones((5, 3)), HULL) == 0


def volume_of(planes, inside):
    planes = np.array(planes, dtype=np.float64)
    planes[:, 3] -= planes[:, :3] @ inside
    return common_volume(planes, np.empty((len(planes), 3)), HULL)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**6), st.integers(8, 150))
def test_common_parts_have_the_volume_of_qhull(seed, n):
    rng = np.random.default_rng(seed)
    planes = np.column_stack([rng.normal(size=(n, 3)), rng.uniform(0.5, 2, n)])
    planes[: n // 2, 3] = planes[0, 3]  # some of them meet in one point, as the faces of polyhedra do
    # nearly open bodies, hundreds of times as long as wide, are lost in rounding
    bounded = ConvexHull(planes[:, :3]).equations[:, 3].max() < -2e-2
    assume(bounded)
    corners = HalfspaceIntersection(planes * [1, 1, 1, -1], np.zeros(3)).intersections
    assert volume_of(planes, np.zeros(3)) == pytest.approx(ConvexHull(corners).volume, rel=1e-5)


def test_two_boxes():
    sides = np.vstack([np.eye(3), -np.eye(3)])
    first, second = (
        np.column_stack([sides, [4, 4, 4, 0, 0, 0]]),
        np.column_stack([sides, [9, 5, 3, -1, -2, 1]]),
    )
    assert volume_of(np.vstack([first, second]), [2, 3, 1]) == pytest.approx(3 * 2 * 3)
    # cut by a plane through corners, and by one that only touches
    cut, touching = [[1, 1, 1, 8]], [[1, 1, 1, 12]]
    assert volume_of(np.vstack([first, cut]), [1, 1, 1]) == pytest.approx(64 - 4**3 / 6)
    assert volume_of(np.vstack([first, touching]), [1, 1, 1]) == pytest.approx(64)


def test_a_point_not_inside_all_is_told():
    planes = np.column_stack([np.vstack([np.eye(3), -np.eye(3)]), np.ones(6)])
    assert volume_of(planes, [0, 0, 2]) == -1
    assert volume_of(planes, [0, 0, 1]) == -1


def test_corners_of_a_cube():
    corners, planes = facets_of(np.vstack([CUBE, [[0.5, 0.5, 0.5]], CUBE / 2 + 0.25]))
    assert len(corners) == 12
    assert set(corners.ravel()) == set(range(8))
    normals = planes[:3] / np.linalg.norm(planes[:3], axis=0)
    assert {tuple(n) for n in normals.T.round(6)} == {tuple(n) for n in np.vstack([np.eye(3), -np.eye(3)])}
