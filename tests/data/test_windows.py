"""Windows of images with boxes: a bright rectangle and its box stay together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stellate.data.augmentation import Augmentation
from stellate.data.patches import PatchDataset, PatchSettings
from stellate.data.samples import Sample
from stellate.data.windows import LEAST_SEEN, joined, take_window
from stellate.results import Boxes

PLAIN = Augmentation.none()


def sample(shape: tuple[int, int], boxes: list[tuple[int, int, int, int]]) -> Sample:
    """An image that is 1 in its boxes, each of a class of its own, and 0 elsewhere."""
    pixels = np.zeros((1, *shape), dtype=np.float32)
    for x1, y1, x2, y2 in boxes:
        pixels[:, y1:y2, x1:x2] = 1
    names = tuple(f"c{k}" for k in range(max(1, len(boxes))))
    around = np.array(boxes, dtype=np.float32).reshape(-1, 4)
    return Sample(pixels, Boxes(around, np.arange(len(boxes), dtype=np.int32), names))


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 10_000),
    st.floats(0.5, 2.0),
    st.booleans(),
    st.sampled_from([(48, 64), (64, 64), (32, 96)]),
)
def test_a_rectangle_and_its_box_stay_together(
    seed: int, zoom: float, flips: bool, size: tuple[int, int]
) -> None:
    rng = np.random.default_rng(seed)
    x1, y1 = rng.integers(0, 100, 2)
    width, height = rng.integers(6, 40, 2)
    image = sample((140, 150), [(x1, y1, x1 + width, y1 + height)])
    how = Augmentation(flips=flips, scale=(zoom, zoom), rotation_chance=0.0)
    pixels, boxes = take_window(image, size, augmentation=how, chance=1.0, rng=rng)
    assert pixels.shape == (1, *size)
    bright = np.argwhere(pixels[0] > 0.5)
    if not len(boxes):
        seen = (pixels[0] > 0.5).sum() / (width * height * zoom**2)
        assert seen < LEAST_SEEN + 0.2
        return
    (left, top), (right, bottom) = bright.min(axis=0)[::-1], bright.max(axis=0)[::-1] + 1
    assert boxes.boxes_xyxy[0] == pytest.approx([left, top, right, bottom], abs=0.51 + 0.5 * zoom)


def test_without_augmentation_the_window_is_a_piece_of_the_image() -> None:
    rng = np.random.default_rng(0)
    noise = rng.random((2, 60, 70), dtype=np.float32)
    boxes = Boxes(np.array([[20, 30, 24, 36]], dtype=np.float32), np.array([0], dtype=np.int32), ("a",))
    for _ in range(20):
        pixels, found = take_window(Sample(noise, boxes), (40, 48), augmentation=PLAIN, chance=1.0, rng=rng)
        if len(found):
            # where the box says it is, there are the pixels of the box, up to the shift of a part of a pixel
            x, y = found.boxes_xyxy[0, :2]
            shift = np.array([20, 30]) - (x, y)
            assert (shift >= -1e-3).all()
            assert (shift <= np.array([70 - 48, 60 - 40]) + 1e-3).all()
        assert pixels.min() >= noise.min() - 1e-5
        assert pixels.max() <= noise.max() + 1e-5


def test_a_small_image_lies_in_the_middle_and_goes_on_beyond_its_border() -> None:
    image = sample((10, 12), [(2, 3, 6, 8)])
    pixels, boxes = take_window(image, (32, 32), augmentation=PLAIN, chance=0.0, rng=np.random.default_rng(0))
    assert boxes.boxes_xyxy.tolist() == [[12, 14, 16, 19]]
    assert (pixels[0, 14:19, 12:16] == 1).all()
    assert pixels.sum() == 20


def test_no_boxes_no_objects() -> None:
    pixels, boxes = take_window(
        sample((50, 50), []), (32, 32), augmentation=Augmentation(), chance=1.0, rng=np.random.default_rng(1)
    )
    assert len(boxes) == 0
    assert boxes.boxes_xyxy.shape == (0, 4)
    assert not pixels.any()


def test_four_windows_in_one() -> None:
    sizes = [(10, 12), (10, 20), (22, 12), (22, 20)]
    windows: list[Any] = []
    for k, size in enumerate(sizes):
        one = sample(size, [(1, 2, 5, 6)])
        windows.append((one.pixels * (k + 1), one.annotation))
    whole, boxes = joined(windows, (10, 12), (32, 32))
    assert boxes.boxes_xyxy.tolist() == [[1, 2, 5, 6], [13, 2, 17, 6], [1, 12, 5, 16], [13, 12, 17, 16]]
    for k, (x1, y1, x2, y2) in enumerate(boxes.boxes_xyxy.astype(int)):
        assert (whole[0, y1:y2, x1:x2] == k + 1).all()
    assert whole.sum() == 16 * (1 + 2 + 3 + 4)


class One:
    def __init__(self, image: Sample) -> None:
        self.image = image

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> Sample:
        return self.image

    def draw(self, rng: np.random.Generator) -> Sample:
        return self.image


def test_patches_are_the_same_however_often_and_mosaics_end() -> None:
    image = sample((90, 90), [(10, 10, 30, 40), (50, 60, 80, 85)])
    of_patches = PatchSettings((64, 64), 0.7, Augmentation(), windows=True, mosaic=1.0, mosaic_until=5)

    def target(one: Any) -> dict[str, Any]:
        return {"boxes": [one.annotation.boxes_xyxy]}

    patches, again = (PatchDataset([One(image)], target, settings=of_patches, seed=3) for _ in range(2))
    for k in (0, 4, 7):
        one, other = patches[k], again[k]
        assert np.array_equal(one["image"], other["image"])
        assert np.array_equal(one["boxes"][0], other["boxes"][0])
    plain = PatchSettings((64, 64), 0.7, Augmentation(), windows=True)
    without = PatchDataset([One(image)], target, settings=plain, seed=3)
    assert not np.array_equal(patches[4]["image"], without[4]["image"])
    assert len(patches[4]["boxes"][0]) >= 1
