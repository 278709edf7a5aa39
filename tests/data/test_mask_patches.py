"""Patches of class masks: classes stay with their pixels, and rare ones are seen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from stellate.data.annotations import pixel_ids, pixels_by_line, with_pixel_ids
from stellate.data.augmentation import Augmentation
from stellate.data.patches import PatchDataset, PatchSettings
from stellate.data.placement import choose_corner
from stellate.data.samples import Sample, typical_diameter
from stellate.results import Instances, Mask

NAMES = ("ground", "cell", "rare")


def classes_of(shape: tuple[int, ...]) -> np.ndarray:
    """Ground, a large cell, a rare class of one small block, and a corner that nobody annotated."""
    classes = np.zeros(shape, dtype=np.int32)
    classes[(*(slice(n // 4, n // 2) for n in shape),)] = 1
    classes[(*(slice(3 * n // 4, 3 * n // 4 + 2) for n in shape),)] = 2
    classes[(*(slice(0, n // 8) for n in shape),)] = -1
    return classes


def sample(shape: tuple[int, ...]) -> Sample:
    """An image that shows in its first channel of which class a pixel is."""
    classes = classes_of(shape)
    return Sample(classes[np.newaxis].astype(np.float32), Mask(classes, NAMES), name="x")


class Source:
    """One sample, drawn again and again."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.sample = sample(shape)

    def __len__(self) -> int:
        return 1

    def draw(self, rng: np.random.Generator) -> Sample:
        return self.sample


def patches(shape: tuple[int, ...], size: tuple[int, ...], augmentation: Augmentation) -> PatchDataset:
    settings = PatchSettings(size=size, augmentation=augmentation, foreground_chance=1.0)
    return PatchDataset(
        [Source(shape)], lambda s: {"classes": s.annotation.classes}, settings=settings, seed=0
    )


AUGMENTED = replace(Augmentation(), intensity=0.0, rotation_chance=0.5)


@pytest.mark.parametrize(
    ("shape", "size"), [((64, 80), (24, 24)), ((64, 80), (96, 96)), ((24, 40, 40), (12, 20, 20))]
)
def test_classes_stay_with_their_pixels(shape: tuple[int, ...], size: tuple[int, ...]) -> None:
    data = patches(shape, size, AUGMENTED)
    seen: set[int] = set()
    agreeing = total = 0
    for k in range(25):
        patch = data[k]
        classes, pixels = patch["classes"], patch["image"][0]
        assert classes.shape == pixels.shape == size
        assert set(np.unique(classes)) <= {-1, 0, 1, 2}
        seen |= set(np.unique(classes).tolist())
        known = classes >= 0
        agreeing += int((np.rint(pixels[known]) == classes[known]).sum())
        total += int(known.sum())
    assert seen - {-1} == {0, 1, 2}
    assert agreeing > 0.97 * total  # interpolated pixels at the borders of classes are neither


def test_beyond_the_image_nothing_is_annotated() -> None:
    patch = patches((16, 16), (32, 32), Augmentation.none())[0]
    assert (patch["classes"] >= 0).sum() == 16 * 16 - 4
    assert (patch["classes"][:8] == -1).all()


def test_brightness_of_classes_is_left_as_it_is() -> None:
    """Objects may differ in brightness from patch to patch; classes are told apart by theirs."""
    classes = np.zeros((32, 32), dtype=np.int32)
    classes[8:24, 8:24] = 1
    pixels = (0.2 + 0.6 * classes)[np.newaxis].astype(np.float32)
    settings = PatchSettings(size=(32, 32), augmentation=replace(Augmentation.none(), intensity=1.0))
    ratios: dict[type, list[float]] = {}
    for annotation in (Mask(classes, NAMES), Instances(classes)):
        data = PatchDataset([], lambda s: {}, settings=settings, seed=0)
        found = [data.cut(Sample(pixels, annotation), np.random.default_rng(k)).pixels[0] for k in range(150)]
        ratios[type(annotation)] = [float(p[10:22, 10:22].mean() - p[:6].mean()) for p in found]
    assert np.std(ratios[Mask]) < 0.8 * np.std(ratios[Instances])


@pytest.mark.parametrize("shape", [(64, 80), (16, 32, 32)])
def test_rare_classes_are_seen_as_often_as_others(shape: tuple[int, ...]) -> None:
    whole, sides = sample(shape), (4,) * len(shape)
    rng = np.random.default_rng(0)
    with_rare = 0
    for _ in range(300):
        corner = choose_corner(whole, sides, 1.0, rng)
        region = tuple(slice(c, c + s) for c, s in zip(corner, sides, strict=True))
        with_rare += bool((whole.annotation.classes[region] == 2).any())
    # the rare class is drawn a third of the time; by chance alone it would be in hardly any
    assert 0.27 < with_rare / 300 < 0.5


def test_pixels_by_line() -> None:
    classes = np.array([[0, 0, 2], [-1, 1, 1]], dtype=np.int32)
    assert pixels_by_line(Mask(classes, NAMES)).tolist() == [[2, 0, 1], [0, 2, 0]]
    assert pixels_by_line(Instances(classes)).tolist() == [[1], [2]]


@pytest.mark.parametrize("make", [lambda ids: Mask(ids, NAMES), lambda ids: Instances(ids)])
def test_ids_of_pixels(make: Any) -> None:
    ids = classes_of((16, 16))
    annotation = make(ids)
    assert pixel_ids(annotation) is ids
    assert pixel_ids(with_pixel_ids(annotation, ids[np.newaxis])).shape == (1, 16, 16)
    assert type(with_pixel_ids(annotation, ids)) is type(annotation)


def test_masks_have_no_typical_object() -> None:
    assert typical_diameter(Mask(classes_of((32, 32)), NAMES)) is None
