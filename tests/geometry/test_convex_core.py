"""The cheap lower bound of common areas is never above the exact area, and close to it for round shapes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stellate.geometry.convex_core import common_area_at_least, convex_core, is_star
from stellate.geometry.polygons import intersection_area, star_vertices


class Polygon(NamedTuple):
    rows: np.ndarray
    cols: np.ndarray
    excess: np.ndarray


def whole_star(rng, n_rays, radius, noise):
    """A star of whole pixels around the origin, closed."""
    distances = np.abs(radius * (1 + noise * rng.normal(size=n_rays))) + 0.5
    vertices = np.trunc(star_vertices([[100, 100]], distances[None])[0]).astype(np.int32) - 100
    closed = np.vstack([vertices, vertices[:1]]).astype(np.int32)
    return Polygon(
        np.ascontiguousarray(closed[:, 0]),
        np.ascontiguousarray(closed[:, 1]),
        np.empty(n_rays + 1, np.float32),
    )


def vertices(polygon, shift=(0, 0)):
    return np.stack([polygon.rows[:-1], polygon.cols[:-1]], axis=1) + shift


def bound(core_of, polygon, shift):
    planes = np.empty((len(core_of.rows), 3))
    span = np.array([0, convex_core(core_of, planes)])
    return common_area_at_least(planes, span, *shift, polygon)


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
        assert bound(a, b, shift) <= intersection_area(vertices(a), vertices(b, shift))


@pytest.mark.parametrize("radius", [10, 30])
def test_the_bound_is_close_for_round_shapes(radius):
    rng = np.random.default_rng(0)
    a, b = whole_star(rng, 32, radius, 0.02), whole_star(rng, 32, radius, 0.02)
    shift = (radius // 4, radius // 3)
    exact = intersection_area(vertices(a), vertices(b, shift))
    assert 0.7 * exact < bound(a, b, shift) <= exact


def test_what_is_no_star_is_told():
    good = whole_star(np.random.default_rng(0), 16, 10.0, 0.0)
    assert is_star(good)
    assert not is_star(Polygon(good.rows[::-1].copy(), good.cols[::-1].copy(), good.excess))
    turning_back = Polygon(good.rows.copy(), good.cols.copy(), good.excess)
    for axis in turning_back[:2]:
        axis[[3, 5]] = axis[[5, 3]]
    assert not is_star(turning_back)
    tiny = whole_star(np.random.default_rng(0), 16, 0.5, 0.0)
    assert not is_star(tiny)


def test_a_centre_outside_the_core_proves_nothing():
    a = whole_star(np.random.default_rng(0), 16, 10.0, 0.0)
    assert bound(a, a, (11, 0)) == 0
