"""Pixels of each class in a part of the data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stellate.data.class_pixels import check_training_classes, count_class_pixels, image_chances
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
