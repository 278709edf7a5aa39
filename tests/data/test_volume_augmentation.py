"""Patches of volumes: image and labels stay together, and nothing is turned between axes of different pixel sizes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from stellate.data.augmentation import Augmentation
from stellate.data.placement import UNKNOWN
from stellate.data.samples import Sample
from stellate.data.volume_augmentation import take_volume_patch
from stellate.results import Instances

ISOTROPIC, FLAT = (1.0, 1.0, 1.0), (3.0, 1.0, 1.0)
SIZE = (12, 24, 24)
TURNED = replace(Augmentation.none(), rotation_chance=1.0)


def balls(shape: tuple[int, int, int], diameter: float, seed: int = 0, n: int = 40) -> np.ndarray:
    """Balls that do not overlap, numbered from 1."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.int32)
    grid = np.indices(shape)
    label = 0
    for _ in range(n):
        centre = rng.uniform(0, shape).reshape(3, 1, 1, 1)
        ball = ((grid - centre) ** 2).sum(0) <= diameter**2 / 4
        if not labels[ball].any():
            label += 1
            labels[ball] = label
    return labels


def take(labels: np.ndarray, augmentation: Augmentation, seed: int = 0, **changes: object) -> tuple:
    given = {"size": SIZE, "diameter": None, "foreground_chance": 0.0, "anisotropy": ISOTROPIC, **changes}
    # the image shows the labels, so that any disagreement of the two is seen
    pixels = given.pop("pixels", np.stack([labels > 0, labels]).astype(np.float32))
    sample = Sample(pixels, Instances(labels), diameter=given.pop("diameter"))
    rng = np.random.default_rng(seed)
    return take_volume_patch(sample, given.pop("size"), augmentation=augmentation, rng=rng, **given)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    shape=st.tuples(st.integers(1, 20), st.integers(5, 40), st.integers(5, 40)),
    chance=st.sampled_from([0.0, 1.0]),
)
def test_without_augmentation_a_patch_is_a_piece_of_the_volume(
    seed: int, shape: tuple[int, int, int], chance: float
) -> None:
    labels = np.random.default_rng(seed).integers(0, 50, shape, dtype=np.int32)
    pixels, patch = take(labels, Augmentation.none(), seed, foreground_chance=chance)
    assert patch.shape == SIZE
    assert pixels.shape == (2, *SIZE)
    inside = patch != UNKNOWN
    covered = tuple(min(a, b) for a, b in zip(SIZE, shape, strict=True))
    np.testing.assert_array_equal(pixels[1][inside], patch[inside])
    piece = patch[inside].reshape(covered)
    windows = np.lib.stride_tricks.sliding_window_view(labels, covered)
    assert (windows == piece).all(axis=(3, 4, 5)).any()


def test_beyond_the_volume_lies_its_reflection() -> None:
    labels = np.arange(1, 7, dtype=np.int32).reshape(6, 1, 1) * np.ones((1, 24, 24), np.int32)
    pixels, patch = take(labels, Augmentation.none())
    assert pixels[1, :, 0, 0].tolist() == [3, 2, 1, 1, 2, 3, 4, 5, 6, 6, 5, 4]
    assert patch[:, 0, 0].tolist() == [-1] * 3 + [1, 2, 3, 4, 5, 6] + [-1] * 3


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), anisotropy=st.sampled_from([ISOTROPIC, FLAT]))
def test_image_and_labels_move_together(seed: int, anisotropy: tuple[float, ...]) -> None:
    labels = balls((40, 40, 40), 14, seed)
    augmentation = Augmentation(scale=(0.7, 1.6), rotation_chance=0.8)
    pixels, patch = take(labels, augmentation, seed, anisotropy=anisotropy)
    inside = patch != UNKNOWN
    disagreeing = ((pixels[0] > 0.5) != (patch > 0)) & inside
    # interpolation moves a surface by up to half a voxel of the volume, 0.8 of the patch
    edge = ndimage.maximum_filter(patch > 0, 3) != ndimage.minimum_filter(patch > 0, 3)
    # of the outermost voxels the neighbours beyond are not seen
    inner = (slice(1, -1),) * 3
    assert not (disagreeing & ~edge)[inner].any()


def symmetries(cube: np.ndarray) -> Iterator[tuple[tuple[int, ...], tuple[int, ...], np.ndarray]]:
    """All ways to exchange the axes of an array and mirror them."""
    for order in [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]:
        for flips in np.ndindex(2, 2, 2):
            yield order, flips, np.flip(cube.transpose(order), np.flatnonzero(flips))


