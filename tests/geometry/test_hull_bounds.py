"""Convex bodies of pairs of polyhedra, against Qhull; the bound is never above what it bounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull, HalfspaceIntersection

from stellate.geometry.hull_bounds import (
    common_bodies,
    common_hulls_at_least,
    hull_planes,
    new_room,
)
from stellate.geometry.polyhedron_masks import directions_of, new_polyhedron, place, place_tips
from stellate.geometry.rays import rays_3d

RAYS = rays_3d(48, (2.0, 1.0, 1.0))
ROOM = new_room(len(RAYS), len(RAYS.faces))


def polyhedron(center, distances):
    distances = np.broadcast_to(np.asarray(distances, dtype=np.float32), len(RAYS)).copy()
    directions = directions_of(RAYS, distances[None])
    out = new_polyhedron(directions)
    place(directions, np.asarray(center, dtype=np.float32), distances, out)
    return out


def random_pair(seed, radius, noise, shift):
    rng = np.random.default_rng(seed)
    a, b = radius * np.maximum(1 + noise * rng.normal(size=(2, len(RAYS))), 0.05)
    return polyhedron([20, 30, 40], a), polyhedron(np.add([20, 30, 40], shift), b)


def half_spaces(body, kind):
    if kind == "hull":
        return ConvexHull(body.tips.T.astype(np.float64)).equations
    a, b, c = (body.tips.T[RAYS.faces[:, k]] for k in range(3))
    normals = -np.cross(b - a, c - a)
    return np.column_stack([normals, -(a * normals).sum(axis=1)]).astype(np.float64)


def expected_volume(a, b, kind):
    planes, middle = np.concatenate([half_spaces(a, kind), half_spaces(b, kind)]), (a.center + b.center) / 2
    if (planes[:, :3] @ middle + planes[:, 3]).max() >= 0:
        return -1
    return ConvexHull(HalfspaceIntersection(planes, middle.astype(float)).intersections).volume


def bound(hull_of, other):
    planes = np.empty((2 * len(RAYS), 3), dtype=np.float32)
    count = hull_planes(hull_of, ROOM, planes)
    return common_hulls_at_least(planes[:count], other, RAYS.faces, np.empty(len(RAYS), dtype=np.float32))


pairs = {
    "seed": st.integers(0, 10**6),
    "radius": st.floats(1, 15),
    "noise": st.sampled_from([0.0, 0.02, 0.1, 0.3]),
    "shift": st.tuples(st.integers(-4, 4), st.integers(-8, 8), st.integers(-8, 8)),
}


@settings(max_examples=80, deadline=None)
@given(**pairs)
def test_common_hulls_and_kernels_have_the_volume_of_qhull(seed, radius, noise, shift):
    a, b = random_pair(seed, radius, noise, shift)
    assert common_bodies(RAYS.faces, a, b, True, ROOM) == pytest.approx(
        expected_volume(a, b, "hull"), rel=1e-5
    )
    assert common_bodies(RAYS.faces, a, b, False, ROOM) == pytest.approx(
        expected_volume(a, b, "kernel"), rel=1e-5
    )


@settings(max_examples=80, deadline=None)
@given(**pairs)
def test_the_bound_is_never_above_the_volume(seed, radius, noise, shift):
    a, b = random_pair(seed, radius, noise, shift)
    volume = expected_volume(a, b, "hull")
    if volume >= 0:
        assert bound(a, b) <= volume * (1 + 1e-9)


def test_the_bound_is_close_for_round_shapes():
    a, b = random_pair(0, 12.0, 0.03, (1, 3, 4))
    assert 0.7 * expected_volume(a, b, "hull") < bound(a, b) <= expected_volume(a, b, "hull")


def test_a_centre_outside_the_hull_proves_nothing():
    a, b = random_pair(0, 6.0, 0.0, (0, 0, 9))
    assert bound(a, b) == 0


def test_kernels_are_smaller_than_hulls_of_ragged_shapes():
    a, b = random_pair(5, 10.0, 0.2, (0, 1, 1))
    assert (
        0 < common_bodies(RAYS.faces, a, b, False, ROOM) < 0.5 * common_bodies(RAYS.faces, a, b, True, ROOM)
    )


def test_vertices_alone_are_those_of_the_whole_polyhedron():
    distances = np.random.default_rng(0).uniform(0.001, 9, len(RAYS)).astype(np.float32)
    whole = polyhedron([20.5, 1000.25, 3], distances)
    alone = new_polyhedron(directions_of(RAYS, distances[None]))
    place_tips(directions_of(RAYS, distances[None]), whole.center, distances, alone)
    np.testing.assert_array_equal(alone.tips, whole.tips)
    np.testing.assert_array_equal(alone.center, whole.center)
