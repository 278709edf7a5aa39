"""Outlines against worked examples and shapely."""

from __future__ import annotations

import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

import stellate.geometry.outlines as module
from stellate.geometry.outlines import _inside, outlines, polygons_of, trace_rings

small_labels = hnp.arrays(
    np.int32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=10), elements=st.integers(-1, 2)
)


def fill(polygon, shape):
    """Pixels whose centres a polygon covers."""
    rows, cols = np.indices(shape)
    return shapely.contains_xy(polygon, rows, cols)


def test_one_pixel_is_its_square():
    labels = np.zeros((4, 5), np.int32)
    labels[2, 3] = 1
    (ring,) = outlines(labels)
    assert ring.tolist() == [[1.5, 2.5], [1.5, 3.5], [2.5, 3.5], [2.5, 2.5]]


def test_straight_runs_have_no_points_between():
    labels = np.ones((30, 40), np.int32)
    labels[:10, :10] = 0
    (ring,) = outlines(labels)
    corners = {(-0.5, 9.5), (-0.5, 39.5), (29.5, 39.5), (29.5, -0.5), (9.5, -0.5), (9.5, 9.5)}
    assert len(ring) == 6
    assert set(map(tuple, ring.tolist())) == corners


def test_pixels_that_touch_at_a_corner_are_two_pieces():
    labels = np.array([[1, 0], [0, 1]], np.int32)
    (pieces,) = polygons_of(trace_rings(labels), 1)
    assert [len(piece) for piece in pieces] == [1, 1]


def test_outline_is_that_of_the_largest_piece_and_empty_without_pixels():
    labels = np.array([[1, 0, 1, 1, 0, 3]], np.int32)
    one, two, three, four = outlines(labels, 4)
    assert one[:, 1].min() == 1.5
    assert two.shape == four.shape == (0, 2)
    assert three.mean(axis=0).tolist() == [0, 5]
    assert outlines(np.zeros((3, 3), np.int32)) == []


def test_an_island_in_a_hole_keeps_the_holes_apart():
    labels = np.zeros((9, 9), np.int32)
    labels[:, :] = 1
    labels[1:8, 1:8] = 0
    labels[2:7, 2:7] = 1
    labels[4, 4] = 0
    (pieces,) = polygons_of(trace_rings(labels), 1)
    assert [[len(ring) for ring in piece] for piece in pieces] == [[4, 4], [4, 4]]
    outer_hole, inner_hole = pieces[0][1], pieces[1][1]
    assert np.ptp(outer_hole, axis=0).tolist() == [7, 7]
    assert np.ptp(inner_hole, axis=0).tolist() == [1, 1]


def test_few_outlines_are_looked_at_for_each_hole_of_a_net(monkeypatch):
    net = (np.random.default_rng(0).random((200, 200)) < 0.5).astype(np.int32)
    rings = trace_rings(net)
    looks = []
    monkeypatch.setattr(module, "_inside", lambda *given: looks.append(1) or _inside(*given))
    (pieces,) = polygons_of(rings, 1)
    n_holes = int((rings.areas < 0).sum())
    assert sum(len(holes) for _, *holes in pieces) == n_holes > 500
    assert len(pieces) > 1000
    assert len(looks) < 3 * n_holes


@settings(max_examples=300, deadline=None)
@given(small_labels)
def test_polygons_cover_each_object_exactly(labels):
    polygons = polygons_of(trace_rings(labels), 2)
    for k, pieces in enumerate(polygons, start=1):
        covered = np.zeros(labels.shape, int)
        for outer, *holes in pieces:
            polygon = shapely.Polygon(outer, holes)
            assert polygon.is_valid
            covered += fill(polygon, labels.shape)
        np.testing.assert_array_equal(covered, labels == k)


@settings(max_examples=200, deadline=None)
@given(small_labels)
def test_filling_the_outline_gives_the_largest_piece_without_holes(labels):
    for k, ring in enumerate(outlines(labels), start=1):
        pieces, n = ndimage.label(labels == k)
        if n == 0:
            assert len(ring) == 0
            continue
        filled = fill(shapely.Polygon(ring), labels.shape)
        filled_sizes = [ndimage.binary_fill_holes(pieces == p).sum() for p in range(1, n + 1)]
        assert filled.sum() == max(filled_sizes)
        inside = np.unique(pieces[filled & (pieces > 0)])
        candidates = [ndimage.binary_fill_holes(pieces == p) for p in inside]
        assert any(np.array_equal(filled, c) for c in candidates)


@settings(max_examples=200, deadline=None)
@given(small_labels)
def test_ring_areas_orientation_and_order(labels):
    rings = trace_rings(labels)
    assert (np.diff(rings.labels) >= 0).all()
    net = np.bincount(rings.labels, weights=rings.areas, minlength=3)
    for k in (1, 2):
        assert net[k] == (labels == k).sum()
    for k in range(len(rings)):
        ring = shapely.LinearRing(rings.ring(k)[:, ::-1])
        assert ring.is_ccw == (rings.areas[k] > 0)
        assert shapely.Polygon(ring).area == abs(rings.areas[k])


def test_more_rings_and_points_than_the_first_tables_hold():
    labels = np.zeros((60, 60), np.int32)
    labels[::2, ::2] = np.arange(1, 901).reshape(30, 30)
    found = outlines(labels)
    assert len(found) == 900
    for k in (0, 299, 899):
        assert found[k].mean(axis=0).tolist() == np.argwhere(labels == k + 1)[0].tolist()
