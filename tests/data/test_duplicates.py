from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, zoom

from stellate.axes import Image
from stellate.data import duplicates
from stellate.data.duplicates import look_alikes, pair_hash, pixel_hash, thumbnail
from stellate.results import Instances


@pytest.fixture
def scenes():
    rng = np.random.default_rng(3)
    return [gaussian_filter(rng.random((90, 120)), 5) * 1000 for _ in range(6)]


def test_hash_sees_pixels_and_nothing_else(monkeypatch):
    array = np.arange(60, dtype=np.uint16).reshape(6, 10)
    reference = pixel_hash(Image(array, "YX", name="a"))
    assert pixel_hash(Image(np.asfortranarray(array), "YX", name="b", spacing_um={"Y": 2.0})) == reference
    monkeypatch.setattr(duplicates, "_BLOCK_BYTES", 50)
    assert pixel_hash(Image(array, "YX")) == reference
    changed = array.copy()
    changed[5, 9] += 1
    for other in (changed, array.astype(np.uint8), array.reshape(10, 6)):
        assert pixel_hash(Image(other, "YX")) != reference


def test_hash_of_a_pair_sees_all_that_is_learned_from():
    pixels, labels = np.arange(60, dtype=np.uint16).reshape(6, 10), np.eye(6, 10, dtype=np.int32)
    classes = np.array([1], np.int32)

    def of(image=pixels, axes="YX", mask=labels, **properties):
        return pair_hash(Image(image, axes, name="a"), Instances(mask, **properties))

    same = of(np.asfortranarray(pixels), mask=labels.copy())
    hashes = [
        of(),
        of(pixels + 1),
        of(axes="XY"),
        of(mask=np.roll(labels, 1)),
        of(mask=np.where(labels, 1, -1).astype(np.int32)),
        of(classes=classes, class_names=("a", "b")),
        of(classes=classes - 1, class_names=("a", "b")),
        of(classes=classes, class_names=("b", "a")),
    ]
    assert same == hashes[0]
    assert len(set(hashes)) == len(hashes)


def test_thumbnail_is_unmoved_by_scale_brightness_and_noise(scenes):
    rng = np.random.default_rng(0)
    scene = scenes[0]
    noisy = (2.5 * scene + 300 + rng.normal(0, 20, scene.shape)).astype(np.float32)
    colour = np.stack([scene, 0.5 * scene, 0.1 * scene], axis=-1)
    reference = thumbnail(Image(scene, "YX"))
    for image in (
        Image(noisy, "YX"),
        Image(zoom(scene, 2), "YX"),
        Image(colour, "YXC"),
        Image(scene.T, "XY"),
    ):
        assert reference @ thumbnail(image) > 0.97
    for other in scenes[1:]:
        assert reference @ thumbnail(Image(other, "YX")) < 0.7


def test_thumbnail_of_small_and_constant_images():
    assert np.linalg.norm(thumbnail(Image(np.arange(12.0).reshape(3, 4), "YX"))) == pytest.approx(1)
    assert not thumbnail(Image(np.full((50, 70), 0.1, np.float32), "YX")).any()


def test_look_alikes_are_found_across_blocks(scenes, monkeypatch):
    monkeypatch.setattr(duplicates, "_COMPARED", 2)
    images = [*scenes, scenes[1] * 3 + 5, scenes[4] + 1]
    assert look_alikes([thumbnail(Image(a, "YX")) for a in images]) == [(1, 6), (4, 7)]
    assert look_alikes([]) == []
