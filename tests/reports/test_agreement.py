from __future__ import annotations

import numpy as np
import pytest

from stellate.axes import Image
from stellate.errors import InputError
from stellate.reports.agreement import AGREEMENT_COLOURS, draw_agreement


@pytest.fixture
def case():
    """Object 1 is found (as 5), object 2 missed, object 9 found where nothing is."""
    image = np.random.default_rng(0).random((64, 64)).astype(np.float32)
    truth, predicted = np.zeros((2, 64, 64), np.int32)
    truth[5:20, 5:20], truth[40:60, 5:25] = 1, 2
    predicted[6:20, 5:20], predicted[40:60, 40:60] = 5, 9
    return image, truth, predicted


def share(picture: np.ndarray, kind: str, rows: slice, columns: slice) -> float:
    return (picture[rows, columns] == AGREEMENT_COLOURS[kind]).all(axis=-1).mean()


def test_each_kind_in_its_colour_and_place(case):
    left, right = draw_agreement(*case, max_side=64)
    found, missed, false = (slice(5, 20),) * 2, (slice(40, 60), slice(5, 25)), (slice(40, 60), slice(40, 60))
    assert share(left, "matched", *found) == pytest.approx(56 / 225)
    assert share(right, "matched", *found) > 0.2
    assert share(left, "missed", *missed) > 0.4
    assert share(right, "false", *false) > 0.4
    everywhere = (slice(None), slice(None))
    assert share(left, "false", *everywhere) == share(right, "missed", *everywhere) == 0
    assert share(left, "matched", *missed) == share(right, "matched", *false) == 0


def test_hatching_tells_them_apart_without_colour(case):
    left, right = draw_agreement(*case, max_side=64)
    inside = slice(43, 57)
    missed = (left[inside, 8:22] == AGREEMENT_COLOURS["missed"]).all(axis=-1)
    false = (right[inside, 43:57] == AGREEMENT_COLOURS["false"]).all(axis=-1)
    # Along the one diagonal the hatching repeats, along the other it does not.
    assert np.array_equal(missed[1:, :-1], missed[:-1, 1:])
    assert not np.array_equal(missed[1:, 1:], missed[:-1, :-1])
    assert np.array_equal(false[1:, 1:], false[:-1, :-1])
    assert not np.array_equal(false[1:, :-1], false[:-1, 1:])


def test_a_higher_threshold_unmatches(case):
    left, _ = draw_agreement(*case, max_side=64, threshold=0.95)
    assert share(left, "matched", slice(None), slice(None)) == 0


def test_volumes_are_matched_in_depth_and_seen_along_it(case):
    """Object 3 lies below object 1 and is found a plane too high: in the projection alone it would look right."""
    image, truth, predicted = case
    planes = np.zeros((3, 4, 64, 64), np.float32)
    planes[0] = image
    volume, truths, found = planes[0], planes[1].astype(np.int32), planes[2].astype(np.int32)
    truths[:2], found[:2] = truth, predicted
    truths[2:, 8:16, 8:16], found[3:, 8:16, 8:16] = 3, 10
    found[3:, 16:18, 8:16] = 10
    volume += 9 * (truths == 1)
    left, right = draw_agreement(Image(volume, "ZYX"), truths, found, max_side=64)
    alone = (slice(9, 15), slice(9, 15))
    assert share(left, "missed", *alone) > 0.1
    assert share(right, "false", *alone) > 0.1
    assert share(left, "matched", slice(5, 6), slice(5, 20)) == 1
    assert share(right, "matched", slice(6, 7), slice(5, 20)) == 1
    assert share(left, "missed", slice(40, 60), slice(5, 25)) > 0.4
    with pytest.raises(InputError, match="labels have shape"):
        draw_agreement(Image(volume[1:], "ZYX"), truths, found)


def test_sizes(case):
    assert [p.shape for p in draw_agreement(*case, max_side=200)] == [(192, 192, 3)] * 2
    assert [p.shape for p in draw_agreement(*case, max_side=20)] == [(16, 16, 3)] * 2
    with pytest.raises(InputError, match="same pixels"):
        draw_agreement(case[0], case[1], case[2][1:])
