"""Pixels of each class in a part of the data."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from stellate.data.class_pixels import (
    check_training_classes,
    count_class_pixels,
    image_chances,
    pixels_of_classes,
)
from stellate.data.findings import Severity
from stellate.results import Mask


def masks(*rows: list[int], names: tuple[str, ...] = ("a", "b", "c")) -> list[Mask]:
    return [Mask(np.array([row], np.int32), names) for row in rows]


def test_pixels_are_counted_by_class_and_by_mask():
    done: list[int] = []
    counts = count_class_pixels(iter(masks([0, 0, 0, 0], [0, 0, 1, -1], [1, -1, -1, -1])), done.append)
    assert counts.pixels == (6, 2, 0)
    assert counts.pixels_where_present == (7, 4, 0)
    assert counts.masks == (2, 2, 0)
    assert (counts.n_masks, counts.not_annotated, counts.missing) == (3, 4, ("c",))
    assert done == [1, 2, 3]


@pytest.mark.parametrize("kind", [np.uint8, np.int32])
def test_pixels_are_counted_in_little_memory(kind):
    classes = np.repeat(np.arange(4, dtype=kind) % 3, 2**20).reshape(2048, 2048)
    mask = Mask(classes, ("a", "b", "c"))
    tracemalloc.start()
    counts = pixels_of_classes(mask)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert counts.tolist() == [2**21, 2**20, 2**20, 0]
    assert peak < 6 * 2**20  # 64-bit integers of all pixels are 32 MiB


def test_a_class_map_may_be_a_part_of_an_array_or_empty():
    volume = np.arange(60, dtype=np.int32).reshape(3, 4, 5) % 3 - 1
    every_second = Mask(volume[:, ::2, ::-2], ("a", "b"))
    assert pixels_of_classes(every_second).tolist() == [
        int((every_second.classes == k).sum()) for k in (0, 1, -1)
    ]
    assert pixels_of_classes(Mask(np.zeros((0, 4), np.int32), ("a",))).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([[0, 1, 2]], None),
        ([[0, 2]], (Severity.WARNING, "no pixel of b in the masks to train on; it will not be found")),
        (
            [[1, 1], [-1, 1]],
            (Severity.ERROR, "all annotated pixels are b, so that there is nothing to tell apart"),
        ),
        ([[-1, -1]], (Severity.ERROR, "no pixel is annotated, so that there is nothing to tell apart")),
        ([], (Severity.ERROR, "no pixel is annotated, so that there is nothing to tell apart")),
    ],
)
def test_what_hinders_training_is_found(rows, expected):
    found = check_training_classes(count_class_pixels(masks(*rows)), Path("masks"))
    assert [(f.severity, f.what) for f in found] == ([] if expected is None else [expected])
    assert all(f.remedy and f.file == Path("masks") for f in found)


def test_images_with_rare_classes_are_drawn_more_often() -> None:
    present = np.zeros((20, 4), dtype=bool)
    present[:, 0] = True
    present[3, 1] = present[:10, 2] = True  # and nobody has the last
    chances = image_chances(present)
    assert chances is not None
    assert chances.sum() == pytest.approx(1)
    assert chances[3] == pytest.approx(0.5 / 20 + 0.5 * (1 / 20 + 1 + 1 / 10) / 3)
    assert image_chances(np.ones((5, 3), dtype=bool)) is None
