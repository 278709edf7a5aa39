"""Suppression in 3D against a slow greedy loop that asks Qhull and every voxel, and against what StarDist kept."""

from __future__ import annotations

import math
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull, HalfspaceIntersection, QhullError

from stellate.geometry.rays import Rays3D, rays_3d
from stellate.geometry.suppression_3d import KEPT, SUPPRESSED, UNDECIDED, suppress_3d

FIXTURE = Path(__file__).parents[1] / "fixtures" / "stardist_suppression_3d.npz"


class SlowPolyhedron:
    """A polyhedron in StarDist's arithmetic: float32, one operation after the other."""

    def __init__(self, point, distances, rays):
        self.center = np.asarray(point, dtype=np.float32)
        arms = np.asarray(distances, dtype=np.float32)[:, None] * rays.vertices
        self.vertices = self.center + arms
        self.first = np.rint(self.vertices.min(axis=0)).astype(int)
        self.last = np.maximum(np.rint(self.vertices.max(axis=0)).astype(int), -1)
        self.faces = rays.faces
        self.volume = np.float32(0)
        for a, b, c in arms[rays.faces]:
            self.volume += determinant(b - a, c - a, -a) / np.float32(6)
        grid = np.stack(np.meshgrid(*map(np.arange, self.first, self.last + 1), indexing="ij"), axis=-1)
        inside = self.holds(grid.reshape(-1, 3).astype(np.float32))
        self.voxels = set(map(tuple, grid.reshape(-1, 3)[inside].tolist()))

    def holds(self, voxels):
        inside = np.zeros(len(voxels), dtype=bool)
        r = self.center
        for a, b, c in self.vertices[self.faces]:
            sides = [(a, b, c), (r, b, a), (r, c, b), (r, a, c)]
            inside |= np.all([determinant(q - p, s - p, (voxels - p).T) >= 0 for p, q, s in sides], axis=0)
        return inside

    def kernel(self):
        a, b, c = (self.vertices[self.faces[:, k]] for k in range(3))
        normals = -np.cross(b - a, c - a)
        return np.hstack([normals, -(a * normals).sum(axis=1, keepdims=True)]).astype(np.float64)

    def hull(self):
        return ConvexHull(self.vertices.astype(np.float64)).equations


def determinant(m, n, p):
    det = m[0] * (n[1] * p[2] - p[1] * n[2]) - m[1] * (n[0] * p[2] - n[2] * p[0])
    return det + m[2] * (n[0] * p[1] - n[1] * p[0])


def common_volume(a, b, half_spaces, if_none):
    try:
        planes = np.concatenate([half_spaces(a), half_spaces(b)])
        middle = 0.5 * (a.center + b.center).astype(np.float64)
        return ConvexHull(HalfspaceIntersection(planes, middle).intersections).volume
    except QhullError:
        return if_none


def overlap(a, b, threshold):
    def is_more(common):
        return np.float32(common / (min(a.volume, b.volume) + 1e-10)) > np.float32(threshold)

    box = np.minimum(a.last, b.last) - np.maximum(a.first, b.first)
    if (box <= 0).any() or not is_more(box.prod()):
        return False
    if is_more(common_volume(a, b, SlowPolyhedron.kernel, 0.0)):
        return True
    return is_more(common_volume(a, b, SlowPolyhedron.hull, 1e10)) and is_more(len(a.voxels & b.voxels))


def slow_suppress(points, distances, scores, threshold, rays):
    polyhedra = [SlowPolyhedron(p, d, rays) for p, d in zip(points, distances, strict=True)]
    best_first = sorted(range(len(points)), key=lambda j: (scores[j], *points[j], j), reverse=True)
    states, kept = np.full(len(points), SUPPRESSED), []
    for j in best_first:
        if not any(overlap(polyhedra[i], polyhedra[j], threshold) for i in kept):
            kept.append(j)
    states[kept] = KEPT
    return states


