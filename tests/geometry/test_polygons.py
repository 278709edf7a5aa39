"""Areas of polygons against shapely and against counted winding numbers."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from stellate.geometry.polygons import intersection_area, polygon_area, star_vertices


def stars(n_rays, largest=20.0):
    return arrays(np.float64, n_rays, elements=st.floats(0.5, largest, width=32))


def winding_number(vertices, point):
    """Turns of a closed polygon around a point, from summed angles."""
    around = np.vstack([vertices, vertices[:1]]) - point
    angles = np.arctan2(around[:, 0], around[:, 1])
    steps = (np.diff(angles) + np.pi) % (2 * np.pi) - np.pi
    return round(steps.sum() / (2 * np.pi))


def test_vertices_lie_at_their_distances_along_the_rays():
    vertices = star_vertices([[10, 20], [0, 0]], np.array([[1.0, 2.0, 3.0, 4.0], [5.0, 5.0, 5.0, 5.0]]))
    expected = [[[10, 21], [12, 20], [10, 17], [6, 20]], [[0, 5], [5, 0], [0, -5], [-5, 0]]]
    np.testing.assert_allclose(vertices, expected, atol=1e-12)
    assert star_vertices(np.zeros((0, 2)), np.zeros((0, 32))).shape == (0, 32, 2)


@settings(max_examples=60, deadline=None)
@given(stars(16), stars(11), st.floats(-15, 15), st.floats(-15, 15))
def test_areas_of_stars_are_those_of_shapely(a, b, row, col):
    a, b = star_vertices([[0, 0]], a[None])[0], star_vertices([[row, col]], b[None])[0]
    assert polygon_area(a) == pytest.approx(shapely.Polygon(a).area)
    expected = shapely.Polygon(a).intersection(shapely.Polygon(b)).area
    assert intersection_area(a, b) == pytest.approx(expected, abs=1e-6)
    assert intersection_area(b[::-1], a) == pytest.approx(expected, abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(
    arrays(np.int64, (7, 2), elements=st.integers(0, 5)), arrays(np.int64, (6, 2), elements=st.integers(0, 5))
)
def test_polygons_that_cross_themselves_are_filled_where_they_wind(a, b):
    # lines of all edges cut the plane into cells of one winding number; sample many points instead of finding them
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 5, (1500, 2))
    inside = [winding_number(a, p) != 0 and winding_number(b, p) != 0 for p in points]
    share = np.mean(inside)
    error = 4.5 * np.sqrt(share * (1 - share) / len(points) + 1e-6) * 25
    assert intersection_area(a, b) == pytest.approx(25 * share, abs=error + 1e-9)


def test_worked_examples():
    square = np.array([[0, 0], [0, 4], [4, 4], [4, 0]])
    assert intersection_area(square, square) == 16
    assert intersection_area(square, square + np.array([0, 4])) == 0
    assert intersection_area(square, square + np.array([10, 0])) == 0
    assert intersection_area(square, [[1, 1], [1, 3], [3, 3], [3, 1]]) == 4
    assert intersection_area(square, [[2, -9], [2, 9], [2, 0]]) == 0
    assert intersection_area(square, [[0, 0], [4, 4], [4, 0]]) == 8
    twice_around = np.vstack([square, square])
    assert intersection_area(twice_around, square) == 16
    bow_tie = [[0, 0], [4, 4], [0, 4], [4, 0]]
    assert intersection_area(bow_tie, square) == pytest.approx(8)
    assert polygon_area(square[:2]) == intersection_area(square[:2], square) == 0


def test_large_coordinates_keep_their_area():
    square = np.array([[0, 0], [0, 4], [4, 4], [4, 0]], dtype=np.float64) + 1e6
    assert polygon_area(square) == 16
    assert intersection_area(square, square + 1) == pytest.approx(9)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(value):
    distances = np.ones((3, 8))
    distances[1, 4] = value
    with pytest.raises(ValueError, match="distances must be finite, but row 1"):
        star_vertices(np.zeros((3, 2)), distances)
    with pytest.raises(ValueError, match="points must be finite, but row 0"):
        star_vertices([[value, 0]], np.ones((1, 8)))
    with pytest.raises(ValueError, match="vertices must be finite"):
        intersection_area([[0, 0], [0, value], [1, 1]], [[0, 0], [0, 1], [1, 1]])


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"got \(2, 3\) and \(2, 8\)"):
        star_vertices(np.zeros((2, 3)), np.ones((2, 8)))
    with pytest.raises(ValueError, match="at least 3 rays, got 2"):
        star_vertices(np.zeros((1, 2)), np.ones((1, 2)))