@pytest.mark.parametrize(
    ("anisotropy", "size", "count"),
    [
        (ISOTROPIC, (4, 4, 4), 48),
        ((1.1, 1.0, 1.0), (4, 4, 4), 48),
        # an anisotropic volume is never turned into z
        (FLAT, (4, 4, 4), 16),
        # nor a patch that is less deep than wide
        (ISOTROPIC, (2, 4, 4), 16),
        ((2.0, 1.0, 1.5), (4, 4, 4), 8),
        (FLAT, (4, 4, 2), 8),
    ],
)
def test_mirrors_and_quarter_turns(anisotropy: tuple, size: tuple, count: int) -> None:
    labels = np.arange(1, np.prod(size) + 1, dtype=np.int32).reshape(size)
    augmentation = replace(Augmentation.none(), flips=True)
    known = {array.tobytes(): order for order, _, array in symmetries(labels) if array.shape == size}
    seen = set()
    for seed in range(40 * count // 4):
        pixels, patch = take(labels, augmentation, seed, anisotropy=anisotropy, size=size)
        np.testing.assert_array_equal(pixels[1], patch)
        seen.add(patch.tobytes())
    assert seen <= set(known)
    assert len(seen) == count
    if count < 48:
        assert all(known[patch][0] == 0 for patch in seen)


def test_turns_of_an_anisotropic_volume_keep_each_voxel_in_its_plane() -> None:
    # each plane has one number
    labels = np.broadcast_to(np.arange(1, 31, dtype=np.int32)[:, None, None], (30, 60, 60)).copy()
    for seed in range(15):
        pixels, patch = take(labels, TURNED, seed, anisotropy=FLAT)
        planes = patch[:, 12, 12]
        np.testing.assert_array_equal(patch, np.broadcast_to(planes[:, None, None], SIZE))
        assert (np.diff(planes) == 1).all()
        np.testing.assert_allclose(pixels[1], patch, atol=1e-3)


def test_turns_are_by_any_angle() -> None:
    """A long bar shows where it points: within its plane, or anywhere where the volume is isotropic."""
    bar = np.zeros((60, 60, 60), np.int32)
    bar[29:31, 29:31, 5:55] = 1
    for anisotropy, deep in ((FLAT, False), (ISOTROPIC, True)):
        directions = []
        for seed in range(40):
            _, patch = take(bar, TURNED, seed, anisotropy=anisotropy, size=(30, 30, 30))
            places = np.argwhere(patch == 1)
            if len(places) > 30:
                directions.append(np.linalg.svd(places - places.mean(0))[2][0])
        z, y, x = np.abs(np.array(directions)).T
        assert (z.max() > 0.7) == deep
        assert z.max() < 0.05 or deep
        assert np.std(np.degrees(np.arctan2(y, x))) > 15


def test_a_thin_volume_is_turned_about_z_alone() -> None:
    labels = np.broadcast_to(np.arange(1, 13, dtype=np.int32)[:, None, None], (12, 60, 60)).copy()
    for seed in range(10):
        _, patch = take(labels, TURNED, seed)
        assert (patch[:, 12, 12] == np.arange(1, 13)).all()


def test_a_turn_moves_every_voxel_as_scipy_does() -> None:
    rng = np.random.default_rng(3)
    volume = rng.random((1, 50, 50, 50), dtype=np.float32)
    labels = np.ones(volume.shape[1:], np.int32)
    augmentation = replace(TURNED, scale=(1.3, 1.3))
    for seed in range(3):
        patch, _ = take(labels, augmentation, seed, pixels=volume, anisotropy=FLAT, size=(10, 16, 16))
        again = np.random.default_rng(seed)
        again.random()  # whether to turn
        angle = again.uniform(0, 2 * np.pi)
        again.standard_normal(4)  # the turn about any axis, which is not used
        again.random()  # whether to place it on an object
        cos, sin = np.cos(angle) / 1.3, np.sin(angle) / 1.3
        step = np.array([[1 / 1.3, 0, 0], [0, cos, -sin], [0, sin, cos]])
        sides = np.ceil(np.abs(step) @ (10, 16, 16)).astype(int) + 2
        corner = [again.integers(50 - side + 1) for side in sides]
        offset = corner + (sides - 1) / 2 - step @ (4.5, 7.5, 7.5)
        expected = ndimage.affine_transform(volume[0], step, offset, (10, 16, 16), order=1)
        np.testing.assert_allclose(patch[0], expected, atol=2e-5)


def test_objects_are_brought_to_the_wanted_size() -> None:
    labels = balls((60, 60, 60), 12)
    augmentation = replace(Augmentation.none(), diameters=(20.0, 20.0), diameter_chance=1.0)
    sizes = []
    for seed in range(30):
        _, patch = take(
            labels,
            augmentation,
            seed,
            size=(48, 48, 48),
            diameter=12.0,
            foreground_chance=1.0,
            anisotropy=FLAT,
        )
        inner = patch[1:-1, 1:-1, 1:-1]
        cut = {*np.unique(patch)} - {*np.unique(inner)}
        for axis in range(3):
            cut |= {*np.unique(patch.take([0, -1], axis))}
        sizes += [np.cbrt(6 * (patch == k).sum() / np.pi) for k in {*np.unique(inner)} - cut if k > 0]
    assert len(sizes) > 10
    assert np.median(sizes) == pytest.approx(20, abs=0.8)


def test_no_more_is_read_than_the_patch_needs() -> None:
    class Watched:
        """A volume that knows how much of it was sliced."""

        read = 0

        def __getitem__(self, index: tuple[slice, ...]) -> np.ndarray:
            part = np.zeros((80, 80, 80), np.float32)[index[1:]]
            self.read = max(self.read, part.size)
            return part[np.newaxis]

    labels = np.zeros((80, 80, 80), np.int32)
    watched = Watched()
    take(labels, Augmentation.none(), pixels=watched)
    assert watched.read == np.prod(SIZE)
    for seed in range(20):
        take(labels, replace(TURNED, scale=(0.8, 1.3)), seed, pixels=watched, anisotropy=FLAT)
    diagonal = 24 * np.sqrt(2) / 0.8 + 3
    assert watched.read <= (12 / 0.8 + 3) * diagonal**2


def test_patches_are_placed_on_objects_if_asked() -> None:
    labels = np.zeros((40, 200, 200), np.int32)
    labels[20:22, 100:103, 100:103] = 7
    found = [(take(labels, Augmentation.none(), s, foreground_chance=1.0)[1] == 7).any() for s in range(20)]
    elsewhere = [(take(labels, Augmentation.none(), s)[1] == 7).any() for s in range(20)]
    assert all(found)
    assert not all(elsewhere)


@pytest.mark.parametrize("scale", [0.7, 1.0, 1.3])
def test_ids_of_any_size_survive(scale: float) -> None:
    labels = balls((24, 40, 40), 10)
    labels[labels > 0] += 2**24 + 1
    labels[labels == labels.max()] = 2**31 - 1
    seen: set[int] = set()
    for seed in range(8):
        _, patch = take(labels, replace(TURNED, scale=(scale, scale), flips=True), seed)
        seen |= {*np.unique(patch).tolist()}
    assert seen - {UNKNOWN} <= {*np.unique(labels).tolist()}
    assert len(seen) > 5


@pytest.mark.parametrize("shape", [(1, 40, 40), (1, 5, 5), (3, 100, 7)])
@pytest.mark.parametrize("anisotropy", [ISOTROPIC, FLAT])
def test_volumes_smaller_than_the_patch(shape: tuple, anisotropy: tuple) -> None:
    labels = np.full(shape, 5, np.int32)
    for seed in range(10):
        pixels, patch = take(labels, Augmentation(rotation_chance=0.5), seed, anisotropy=anisotropy)
        assert pixels.shape == (2, *SIZE)
        assert {*np.unique(patch).tolist()} == {UNKNOWN, 5}
        np.testing.assert_allclose(pixels[1], 5, atol=1e-4)


def test_a_patch_of_one_plane() -> None:
    labels = balls((9, 60, 60), 9)
    for seed in range(6):
        pixels, patch = take(
            labels, Augmentation(rotation_chance=0.7), seed, size=(1, 24, 24), anisotropy=FLAT
        )
        disagreeing = (pixels[0] > 0.5) != (patch > 0)
        edge = ndimage.maximum_filter(patch > 0, 3) != ndimage.minimum_filter(patch > 0, 3)
        # across planes a surface may lie anywhere between two
        assert (disagreeing & ~edge & (patch != UNKNOWN)).mean() < 0.02


def test_the_same_generator_gives_the_same_patch() -> None:
    labels = balls((30, 40, 40), 10)
    for seed in range(6):
        once, again = (take(labels, Augmentation(rotation_chance=1.0), seed) for _ in range(2))
        np.testing.assert_array_equal(once[0], again[0])
        np.testing.assert_array_equal(once[1], again[1])
    assert not np.array_equal(once[1], take(labels, Augmentation(rotation_chance=1.0), 99)[1])
