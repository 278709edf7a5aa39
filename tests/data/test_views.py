"""Views of whole images: what is seen, and the box around it, go together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stellate.data.augmentation import Augmentation
from stellate.data.samples import Sample
from stellate.data.views import take_view
from stellate.results import Boxes, Scores

STILL = Augmentation.none()
ALL = Augmentation(scale=(0.7, 1.4))
NAMES = ("a", "b", "c")


def rectangles(shape: tuple[int, int], *boxes: tuple[int, int, int, int]) -> Sample:
    """Each of a channel of its own."""
    pixels = np.zeros((len(boxes), *shape), dtype=np.float32)
    for channel, (x1, y1, x2, y2) in zip(pixels, boxes, strict=True):
        channel[y1:y2, x1:x2] = 1
    classes = np.arange(len(boxes), dtype=np.int32) % 3
    return Sample(pixels, Boxes(np.array(boxes, dtype=np.float32).reshape(-1, 4), classes, NAMES))


def view(sample: Sample, augmentation: Augmentation, seed: int) -> tuple[npt.NDArray[np.float32], Any]:
    return take_view(sample, augmentation=augmentation, rng=np.random.default_rng(seed))


def seen(channel: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Edges of what is bright, to a fraction of a pixel: by how much there is of it along each axis."""
    edges = []
    for axis in (0, 1):
        line = channel.max(axis=axis).astype(np.float64)
        bright = np.flatnonzero(line > 0.5)
        first, last = bright[0], bright[-1]
        before, after = line[:first].sum(), line[last + 1 :].sum()
        edges.append((first + (1 - line[first]) - before, last + line[last] + after))
    (x1, x2), (y1, y2) = edges
    return np.array([x1, y1, x2, y2])


@given(
    seed=st.integers(0, 2**31),
    shape=st.sampled_from([(48, 48), (40, 64), (64, 40)]),
    box=st.tuples(st.integers(2, 22), st.integers(2, 22), st.integers(6, 16), st.integers(6, 16)),
    augmentation=st.sampled_from(
        [
            replace(STILL, flips=True),
            replace(STILL, scale=(0.6, 1.6)),
            replace(STILL, scale=(0.999, 1.001)),
            ALL,
        ]
    ),
)
@settings(max_examples=150, deadline=None)
def test_a_rectangle_and_its_box_stay_together(
    seed: int, shape: tuple[int, int], box: tuple[int, int, int, int], augmentation: Augmentation
) -> None:
    x, y, width, height = box
    sample = rectangles(shape, (x, y, x + width, y + height))
    pixels, annotation = view(sample, augmentation, seed)
    assert pixels.shape == (1, *shape)
    found = annotation.boxes_xyxy[0]
    # interpolation moves an edge by less than half a pixel of the image, which is magnified
    np.testing.assert_allclose(found, seen(pixels[0]), atol=0.8)
    assert annotation.classes.tolist() == [0]
    assert annotation.boxes_xyxy.dtype == np.float32


@pytest.mark.parametrize("shape", [(32, 32), (24, 40)])
def test_flips_and_quarter_turns_move_whole_pixels(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(5)
    image = rng.random((2, *shape), dtype=np.float32)
    sample = Sample(image, Boxes(np.array([[2, 3, 9, 20]], np.float32), np.zeros(1, np.int32), NAMES))
    flips = [image, image[:, ::-1], image[:, :, ::-1], image[:, ::-1, ::-1]]
    if shape[0] == shape[1]:
        flips += [f.transpose(0, 2, 1) for f in flips]
    met = set()
    for seed in range(60):
        pixels, _ = view(sample, replace(STILL, flips=True), seed)
        like = [k for k, flip in enumerate(flips) if np.allclose(pixels, flip, atol=1e-4)]
        assert len(like) == 1
        met.update(like)
    assert met == set(range(len(flips)))


def test_choices_come_from_the_generator_alone() -> None:
    sample = rectangles((40, 40), (10, 8, 22, 30))
    one, other, again = view(sample, ALL, 1), view(sample, ALL, 2), view(sample, ALL, 1)
    np.testing.assert_array_equal(one[0], again[0])
    np.testing.assert_array_equal(one[1].boxes_xyxy, again[1].boxes_xyxy)
    assert not np.array_equal(one[0], other[0])


def test_for_validation_images_are_as_they_are() -> None:
    sample = rectangles((40, 30), (10, 8, 22, 30))
    pixels, annotation = view(sample, STILL, 1)
    np.testing.assert_array_equal(pixels, sample.pixels)
    assert annotation is sample.annotation


def test_what_is_seen_is_given_unchanged_to_the_next() -> None:
    sample = rectangles((40, 40), (10, 8, 22, 30))
    before, boxes = sample.pixels.copy(), sample.annotation.boxes_xyxy.copy()
    view(sample, ALL, 3)
    np.testing.assert_array_equal(sample.pixels, before)
    np.testing.assert_array_equal(sample.annotation.boxes_xyxy, boxes)


def test_a_box_at_the_border_is_cut_there_and_mostly_seen() -> None:
    sample = rectangles((48, 48), (0, 10, 14, 40))
    cut = 0
    for seed in range(80):
        pixels, annotation = view(sample, replace(ALL, intensity=0.0), seed)
        x1, y1, x2, y2 = annotation.boxes_xyxy[0]
        assert 0 <= x1 < x2 <= 48
        assert 0 <= y1 < y2 <= 48
        cut += bool({0.0, 48.0} & {x1, y1, x2, y2})
        # its middle is bright, wherever it came to lie
        assert pixels[0, int((y1 + y2) / 2), int((x1 + x2) / 2)] > 0.9
    assert cut > 20


def test_several_boxes_keep_their_classes_and_their_order() -> None:
    sample = rectangles((64, 64), (8, 8, 20, 16), (30, 34, 40, 50), (44, 10, 54, 20), (12, 40, 20, 54))
    for seed in range(20):
        pixels, annotation = view(sample, ALL, seed)
        assert annotation.classes.tolist() == [0, 1, 2, 0]
        assert annotation.class_names == NAMES
        for channel, box in zip(pixels, annotation.boxes_xyxy, strict=True):
            np.testing.assert_allclose(box, seen(channel), atol=0.8)


def test_an_image_without_boxes() -> None:
    sample = rectangles((32, 32))
    sample = Sample(np.ones((1, 32, 32), dtype=np.float32), sample.annotation)
    pixels, annotation = view(sample, ALL, 0)
    assert annotation.boxes_xyxy.shape == (0, 4)
    np.testing.assert_allclose(pixels, 1, rtol=1e-6)


def test_classes_of_images_stay_and_any_angle_is_taken() -> None:
    image = np.zeros((1, 41, 41), dtype=np.float32)
    image[:, 18:23, :] = 1
    one_hot = Scores(np.array([0, 1, 0], dtype=np.float32), NAMES)
    angles = []
    for seed in range(40):
        pixels, annotation = view(Sample(image, one_hot), replace(STILL, rotation_chance=1.0), seed)
        assert annotation is one_hot
        y, x = np.nonzero(pixels[0] > 0.5)
        angles.append(0.5 * np.arctan2(2 * np.cov(x, y)[0, 1], x.var() - y.var()))
        np.testing.assert_allclose(pixels[0, 20, 20], 1, atol=1e-4)
    # a line through the middle, turned to every side
    assert np.ptp(angles) > 2
    assert np.std(np.diff(np.sort(angles))) < 0.2
