from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import stellate.metrics.overlap as overlap
from stellate.errors import InputError
from stellate.metrics.overlap import match

small_images = st.tuples(
    *(hnp.arrays(np.int32, (5, 6), elements=st.integers(0, 4)) for _ in range(2)),
)


def pairs_by_hand(truth: np.ndarray, predicted: np.ndarray) -> dict[tuple[int, int], float]:
    """IoU of each overlapping pair, straight from its definition."""
    found = {}
    for t, p in itertools.product(set(truth.ravel()) - {0}, set(predicted.ravel()) - {0}):
        both, either = ((truth == t) & (predicted == p)).sum(), ((truth == t) | (predicted == p)).sum()
        if both:
            found[int(t), int(p)] = both / either
    return found


def best_by_trying(pairs: dict[tuple[int, int], float], threshold: float) -> tuple[int, float]:
    """Most matches, and their largest sum of IoU, over every set of pairs that shares no object."""
    good = [(t, p, iou) for (t, p), iou in pairs.items() if iou >= threshold]
    best = (0, 0.0)
    for size in range(len(good) + 1):
        for chosen in itertools.combinations(good, size):
            one_to_one = len({t for t, _, _ in chosen}) == size == len({p for _, p, _ in chosen})
            if one_to_one:
                best = max(best, (size, sum(iou for _, _, iou in chosen)))
    return best


@settings(max_examples=150, deadline=None)
@given(small_images)
def test_overlaps_are_those_of_the_definition(images):
    matching = match(*images)
    got = {
        (int(matching.true_ids[t]), int(matching.predicted_ids[p])): iou
        for (t, p), iou in zip(matching.pairs, matching.ious, strict=True)
    }
    assert got == pytest.approx(pairs_by_hand(*images))
    assert list(matching.true_ids) == sorted(set(images[0].ravel()) - {0})
    assert list(matching.predicted_ids) == sorted(set(images[1].ravel()) - {0})


@settings(max_examples=100, deadline=None)
@given(small_images, st.sampled_from([0.12, 0.25, 0.34, 0.5]))
def test_assignment_is_the_best_of_all(images, threshold):
    ids, ious = match(*images).assign(threshold)
    pairs = pairs_by_hand(*images)
    assert len(set(ids[:, 0])) == len(ids) == len(set(ids[:, 1]))
    for (t, p), iou in zip(ids, ious, strict=True):
        assert pairs[int(t), int(p)] == pytest.approx(iou)
    assert (len(ids), ious.sum()) == pytest.approx(best_by_trying(pairs, threshold))


def test_a_chain_is_matched_for_number_before_iou():
    # IoU 1-7: 6/11, 2-7: 2/10, 1-8: 3/9. Greed takes 1-7 and leaves 2 and 8 alone; two pairs are possible.
    truth = np.array([[1] * 9 + [2] * 4])
    predicted = np.array([[8] * 3 + [7] * 8 + [0] * 2])
    ids, ious = match(truth, predicted).assign(0.1)
    assert ids.tolist() == [[1, 8], [2, 7]]
    assert ious == pytest.approx([3 / 9, 2 / 10])


def test_ids_may_be_large_sparse_and_of_different_types():
    truth = np.array([[0, 5, 5, 4_000_000_000]], dtype=np.uint32)
    predicted = np.array([[True, True, True, False]])
    matching = match(truth, predicted)
    assert matching.true_ids.tolist() == [5, 4_000_000_000]
    assert matching.assign(0.5)[0].tolist() == [[5, 1]]


def test_volumes_and_non_contiguous_arrays(monkeypatch):
    monkeypatch.setattr(overlap, "_BLOCK_PIXELS", 7)
    rng = np.random.default_rng(0)
    truth, predicted = rng.integers(0, 4, (2, 4, 5, 6))
    got = match(truth.transpose(2, 0, 1), predicted.transpose(2, 0, 1))
    assert dict(zip(map(tuple, got.pairs + 1), got.ious, strict=True)) == pytest.approx(
        pairs_by_hand(truth, predicted)
    )


def test_no_background_at_all():
    labels = np.ones((3, 3), dtype=np.int64)
    assert match(labels, labels).assign(1.0)[1].tolist() == [1.0]


def test_pixels_that_nobody_annotated_are_left_out():
    truth = np.array([[1, 1, -1, -1, -1, 0, 2, -1]])
    predicted = np.array([[7, 7, 7, 8, 8, 0, 9, 9]])
    matching = match(truth, predicted)
    assert matching.n_true == 2
    assert matching.predicted_ids.tolist() == [7, 9]
    assert matching.ious.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("shape", [(0, 4), (4, 4)])
def test_nothing_there(shape):
    nothing = match(np.zeros(shape, int), np.zeros(shape, int))
    assert (nothing.n_true, nothing.n_predicted, len(nothing.assign(0.5)[0])) == (0, 0, 0)


def test_a_ratio_that_equals_the_threshold_counts():
    # 3 of 5 pixels; 0.5 + 2 * 0.05 is a little more than 0.6 in floating point.
    truth, predicted = np.array([[1, 1, 1, 1, 0]]), np.array([[0, 1, 1, 1, 1]])
    assert len(match(truth, predicted).assign(0.5 + 2 * 0.05)[0]) == 1
    assert len(match(truth, predicted).assign(0.601)[0]) == 0


def test_a_hundred_thousand_objects_that_all_touch():
    side = 316
    truth = np.arange(1, side**2 + 1).reshape(side, side).repeat(5, axis=0).repeat(5, axis=1)
    matching = match(truth, np.roll(truth, (1, 1), axis=(0, 1)))
    assert matching.n_true == matching.n_predicted == side**2
    # Each square keeps 16 of its 25 pixels; those split at the border keep them as well.
    ids, ious = matching.assign(0.02)
    assert np.array_equal(ids[:, 0], ids[:, 1])
    assert np.allclose(ious, 16 / 34)


@pytest.mark.parametrize(
    ("truth", "predicted", "message"),
    [
        (np.zeros((2, 3), int), np.zeros((3, 2), int), r"\(2, 3\).*\(3, 2\).*same pixels"),
        (np.zeros((2, 2)), np.zeros((2, 2), int), "annotation has dtype float64"),
        (np.zeros((2, 2), int), np.full((2, 2), -1), "prediction holds the label -1"),
    ],
)
def test_bad_input(truth, predicted, message):
    with pytest.raises(InputError, match=message):
        match(truth, predicted)
