"""One-to-one matches of boxes."""

from __future__ import annotations

import numpy as np
import pytest

from stellate.metrics.box_matching import MATCH_IOU, classes_by_name, match_boxes, surer_boxes
from stellate.results import Boxes

NAMES = ("red", "white")


def boxes(corners, classes, scores=None, names=NAMES) -> Boxes:
    scores = None if scores is None else np.asarray(scores, np.float32)
    return Boxes(np.array(corners, np.float32).reshape(-1, 4), np.asarray(classes, np.int32), names, scores)


def plainly(truth, found, same_class):
    """The rule, word by word."""
    names = [[b.class_names[c] for c in b.classes] for b in (truth, found)]
    free, pairs = set(range(len(truth))), []
    for k in sorted(range(len(found)), key=lambda k: -found.scores[k]):
        best, chosen = MATCH_IOU, None
        for j in sorted(free):
            a, b = truth.boxes_xyxy[j].astype(float), found.boxes_xyxy[k].astype(float)
            wide, high = (min(a[i + 2], b[i + 2]) - max(a[i], b[i]) for i in (0, 1))
            shared = max(wide, 0) * max(high, 0)
            union = sum((c[2] - c[0]) * (c[3] - c[1]) for c in (a, b)) - shared
            iou = shared / union if union else 0
            if iou >= best and (not same_class or names[0][j] == names[1][k]):
                best, chosen = iou, j
        if chosen is not None:
            free.discard(chosen)
            pairs.append([chosen, k])
    return pairs


@pytest.mark.parametrize("same_class", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_the_rule_on_random_boxes(seed, same_class):
    rng = np.random.default_rng(seed)
    start = rng.integers(0, 40, (30, 2))
    truth = boxes(
        np.concatenate([start, start + rng.integers(0, 25, (30, 2))], axis=1), rng.integers(0, 2, 30)
    )
    moved = truth.boxes_xyxy[rng.integers(0, 30, 40)] + rng.integers(-2, 3, (40, 4))
    moved[:, 2:] = np.maximum(moved[:, 2:], moved[:, :2])
    found = boxes(moved, rng.integers(0, 2, 40), rng.integers(0, 5, 40) / 4, ("white", "red"))
    pairs = match_boxes(truth, found, same_class=same_class).tolist()
    assert pairs == plainly(truth, found, same_class)
    assert len(pairs) > 5


def test_the_surest_chooses_first_and_only_a_class_of_the_same_name():
    truth = boxes([[0, 0, 10, 10]], [0])
    found = boxes([[0, 0, 10, 10], [0, 0, 10, 8]], [1, 0], [0.9, 0.5])
    assert match_boxes(truth, found, same_class=False).tolist() == [[0, 0]]
    assert match_boxes(truth, found, same_class=True).tolist() == [[0, 1]]


def test_of_equal_overlaps_the_last_is_taken():
    truth = boxes([[0, 0, 10, 10], [4, 0, 14, 10]], [0, 0])
    found = boxes([[2, 0, 12, 10]] * 2, [0, 0], [0.5, 0.5])
    assert match_boxes(truth, found, same_class=True).tolist() == [[1, 0], [0, 1]]


def test_half_of_the_union_is_enough():
    truth = boxes([[0, 0, 10, 10]], [0])
    assert len(match_boxes(truth, boxes([[0, 0, 10, 5]], [0], [1]), same_class=True)) == 1
    assert len(match_boxes(truth, boxes([[0, 0, 10, 4.99]], [0], [1]), same_class=True)) == 0


@pytest.mark.parametrize("sides", [(0, 3), (3, 0), (0, 0)])
def test_nothing_on_a_side(sides):
    truth, found = (boxes([[0, 0, 5, 5]] * n, [0] * n, [1] * n) for n in sides)
    assert match_boxes(truth, found, same_class=False).shape == (0, 2)


def test_boxes_from_a_score_on():
    found = boxes([[0, 0, k, k] for k in (1, 2, 3)], [0, 1, 0], [0.2, 0.5, 0.9])
    kept = surer_boxes(found, 0.5)
    assert kept.boxes_xyxy[:, 2].tolist() == [2, 3]
    assert classes_by_name(kept).tolist() == ["white", "red"]
    annotated = boxes([[0, 0, 1, 1]], [0])
    assert surer_boxes(annotated, 0.5) is annotated