def random_candidates(seed, n, rays, *, size=(8, 14, 14), radius=3.5, noise=0.15, whole=True):
    """Wobbly and ragged balls of random sizes, some of one voxel, with some equal scores."""
    rng = np.random.default_rng(seed)
    points = rng.integers(0, size, (n, 3)) if whole else rng.uniform(-3, size, (n, 3))
    mean = rng.choice([0.15, 0.4, 0.8, 1.0], size=(n, 1)) * radius
    tilt = 1 + 0.2 * rng.normal(size=(n, 3)) @ rays.vertices.T + noise * rng.normal(size=(n, len(rays)))
    distances = mean * np.maximum(tilt, 0.02)
    return (
        points.astype(np.float32),
        distances.astype(np.float32),
        rng.integers(0, 3 * n, n).astype(np.float32),
    )


seeds = st.integers(0, 10**6)
thresholds = st.sampled_from([0.0, 0.1, 0.3, 0.4, 0.5, 0.9])


@settings(max_examples=50, deadline=None)
@given(seeds, st.integers(1, 14), st.sampled_from([0.0, 0.1, 0.4]), st.booleans(), thresholds)
def test_states_are_those_of_the_slow_loop(seed, n, noise, whole, threshold):
    rays = rays_3d(24, (2.0, 1.0, 1.0))
    candidates = random_candidates(seed, n, rays, noise=noise, whole=whole)
    np.testing.assert_array_equal(
        suppress_3d(*candidates, threshold, rays), slow_suppress(*candidates, threshold, rays)
    )


@pytest.mark.parametrize(
    ("n_rays", "anisotropy"), [(6, (1.0, 1.0, 1.0)), (16, (4.0, 1.0, 1.0)), (64, (1.0, 1.0, 1.0))]
)
def test_any_number_of_rays(n_rays, anisotropy):
    rays = rays_3d(n_rays, anisotropy)
    for seed in range(3):
        candidates = random_candidates(seed, 12, rays)
        np.testing.assert_array_equal(
            suppress_3d(*candidates, 0.3, rays), slow_suppress(*candidates, 0.3, rays)
        )


def test_rows_longer_than_a_word_and_offsets_beyond_the_table():
    rays = rays_3d(24)
    points, distances, scores = random_candidates(3, 8, rays, size=(3, 3, 60))
    stretched = Rays3D(rays.vertices * [0.25, 0.25, 12], rays.faces)
    for shift in (0, 0.25):  # between voxels, no table is used
        np.testing.assert_array_equal(
            suppress_3d(points + np.float32(shift), distances, scores, 0.3, stretched),
            slow_suppress(points + np.float32(shift), distances, scores, 0.3, stretched),
        )


@pytest.mark.parametrize("name", ["wobbly", "ragged", "tiny", "flat"])
def test_kept_is_what_stardist_keeps(name):
    with np.load(FIXTURE) as data:
        found = {key.split(" ", 1)[1]: data[key] for key in data.files if key.startswith(name)}
    rays = Rays3D(found["rays"], found["faces"])
    for k, threshold in enumerate(found["thresholds"]):
        states = suppress_3d(found["points"], found["distances"], found["scores"], threshold, rays)
        np.testing.assert_array_equal(states == KEPT, found["kept"][k])


@settings(max_examples=25, deadline=None)
@given(
    seeds,
    st.integers(1, 60),
    st.lists(st.integers(1, 29), max_size=2, unique=True),
    st.lists(st.integers(1, 29), max_size=2, unique=True),
    st.integers(0, 20),
)
def test_tiles_first_and_survivors_then_give_the_global_result(seed, n, z_cuts, x_cuts, halo):
    rays = rays_3d(16)
    points, distances, scores = random_candidates(seed, n, rays, size=(30, 12, 30), radius=5.0)
    survives, reach = np.zeros(n, dtype=bool), float(distances.max())
    for sides in product(tile_sides(z_cuts, halo), tile_sides([], halo), tile_sides(x_cuts, halo)):
        own, known = zip(*sides, strict=True)
        here = inside(points, known)
        states = np.full(n, SUPPRESSED)
        states[here] = suppress_3d(
            points[here], distances[here], scores[here], 0.3, rays, known=known, reach=reach
        )
        survives |= inside(points, own) & (states != SUPPRESSED)
    expected = suppress_3d(points, distances, scores, 0.3, rays)
    assert survives[expected == KEPT].all()
    again = suppress_3d(points[survives], distances[survives], scores[survives], 0.3, rays)
    np.testing.assert_array_equal(np.flatnonzero(survives)[again == KEPT], np.flatnonzero(expected == KEPT))


