"""Surface areas against known solids, marching cubes and counting pairs one direction at a time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.integrate import dblquad
from scipy.ndimage import gaussian_filter
from skimage.measure import marching_cubes, mesh_surface_area

from stellate.geometry.labels import relabel
from stellate.geometry.surface import NEIGHBOURS, crossing_weights, surface_areas

SPACINGS = [(1.0, 1.0, 1.0), (2.0, 1.0, 1.0), (0.5, 0.2, 0.2), (4.0, 1.0, 1.0)]
small_volumes = hnp.arrays(
    np.int32, hnp.array_shapes(min_dims=3, max_dims=3, max_side=6), elements=st.integers(-1, 3)
).map(lambda a: relabel(a)[0])


def ellipsoid(half_axes, spacing, seed):
    """A turned ellipsoid somewhere on the grid, with background around it: a volume of 0 and 1."""
    rng = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    form = turn @ np.diag(1 / np.square(half_axes)) @ turn.T
    reach = [int(np.ceil(max(half_axes) / s)) + 2 for s in spacing]
    axes = [(np.arange(-n, n + 1) + rng.uniform(-0.5, 0.5)) * s for n, s in zip(reach, spacing, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    return (np.einsum("...i,ij,...j", points, form, points) <= 1).astype(np.int32)


def area_of_ellipsoid(a, b, c):
    """By integration over the sphere, of the vector product of the two tangents."""

    def element(polar, azimuth):
        s, z = np.sin(polar), np.cos(polar)
        x, y = s * np.cos(azimuth), s * np.sin(azimuth)
        return s * np.sqrt((b * c * x) ** 2 + (a * c * y) ** 2 + (a * b * z) ** 2)

    return 8 * dblquad(element, 0, np.pi / 2, 0, np.pi / 2)[0]


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("half_axes", [(4, 4, 4), (8, 8, 8), (4, 4, 10), (8, 8, 4), (12, 8, 6)])
def test_balls_and_turned_ellipsoids_of_known_surface(spacing, half_axes):
    """Half axes in half the distance of the planes or, for cubic voxels, in voxels."""
    size = np.array(half_axes) * (max(spacing) / 2 if spacing[0] > spacing[1] else 1)
    found = [surface_areas(ellipsoid(size, spacing, seed), 1, spacing)[0] for seed in range(5)]
    expected = area_of_ellipsoid(*size)
    thin = min(size) / max(spacing) < 3  # fewer than 6 planes
    assert np.mean(found) == pytest.approx(expected, rel=0.045 if thin else 0.02)
    assert found == pytest.approx([expected] * 5, rel=0.09 if thin else 0.045)


def test_large_balls_are_right_within_half_a_percent():
    for radius in (14.0, 20.0):
        found = surface_areas(ellipsoid((radius,) * 3, (1, 1, 1), 3), 1)[0]
        assert found == pytest.approx(4 * np.pi * radius**2, rel=0.005)


def test_agrees_with_marching_cubes_on_a_smoothed_blob():
    """Marching cubes is about 8 % too large on plain voxels; on smoothed ones it is right, and shrinks little."""
    noise = gaussian_filter(np.random.default_rng(4).normal(size=(60, 60, 60)), 7)
    noise[[0, -1]] = noise[:, [0, -1]] = noise[:, :, [0, -1]] = -1
    level = np.quantile(noise, 0.8)
    vertices, faces, *_ = marching_cubes(noise, level)
    found = surface_areas((noise > level).astype(np.int32), 1)[0]
    assert found == pytest.approx(mesh_surface_area(vertices, faces), rel=0.02)


def counted(labels, label, spacing):
    """Slow oracle: the pairs of each direction in a padded volume."""
    mask = np.pad(labels == label, 1)
    total = 0.0
    for step, weight in zip(NEIGHBOURS, crossing_weights(spacing), strict=True):
        total += weight * np.count_nonzero(mask != np.roll(mask, step, axis=(0, 1, 2)))
    return total


@settings(max_examples=80, deadline=None)
@given(small_volumes, st.sampled_from(SPACINGS))
def test_counts_every_pair_once_for_each_object(labels, spacing):
    found = surface_areas(labels, int(labels.max(initial=0)), spacing)
    expected = [counted(labels, k + 1, spacing) for k in range(len(found))]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("spacing", "deviation"), [(SPACINGS[0], 0.017), (SPACINGS[1], 0.032), (SPACINGS[3], 0.06)]
)
def test_weights_see_planes_of_all_directions_alike(spacing, deviation):
    normals = np.random.default_rng(0).normal(size=(20_000, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    weights = crossing_weights(spacing)
    area = np.abs(normals @ (np.array(NEIGHBOURS) * spacing).T) @ weights / np.prod(spacing)
    assert (weights >= 0).all()
    assert area.mean() == pytest.approx(1, abs=0.003)
    assert area.std() < deviation


def test_half_the_directions_and_their_opposites_are_all_neighbours():
    every = {step for step in np.ndindex(3, 3, 3) if step != (1, 1, 1)}
    half = {tuple(v + 1 for v in step) for step in NEIGHBOURS}
    assert half | {tuple(2 - v for v in step) for step in half} == every
    assert len(half) == 13
