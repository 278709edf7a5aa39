"""Patches: where they come from, and that image and labels stay together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from stellate.data.augmentation import Augmentation, choose_zoom, take_patch
from stellate.data.placement import UNKNOWN
from stellate.data.samples import Sample
from stellate.results import Instances


def discs(shape: tuple[int, int], diameter: float, seed: int = 0, n: int = 40) -> np.ndarray:
    """Discs that do not overlap, numbered from 1."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.int32)
    y, x = np.mgrid[: shape[0], : shape[1]]
    label = 0
    for _ in range(n):
        cy, cx = rng.uniform(0, shape[0]), rng.uniform(0, shape[1])
        disc = (y - cy) ** 2 + (x - cx) ** 2 <= diameter**2 / 4
        if not labels[disc].any():
            label += 1
            labels[disc] = label
    return labels


def take(labels: np.ndarray, augmentation: Augmentation, seed: int = 0, **changes: object) -> tuple:
    given = {"size": (64, 64), "diameter": None, "foreground_chance": 0.0, **changes}
    size = given.pop("size")
    # the image shows the labels, so that any disagreement of the two is seen
    pixels = np.stack([labels > 0, labels]).astype(np.float32)
    sample = Sample(pixels, Instances(labels), diameter=given.pop("diameter"))
    return take_patch(sample, size, augmentation=augmentation, rng=np.random.default_rng(seed), **given)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    height=st.integers(20, 150),
    width=st.integers(20, 150),
    chance=st.sampled_from([0.0, 1.0]),
)
def test_without_augmentation_a_patch_is_a_piece_of_the_image(
    seed: int, height: int, width: int, chance: float
) -> None:
    labels = discs((height, width), 12)
    pixels, patch = take(labels, Augmentation.none(), seed, foreground_chance=chance)
    assert patch.shape == (64, 64)
    assert pixels.shape == (2, 64, 64)
    inside = patch != UNKNOWN
    assert inside.sum() == min(64, height) * min(64, width)
    np.testing.assert_array_equal(pixels[1][inside], patch[inside])
    piece = patch[inside].reshape(min(64, height), min(64, width))
    windows = np.lib.stride_tricks.sliding_window_view(labels, piece.shape)
    assert (windows == piece).all(axis=(2, 3)).any()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_image_and_labels_move_together(seed: int) -> None:
    labels = discs((160, 160), 30, seed)
    augmentation = Augmentation(scale=(0.6, 2.5), rotation_chance=0.7)
    pixels, patch = take(labels, augmentation, seed)
    inside = patch != UNKNOWN
    bright = pixels[0] > 0.5
    disagreeing = (bright != (patch > 0)) & inside
    # interpolation moves an edge by up to half a pixel of the image, here 1.25 of the patch; a shift or a turn of one
    # of the two would move it by more
    edge = ndimage.maximum_filter(patch > 0, 5) != ndimage.minimum_filter(patch > 0, 5)
    # the tip of a disc, a pixel of the image, may be smoothed away
    assert (disagreeing & ~edge).sum() <= 2 * 2.5**2


def test_objects_are_brought_to_the_wanted_size() -> None:
    labels = discs((200, 200), 16, n=60)
    augmentation = replace(Augmentation.none(), diameters=(40.0, 40.0), diameter_chance=1.0)
    sizes = []
    for seed in range(20):
        _, patch = take(labels, augmentation, seed, size=(128, 128), diameter=16.0, foreground_chance=1.0)
        inner = patch[1:-1, 1:-1]
        whole = set(np.unique(inner)) - set(np.unique(np.r_[patch[0], patch[-1], patch[:, 0], patch[:, -1]]))
        sizes += [2 * np.sqrt((patch == k).sum() / np.pi) for k in whole if k > 0]
    assert len(sizes) > 20
    assert np.median(sizes) == pytest.approx(40, abs=1.5)


@pytest.mark.parametrize(("chance", "expected"), [(0.0, 0), (0.25, 50), (1.0, 200)])
def test_as_many_patches_are_magnified_as_wanted(chance: float, expected: int) -> None:
    twice = replace(Augmentation.none(), scale=(2.0, 2.0), scale_chance=chance)
    zooms = [choose_zoom(twice, None, np.random.default_rng(seed)) for seed in range(200)]
    assert set(zooms) <= {1.0, 2.0}
    assert abs(zooms.count(2.0) - expected) <= 18  # 3 standard deviations


def test_magnified_outlines_are_smooth() -> None:
    labels = discs((100, 100), 20, n=1)
    augmentation = replace(Augmentation.none(), scale=(4.0, 4.0))
    _, patch = take(labels, augmentation, size=(96, 96), foreground_chance=1.0)
    steps = np.diff((patch > 0).astype(int).sum(1))
    # without care every step of the outline would be as wide as the magnification
    assert len(np.unique(np.abs(steps[steps != 0]))) > 1
    assert (np.diff(np.flatnonzero(steps)) == 1).any()


def test_patches_are_placed_on_objects_if_asked() -> None:
    labels = np.zeros((400, 400), np.int32)
    labels[200:205, 200:205] = 7
    found = [(take(labels, Augmentation.none(), s, foreground_chance=1.0)[1] == 7).any() for s in range(20)]
    elsewhere = [(take(labels, Augmentation.none(), s)[1] == 7).any() for s in range(20)]
    assert all(found)
    assert not all(elsewhere)


def test_beyond_the_image_nothing_is_known() -> None:
    labels = discs((40, 40), 10)
    _, patch = take(labels, Augmentation.none())
    assert (patch == UNKNOWN).sum() == 64 * 64 - 40 * 40


def test_ids_of_any_size_survive() -> None:
    labels = discs((100, 100), 20)
    labels[labels > 0] += 2**24 + 1
    for scale in (0.7, 3.0):
        _, patch = take(labels, replace(Augmentation.none(), scale=(scale, scale)))
        assert set(np.unique(patch)) - {UNKNOWN} <= set(np.unique(labels))