def tile_sides(cuts, halo):
    """For each piece of one axis: what it owns, and what it knows."""
    ends = [-math.inf, *sorted(cuts), math.inf]
    return [((a, b), (a - halo, b + halo)) for a, b in pairwise(ends)]


def inside(points, region):
    return np.logical_and.reduce(
        [(points[:, k] >= start) & (points[:, k] < stop) for k, (start, stop) in enumerate(region)]
    )


def test_each_state_for_the_reason_it_has():
    # along x: far from the unknown; overlaps it; near the unknown; overlaps the one before
    points = np.array([[9, 50, 20], [9, 50, 21], [9, 50, 92], [9, 50, 84], [9, 50, 50]])
    distances, rays, everywhere = np.full((5, 32), 6.0), rays_3d(32), (-math.inf, math.inf)
    known = (everywhere, everywhere, (-math.inf, 100))
    states = suppress_3d(points, distances, [0.9, 0.8, 0.7, 0.6, 0.5], 0.1, rays, known=known, reach=5)
    assert states.tolist() == [KEPT, SUPPRESSED, UNDECIDED, UNDECIDED, KEPT]
    # the same with the order of the pair at the right exchanged: the better one is out of reach of the unknown
    states = suppress_3d(points, distances, [0.9, 0.8, 0.6, 0.7, 0.5], 0.1, rays, known=known, reach=5)
    assert states.tolist() == [KEPT, SUPPRESSED, SUPPRESSED, KEPT, KEPT]


@settings(max_examples=20, deadline=None)
@given(seeds, st.randoms(use_true_random=False))
def test_order_of_input_does_not_matter(seed, random):
    rays = rays_3d(16)
    points, distances, _ = random_candidates(seed, 50, rays)
    # equal scores at different positions
    points, first = np.unique(points, axis=0, return_index=True)
    distances, scores = distances[first], np.arange(len(points)) // 3
    order = list(range(len(points)))
    random.shuffle(order)
    states = suppress_3d(points, distances, scores, 0.3, rays)
    np.testing.assert_array_equal(
        suppress_3d(points[order], distances[order], scores[order], 0.3, rays), states[order]
    )


def test_of_two_the_lower_threshold_never_keeps_more():
    rays = rays_3d(32)
    for seed in range(40):
        points, distances, scores = random_candidates(seed, 2, rays, size=(4, 4, 4))
        kept = [
            (suppress_3d(points, distances, scores, t, rays) == KEPT).sum() for t in (0.1, 0.3, 0.5, 0.9, 1.0)
        ]
        assert kept == sorted(kept)
        assert kept[-1] == 2


def test_equal_scores_are_taken_from_the_last_position_backwards():
    points, rays = np.array([[9, 9, 9], [9, 9, 10], [9, 10, 9], [10, 9, 9], [9, 9, 9]]), rays_3d(32)
    distances = np.full((5, 32), 5.0)
    for order in ([0, 1, 2, 3, 4], [2, 0, 3, 1, 4], [4, 3, 2, 1, 0]):
        assert suppress_3d(points[order], distances, np.ones(5), 0.4, rays).tolist() == [
            k == 3 for k in order
        ]
    assert suppress_3d(points[[0, 4]], distances[:2], np.ones(2), 0.4, rays).tolist() == [SUPPRESSED, KEPT]


def test_identical_candidates_leave_one():
    points, distances = np.full((1000, 3), 30.0), np.full((1000, 32), 8.0)
    states = suppress_3d(points, distances, np.ones(1000), 0.4, rays_3d(32))
    assert np.flatnonzero(states).tolist() == [999]


