"""Boxes that hinder a network, or count a thing twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stellate.data.box_dataset import BoxDataset, BoxRecord
from stellate.data.check_boxes import check_boxes
from stellate.data.findings import Severity

WARNING, NOTE = Severity.WARNING, Severity.NOTE
SIZE = (300, 400)


def found(
    *images: list[tuple[float, ...]], size: tuple[int, int] | None = SIZE, single: bool = False
) -> list[tuple[Severity, str]]:
    """What there is to say of images, each given by its boxes as (class, x1, y1, x2, y2)."""
    records = []
    for name, boxes in zip("abcdef", images, strict=False):
        array = np.array(boxes, dtype=np.float32).reshape(-1, 5)
        records.append(BoxRecord(name, Path(f"{name}.png"), array[:, 1:], array[:, 0].astype(np.int32)))
    dataset = BoxDataset(Path(), tuple(records), class_names=("x", "y"))
    findings = [(f.severity, f.what) for f in check_boxes(dataset, [size] * len(records))]
    return (
        findings if single else [f for f in findings if "several boxes" not in f[1] and "no box" not in f[1]]
    )


def test_nothing_to_find():
    assert found([(0, 0, 0, 10, 10)], [(1, 5, 5, 9, 9)], single=True) == []
    assert found() == []


def test_tiny_boxes():
    # 2 pixels are enough, and 4 are a hundredth of the image
    assert found([(0, 0, 0, 1.99, 50)], [(0, 0, 0, 4, 50)], [(0, 0, 0, 50, 3.99), (0, 9, 9, 50, 11)]) == [
        (WARNING, "1 image (a) with boxes less than 2 pixels across"),
        (NOTE, "2 boxes less than 1% of their image across, in 1 image (c)"),
    ]
    assert found([(0, 0, 0, 3.99, 50)], size=None) == []


def test_boxes_around_nearly_the_same():
    assert found(
        [(0, 0, 0, 10, 10), (0, 0, 0, 10, 9), (1, 0, 0, 9, 10), (0, 40, 40, 50, 50)],
        [(1, 5, 5, 25, 25), (1, 5, 5, 25, 24)],
        [(0, 0, 0, 10, 10), (0, 0, 0, 10, 8.9)],
    ) == [
        (
            WARNING,
            "2 pairs of boxes of one class around nearly the same: a x 0 to 10, y 0 to 10 (x), "
            "b x 5 to 25, y 5 to 25 (y)",
        ),
        (WARNING, "1 pair of boxes of two classes around nearly the same: a x 0 to 10, y 0 to 10 (x and y)"),
    ]


@pytest.mark.parametrize("count", [511, 512, 513, 1100])
def test_pairs_across_blocks_are_found_once(count):
    """The last box is nearly the first."""
    apart = [(0.0, 20.0 * k, 0.0, 20.0 * k + 10, 10.0) for k in range(count - 1)]
    what = found([*apart, (0, 0, 0, 10, 9.5)])
    assert what == [
        (WARNING, "1 pair of boxes of one class around nearly the same: a x 0 to 10, y 0 to 10 (x)")
    ]


def test_images_for_a_localizer():
    assert found([], [(0, 0, 0, 9, 9), (0, 20, 20, 29, 29)], [(0, 0, 0, 9, 9)], single=True) == [
        (NOTE, "1 image (a) with no box and 1 image (b) with several boxes")
    ]
