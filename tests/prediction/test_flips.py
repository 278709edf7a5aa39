from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from stellate.prediction.engine import Engine
from stellate.prediction.flips import Flip, mirror_images


@pytest.mark.parametrize("grid", [(1, 1), (2, 2), (1, 4), (4, 2)])
@pytest.mark.parametrize("axes", mirror_images(2))
def test_maps_come_back_onto_the_pixels_they_were_predicted_at(grid, axes):
    """A network that only looks at its own pixel gives the same whether it looks into a mirror or not."""
    image = np.random.default_rng(0).normal(size=(1, 32, 48)).astype(np.float32)
    flip = Flip(axes, (32, 48), grid, stride=(16, 16))
    seen = torch.from_numpy(np.ascontiguousarray(flip.apply(image)))
    assert all(n % 16 == 0 for n in seen.shape[1:])
    maps = flip.undo({"coarse": seen[:, :: grid[0], :: grid[1]], "fine": seen})
    np.testing.assert_array_equal(maps["coarse"], image[:, :: grid[0], :: grid[1]])
    np.testing.assert_array_equal(maps["fine"], image)


class Slope(nn.Module):
    """Differences to the next pixel right and below: what they show depends on the direction."""

    def forward(self, x):
        right = torch.roll(x, -1, dims=3) - x
        below = torch.roll(x, -1, dims=2) - x
        return {"slope": torch.cat([right, below], dim=1)}


def test_the_average_is_over_all_four_views():
    image = np.random.default_rng(0).normal(size=(1, 12, 15)).astype(np.float32)
    identity = Engine(Slope(), torch.device("cpu"), precision="float32", mirrored=lambda maps, axes: maps)
    got = identity(image)["slope"].numpy()
    views = []
    for axes in mirror_images(2):
        seen = np.flip(image[0], axes)
        right, below = np.roll(seen, -1, 1) - seen, np.roll(seen, -1, 0) - seen
        views.append([np.flip(right, axes), np.flip(below, axes)])
    inner = (slice(None), slice(1, -1), slice(1, -1))
    np.testing.assert_allclose(got[inner], np.mean(views, axis=0)[inner], atol=1e-6)


class Slopes(nn.Module):
    """Differences to the next voxel along each axis."""

    config = SimpleNamespace(stride=(1, 1, 1), grid=(1, 1, 1))

    def forward(self, x):
        return {"slope": torch.cat([torch.roll(x, -1, dims=axis) - x for axis in (2, 3, 4)], dim=1)}


def test_volumes_have_eight_views():
    volume = np.random.default_rng(0).normal(size=(1, 6, 7, 8)).astype(np.float32)

    def mirrored(maps, axes):
        signs = torch.tensor([-1.0 if axis in axes else 1.0 for axis in range(3)])
        return {"slope": maps["slope"] * signs[:, None, None, None]}

    assert len(mirror_images(3)) == len(set(mirror_images(3))) == 8
    engine = Engine(Slopes(), torch.device("cpu"), mirrored=mirrored)
    got = engine(volume)["slope"].numpy()
    for axis in range(3):
        central = (np.roll(volume[0], -1, axis) - np.roll(volume[0], 1, axis)) / 2
        np.testing.assert_allclose(got[axis][1:-1, 1:-1, 1:-1], central[1:-1, 1:-1, 1:-1], atol=1e-6)


def test_directions_are_exchanged_where_asked():
    image = np.random.default_rng(0).normal(size=(1, 12, 15)).astype(np.float32)

    def mirrored(maps, axes):
        signs = [-1.0 if 1 in axes else 1.0, -1.0 if 0 in axes else 1.0]
        return {"slope": maps["slope"] * torch.tensor(signs)[:, None, None]}

    got = Engine(Slope(), torch.device("cpu"), precision="float32", mirrored=mirrored)(image)["slope"].numpy()
    central = (np.roll(image[0], -1, 1) - np.roll(image[0], 1, 1)) / 2
    np.testing.assert_allclose(got[0][1:-1, 1:-1], central[1:-1, 1:-1], atol=1e-6)
