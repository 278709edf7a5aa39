"""Intensities vary by the generator alone, in images and in volumes, and as wide along each axis as its pixels say."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from stellate.data.intensity import blur, vary_intensity


def blobs(shape: tuple[int, ...]) -> np.ndarray:
    """Objects numbered from 1."""
    smooth = ndimage.gaussian_filter(np.random.default_rng(0).random(shape), 3)
    return ndimage.label(smooth > np.percentile(smooth, 70))[0].astype(np.int32)


@pytest.mark.parametrize("shape", [(64, 64), (20, 40, 40), (1, 40, 40)])
def test_intensity_varies_by_the_generator_alone_and_stays_finite(shape: tuple[int, ...]) -> None:
    labels = blobs(shape)
    pixels = (labels[np.newaxis] > 0).astype(np.float32)
    for seed in range(30):
        once, again = (
            vary_intensity(pixels, labels, strength=1.0, rng=np.random.default_rng(seed)) for _ in range(2)
        )
        np.testing.assert_array_equal(once, again)
        assert np.isfinite(once).all()
        # still the same scene: objects are brighter than the background where they were
        assert once[0][labels > 0].mean() > once[0][labels == 0].mean()
    assert not np.array_equal(
        once, vary_intensity(pixels, labels, strength=1.0, rng=np.random.default_rng(99))
    )


@pytest.mark.parametrize("shape", [(9, 8), (3, 9, 8)])
def test_no_strength_no_change(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).random((2, *shape)).astype(np.float32)
    same = vary_intensity(pixels, np.zeros(shape, np.int32), strength=0, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(same, pixels)


def test_objects_differ_in_brightness_but_not_within_themselves() -> None:
    labels = np.zeros((12, 40, 80), np.int32)
    for k in range(8):
        labels[:, 5:35, 10 * k : 10 * k + 10] = k + 1
    pixels = np.ones((1, *labels.shape), np.float32)
    spread = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        if rng.random() >= 0.3 or rng.standard_normal(9).size != 9 or min(rng.random(2)) < 0.5:
            continue  # only patches whose objects vary and that have no texture, and no gamma
        varied = vary_intensity(pixels, labels, strength=1.0, rng=np.random.default_rng(seed))[0]
        inner = [varied[:, 10:30, 10 * k + 4 : 10 * k + 6].mean() for k in range(8)]
        spread.append(np.std(inner))
    assert len(spread) > 2
    assert min(spread) > 0.1


@pytest.mark.parametrize("shape", [(41, 41), (31, 31, 31)])
def test_blur_is_gaussian(shape: tuple[int, ...]) -> None:
    x = np.zeros(shape, np.float32)
    x[tuple(s // 2 for s in shape)] = 1
    sigmas = (1.2, 2.0, 2.0)[-len(shape) :]
    blurred = blur(torch.from_numpy(x)[None], sigmas, 8)[0].numpy()
    np.testing.assert_allclose(
        blurred, ndimage.gaussian_filter(x, sigmas, truncate=4), atol=4e-3 * blurred.max()
    )


def test_blur_keeps_what_is_even_up_to_the_border() -> None:
    even = torch.full((2, 1, 7, 9), 3.0)
    torch.testing.assert_close(blur(even, (0.3, 2.0, 2.0), 4), even)


def test_texture_is_as_wide_along_each_axis_in_micrometres() -> None:
    """Neighbours along z differ more than neighbours along x, as much as they are further apart."""
    pixels = np.ones((1, 40, 40, 40), np.float32)
    labels = np.zeros(pixels.shape[1:], np.int32)
    ratios = {1.0: [], 4.0: []}
    for step, found in ratios.items():
        for seed in range(80):
            varied = vary_intensity(
                pixels, labels, strength=0.5, rng=np.random.default_rng(seed), anisotropy=(step, 1.0, 1.0)
            )[0]
            steps = [np.abs(np.diff(varied, axis=axis)).mean() for axis in (0, 2)]
            if 0 < max(steps) < 0.01:  # smooth: without noise
                found.append(steps[0] / steps[1])
    assert len(ratios[1.0]) > 5
    # where there is faint noise, it is the same along all axes
    assert max(ratios[1.0]) < 1.5
    assert np.mean(np.array(ratios[4.0]) > 2) > 0.3
