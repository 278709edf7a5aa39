"""Faces by direction, against solving for barycentric coordinates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stellate.geometry.cones import cones_of, face_table, face_towards
from stellate.geometry.rays import Rays3D, rays_3d


def least_coordinate(rays, face, direction):
    """The smallest of the coordinates of a direction in the rays of a face: not below 0 inside its cone."""
    return np.linalg.solve(rays.vertices[rays.faces[face]].astype(float).T, direction).min()


@settings(max_examples=40, deadline=None)
@given(
    st.integers(5, 100),
    st.floats(0.5, 6.0),
    st.lists(st.tuples(*[st.floats(-50, 50)] * 3), min_size=1, max_size=20),
    st.integers(0, 2**32),
)
def test_each_direction_is_in_the_cone_of_its_face(n_rays, anisotropy, directions, start):
    rays = rays_3d(n_rays, (anisotropy, 1.0, 1.0))
    for direction in np.array(directions):
        face = face_towards(cones_of(rays), *direction, start % len(rays.faces))
        assert least_coordinate(rays, face, direction) >= -1e-5 * np.abs(direction).max()


def test_the_table_has_every_offset():
    rays = rays_3d(32, (2.0, 1.0, 1.0))
    table = face_table(rays, (2, 3, 4))
    middle = np.array(table.shape) // 2
    assert (middle > [2, 3, 4]).all()
    for index in np.ndindex(*table.shape):
        offset = np.array(index) - middle
        assert least_coordinate(rays, table[index], offset) >= -1e-5 * np.abs(offset).max()


def test_tables_stay_small():
    table = face_table(rays_3d(8), (5, 5000, 20_000))
    assert table.nbytes < 17e6
    assert min(table.shape) > 2


def test_rays_that_no_hull_has_are_searched_too():
    # seen from the origin, long thin triangles of a twisted prism: a walk may run in circles there
    angles = np.arange(3) * 2 * np.pi / 3
    lower = np.stack([-np.ones(3), np.cos(angles), np.sin(angles)], axis=1)
    upper = np.stack([np.ones(3), np.cos(angles + 0.5), np.sin(angles + 0.5)], axis=1)
    faces = [[0, 1, 2], [3, 4, 5]]
    for k in range(3):
        faces += [[k, (k + 1) % 3, k + 3], [(k + 1) % 3, k + 3, (k + 1) % 3 + 3]]
    rays = Rays3D(np.concatenate([lower, upper]), np.array(faces))
    for direction in np.random.default_rng(0).normal(size=(300, 3)):
        for start in range(len(faces)):
            face = face_towards(cones_of(rays), *direction, start)
            assert least_coordinate(rays, face, direction) >= -1e-6


def test_faces_around_a_face_share_a_corner_with_it():
    rays = rays_3d(40)
    for face, around in enumerate(cones_of(rays).around):
        expected = {f for f in range(len(rays.faces)) if set(rays.faces[f]) & set(rays.faces[face])}
        assert around[0] == face
        assert {int(f) for f in around if f >= 0} == expected


@pytest.mark.parametrize("call", [cones_of, lambda rays: face_table(rays, (3, 3, 3))])
def test_the_same_rays_are_not_computed_again(call):
    assert call(rays_3d(12)) is call(rays_3d(12))
