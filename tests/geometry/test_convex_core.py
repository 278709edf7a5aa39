"""The cheap lower bound of common areas is never above the exact area, and close to it for round shapes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stellate.geometry.convex_core import common_area_at_least, convex_core, doubled_area
from stellate.geometry.polygons import intersection_area, polygon_area, star_vertices


def whole_star(rng, n_rays, radius, noise):
    """A star of whole pixels around the origin, closed: (2, n_rays + 1)."""
    distances = np.abs(radius * (1 + noise * rng.normal(size=n_rays))) + 0.5
    vertices = np.trunc(star_vertices([[1000, 1000]], distances[None])[0]).astype(np.int32) - 1000
    return np.ascontiguousarray(np.vstack([vertices, vertices[:1]]).T.astype(np.int32))


def bound(core_of, polygon, shift):
    planes = np.empty((core_of.shape[1], 3), dtype=np.int32)
    count = convex_core(core_of, planes)
    scratch = np.empty((3, polygon.shape[1]), dtype=np.float32)
    return common_area_at_least(planes, 0, count, *shift, polygon, scratch)


def is_star(polygon):
    return doubled_area(polygon)[1]


def corners(polygon, shift=(0, 0)):
    return polygon[:, :-1].T + shift


@settings(max_examples=300, deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(5, 40),
    st.floats(2, 30),
    st.floats(0, 0.5),
    st.tuples(st.integers(-9, 9), st.integers(-9, 9)),
)
def test_the_bound_is_never_above_the_area(seed, n_rays, radius, noise, shift):
    rng = np.random.default_rng(seed)
    a, b = whole_star(rng, n_rays, radius, noise), whole_star(rng, n_rays, radius, noise / 2)
    if is_star(a) and is_star(b):
        assert bound(a, b, shift) <= intersection_area(corners(a), corners(b, shift))


@pytest.mark.parametrize("radius", [10, 30])
def test_the_bound_is_close_for_round_shapes(radius):
    rng = np.random.default_rng(0)
    a, b = whole_star(rng, 32, radius, 0.02), whole_star(rng, 32, radius, 0.02)
    shift = (radius // 4, radius // 3)
    exact = intersection_area(corners(a), corners(b, shift))
    assert 0.7 * exact < bound(a, b, shift) <= exact


def test_what_is_no_star_is_told():
    good = whole_star(np.random.default_rng(0), 16, 10.0, 0.0)
    assert is_star(good)
    assert not is_star(good[:, ::-1].copy())
    turning_back = good.copy()
    turning_back[:, [3, 5]] = turning_back[:, [5, 3]]
    assert not is_star(turning_back)
    assert not is_star(whole_star(np.random.default_rng(0), 16, 0.5, 0.0))


def test_twice_the_area_is_that_of_the_shoelace():
    polygon = whole_star(np.random.default_rng(0), 16, 10.0, 0.2)
    assert abs(doubled_area(polygon)[0]) == 2 * polygon_area(corners(polygon))


def test_a_polygon_too_large_for_its_numbers_has_no_core():
    huge = whole_star(np.random.default_rng(0), 16, 20000.0, 0.0)
    assert convex_core(huge, np.empty((17, 3), dtype=np.int32)) == 0
    assert bound(huge, huge, (0, 0)) == 0


def test_a_centre_outside_the_core_proves_nothing():
    a = whole_star(np.random.default_rng(0), 16, 10.0, 0.0)
    assert bound(a, a, (11, 0)) == 0
