"""Painting, against skimage's polygon and a loop over pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from skimage.draw import polygon

from stellate.geometry.rasterize import paint_polygons


def oracle(
    points: np.ndarray, distances: np.ndarray, shape: tuple[int, int], scores: np.ndarray | None = None
) -> np.ndarray:
    """As the StarDist package does it: dist_to_coord in float32, then skimage, best last."""
    angles = 2 * np.pi * np.arange(distances.shape[1]) / distances.shape[1]
    rays = np.stack([np.sin(angles), np.cos(angles)])
    vertices = (distances.astype(np.float32)[:, None] * rays).astype(np.float32)
    vertices += points.astype(np.float32)[..., None]
    out = np.zeros(shape, np.int32)
    for k in range(len(points)) if scores is None else np.argsort(scores, kind="stable"):
        out[polygon(vertices[k, 0], vertices[k, 1], shape)] = k + 1
    return out


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(0, 6),
    n_rays=st.sampled_from([3, 4, 8, 16, 32]),
    whole=st.booleans(),
    size=st.sampled_from([0.5, 3.0, 12.0, 60.0]),
)
@example(seed=2139, n=1, n_rays=32, whole=True, size=3.0)  # there and back along a row
@example(seed=2978994099, n=2, n_rays=4, whole=True, size=3.0)  # a vertex within rounding of row 0
def test_every_pixel_is_that_of_skimage(seed: int, n: int, n_rays: int, whole: bool, size: float) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(1, 40, 2))
    points = rng.uniform(-10, 50, (n, 2))
    distances = rng.uniform(0, size, (n, n_rays))
    if whole:
        # whole numbers put vertices and edges right on pixels
        points, distances = points.round(), distances.round()
    scores = rng.integers(0, 3, n).astype(float)
    painted = paint_polygons(points, distances, shape, scores=scores)
    expected = oracle(points, distances, shape, scores)
    np.testing.assert_array_equal(painted, expected)


def test_real_sizes_at_full_overlap() -> None:
    rng = np.random.default_rng(1)
    points = rng.integers(0, 300, (400, 2))
    distances = rng.uniform(8, 14, (400, 1)) * np.exp(0.1 * rng.standard_normal((400, 32)))
    scores = rng.random(400)
    painted = paint_polygons(points, distances, (300, 310), scores=scores)
    np.testing.assert_array_equal(painted, oracle(points, distances, (300, 310), scores))


def test_a_circle_has_the_area_of_one() -> None:
    painted = paint_polygons([[100.3, 99.8]], np.full((1, 256), 60.0), (200, 200))
    assert painted.sum() == pytest.approx(np.pi * 3600, rel=2e-3)


def test_the_best_is_on_top() -> None:
    square = np.full((2, 4), 5.0)
    assert paint_polygons([[9, 9], [9, 11]], square, (20, 20), scores=[0.9, 0.4])[9, 10] == 1
    assert paint_polygons([[9, 9], [9, 11]], square, (20, 20), scores=[0.4, 0.9])[9, 10] == 2


def test_given_labels() -> None:
    painted = paint_polygons([[5, 5]], [[2, 2, 2, 2]], (11, 11), labels=[70_000])
    assert set(np.unique(painted)) == {0, 70_000}


def test_tiny_and_huge_and_outside() -> None:
    assert paint_polygons([[3, 3]], np.full((1, 32), 1e-3), (7, 7)).sum() == 1
    assert (paint_polygons([[3, 3]], np.full((1, 32), 1e6), (7, 9)) == 1).all()
    assert not paint_polygons([[-50, 3], [3, 900]], np.full((2, 32), 4.0), (7, 9)).any()
    assert paint_polygons(np.zeros((0, 2)), np.zeros((0, 32)), (4, 5)).shape == (4, 5)
    assert paint_polygons([[0, 0]], [[1, 1, 1]], (0, 5)).shape == (0, 5)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite(value: float) -> None:
    with pytest.raises(ValueError, match="row 0 has a NaN or an infinity"):
        paint_polygons([[3, 3]], [[value, 1, 1]], (7, 7))


def test_lengths_that_differ() -> None:
    with pytest.raises(ValueError, match="expected 1 scores and labels"):
        paint_polygons([[3, 3]], [[1, 1, 1]], (7, 7), scores=[1, 2])