def test_thousands_of_objects_of_one_voxel():
    grid = np.stack(np.meshgrid(*[np.arange(0, 54, 3)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    points, rays = np.concatenate([grid, grid]), rays_3d(32)
    distances = np.full((len(points), 32), 0.9)
    states = suppress_3d(points, distances, np.arange(len(points)), 0.4, rays)
    np.testing.assert_array_equal(states, np.arange(len(points)) >= len(grid))
    # at the least distance that models give, the box of each is a single voxel, of no extent: none overlap
    assert (suppress_3d(points, distances * 0 + 1e-3, np.arange(len(points)), 0.4, rays) == KEPT).all()


def test_a_giant_among_dwarfs():
    rays = rays_3d(32)
    points, distances, scores = random_candidates(1, 80, rays, size=(20, 20, 20), noise=0.03)
    points[0], distances[0], scores[0] = 10, 20, 1000
    deep = np.linalg.norm(points - 10, axis=1) + distances.max(axis=1) < 17
    states = suppress_3d(points, distances, scores, 0.4, rays)
    assert states[0] == KEPT
    assert (deep & (distances.max(axis=1) > 1)).sum() > 40
    assert not states[deep & (distances.max(axis=1) > 1)].any()


def test_far_apart_and_far_from_the_volume():
    # an index over all of them would have more cells than there is memory
    points = np.array([[-4e6, 0, 0], [4e6, 0, 0], [0, 4e6, -4e6], [0, 4e6, -4e6 + 1], [5, 5, 5]])
    states = suppress_3d(points, np.full((5, 16), 6.0), np.arange(5), 0.3, rays_3d(16))
    assert states.tolist() == [KEPT, KEPT, SUPPRESSED, KEPT, KEPT]


def test_centres_in_one_plane():
    rays = rays_3d(24)
    candidates = random_candidates(5, 14, rays, size=(1, 16, 16))
    assert not candidates[0][:, 0].any()
    np.testing.assert_array_equal(suppress_3d(*candidates, 0.3, rays), slow_suppress(*candidates, 0.3, rays))


def test_no_candidates():
    assert suppress_3d(np.zeros((0, 3)), np.zeros((0, 32)), [], 0.4, rays_3d(32)).tolist() == []


def test_arguments_are_not_changed():
    rays = rays_3d(16)
    candidates = random_candidates(0, 30, rays)
    copies = [array.copy() for array in candidates]
    suppress_3d(*candidates, 0.4, rays)
    for array, copy in zip(candidates, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_wrong_arguments_are_refused():
    rays = rays_3d(16)
    points, distances, scores = random_candidates(0, 3, rays)
    with pytest.raises(ValueError, match=r"expected 3 scores without NaN, got an array of shape \(2,\)"):
        suppress_3d(points, distances, scores[:2], 0.4, rays)
    for value, message in [
        (0, "above 0, but row 1"),
        (-1, "above 0, but row 1"),
        (np.inf, "finite, but row 1"),
        (-np.inf, "finite, but row 1"),
        (np.nan, "finite, but row 1"),
    ]:
        wrong = distances.copy()
        wrong[1, 5] = value
        with pytest.raises(ValueError, match=message):
            suppress_3d(points, wrong, scores, 0.4, rays)
    with pytest.raises(
        ValueError, match="reach over at most 2147483648 voxels, but row 2 has a distance of 3000"
    ):
        suppress_3d(points, np.where(np.arange(3)[:, None] == 2, 3000, distances), scores, 0.4, rays)
    with pytest.raises(ValueError, match=r"reach must be a distance in pixels.*got None"):
        suppress_3d(points, distances, scores, 0.4, rays, known=((0, 9),) * 3)
    with pytest.raises(ValueError, match="start and stop along 3 axes"):
        suppress_3d(points, distances, scores, 0.4, rays, known=((0, 9),) * 2, reach=3)
