"""Average precision against pycocotools, the reference implementation of COCO, and against a case done by hand."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from stellate.metrics.average_precision import IOU_LEVELS, SIZES, average_precision
from stellate.results import Boxes

NAMES = ("red", "white", "platelet", "never annotated", "never found")
MOST = 100_000


def boxes(corners, classes, names=NAMES, scores=None) -> Boxes:
    scores = None if scores is None else np.asarray(scores, np.float32)
    return Boxes(
        np.array(corners, np.float32).reshape(-1, 4), np.asarray(classes, np.int32), tuple(names), scores
    )


def reference(found, truths, names):
    """Precision, scores and recall of pycocotools."""

    def entries(images):
        of = []
        for k, image in enumerate(images):
            for i, (x1, y1, x2, y2) in enumerate(image.boxes_xyxy.astype(float).tolist()):
                name = image.class_names[image.classes[i]]
                entry = {"id": len(of) + 1, "image_id": k, "category_id": names.index(name), "iscrowd": 0}
                entry |= {"bbox": [x1, y1, x2 - x1, y2 - y1], "area": (x2 - x1) * (y2 - y1)}
                of.append(entry if image.scores is None else entry | {"score": float(image.scores[i])})
        return of

    def dataset(images):
        coco = COCO()
        coco.dataset = {
            "images": [{"id": k} for k in range(len(truths))],
            "categories": [{"id": k, "name": name} for k, name in enumerate(names)],
            "annotations": entries(images),
        }
        coco.createIndex()
        return coco

    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = COCOeval(dataset(truths), dataset(found), "bbox")
        evaluation.params.maxDets = [MOST]
        evaluation.evaluate()
        evaluation.accumulate()
    return [
        np.where(v[..., 0] < 0, np.nan, v[..., 0])
        for v in map(evaluation.eval.get, ("precision", "scores", "recall"))
    ]


def a_field(rng, n_boxes, side, *, rough) -> tuple[Boxes, Boxes]:
    """Boxes of some classes, and what a model finds of them; rough scores and places have many ties."""
    start = rng.uniform(0, side, (n_boxes, 2))
    corners = np.concatenate([start, start + rng.uniform(1, 130, (n_boxes, 2))], axis=1)
    corners = corners.round() if rough else corners
    classes = rng.choice([0, 0, 0, 1, 2, 4], n_boxes)
    again = rng.integers(0, max(n_boxes, 1), n_boxes + rng.integers(0, 5)) if n_boxes else []
    shift = rng.normal(0, 4, (len(again), 4)) * (rng.random((len(again), 1)) < 0.8)
    moved = corners[again] + (shift.round() if rough else shift)
    moved[:, 2:] = np.maximum(moved[:, 2:], moved[:, :2])
    of = np.where(rng.random(len(again)) < 0.15, rng.integers(0, 4, len(again)), classes[again])
    of[of == 4] = 3
    scores = rng.integers(0, 6, len(again)) / 5 if rough else rng.random(len(again))
    return boxes(moved, of, scores=scores), boxes(corners, classes)


@pytest.mark.parametrize("rough", [False, True], ids=["spread", "ties"])
@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_pycocotools(seed, rough):
    rng = np.random.default_rng(seed)
    counts = [0, 1, 12, 0, 60, 340 if seed == 0 else 25]
    found, truths = map(list, zip(*(a_field(rng, n, 400, rough=rough) for n in counts), strict=True))
    found[1], truths[2] = boxes([], [], scores=[]), boxes([], [])
    ours = average_precision(found, truths, NAMES)
    precision, scores, recall = reference(found, truths, NAMES)
    np.testing.assert_allclose(ours.precision, precision, atol=1e-6)
    np.testing.assert_allclose(ours.score, scores, atol=1e-6)
    np.testing.assert_allclose(ours.recall, recall, atol=1e-6)
    # all kinds of classes are there: with and without truth, with and without anything found
    assert np.isnan(ours.ap(NAMES.index("never annotated")))
    assert ours.ap(NAMES.index("never found")) == 0
    assert 0 < ours.ap(0) < 1
    assert ours.mean_ap() == pytest.approx(np.nanmean(precision[..., 0]), abs=1e-6)
    assert ours.mean_ap(level=0.75, size="small") == pytest.approx(np.nanmean(precision[5, ..., 1]), abs=1e-6)
    assert ours.mean_recall(size="large") == pytest.approx(np.nanmean(recall[..., 3]), abs=1e-6)


def test_by_hand():
    """Of two objects one is found at IoU .8; before it by score a wrong box, after it nothing."""
    truths = [boxes([[0, 0, 10, 10], [50, 50, 60, 60]], [0, 0], ["cell"])]
    found = [boxes([[80, 0, 90, 10], [0, 0, 10, 8]], [0, 0], ["cell"], [0.9, 0.6])]
    ours = average_precision(found, truths, ["cell"])
    # recalls 0, .01, ... .5 are reached with precision 1/2, at the seven levels up to .8
    assert ours.ap(0, level=0.5) == pytest.approx(51 / 101 * 0.5)
    assert ours.ap(0, level=0.85) == 0
    assert ours.ap(0) == pytest.approx(0.7 * 51 / 101 * 0.5)
    assert ours.average_recall(0) == pytest.approx(0.7 * 0.5)
    assert ours.score[0, 50, 0, 0] == pytest.approx(0.6)
    assert ours.n_true.tolist() == [[2, 2, 0, 0]]


def test_more_than_a_hundred_boxes_of_an_image_count():
    corners = [[20 * k, 0, 20 * k + 10, 10] for k in range(500)]
    truth = boxes(corners, [0] * 500, ["cell"])
    found = boxes(corners, [0] * 500, ["cell"], np.linspace(1, 0.1, 500))
    assert average_precision([found], [truth], ["cell"]).mean_ap() == pytest.approx(1)


def test_classes_are_compared_by_name():
    truth = boxes([[0, 0, 9, 9]], [1], ["red", "white"])
    found = boxes([[0, 0, 9, 9]], [0], ["white", "red"], [0.5])
    assert average_precision([found], [truth], ["red", "white"]).ap(1) == pytest.approx(1)


def test_nothing_anywhere():
    none, without = boxes([], [], scores=[]), boxes([], [])
    ours = average_precision([none], [without], NAMES)
    assert np.isnan(ours.mean_ap())
    assert np.isnan(ours.mean_recall())
    assert ours.precision.shape == (len(IOU_LEVELS), 101, len(NAMES), len(SIZES))
    assert np.isnan(average_precision([none], [without], ()).mean_ap())


def test_objects_of_any_size_count():
    side = 3e5
    truth = boxes([[0, 0, side, side]], [0], ["tissue"])
    found = boxes([[0, 0, side, side]], [0], ["tissue"], [0.5])
    ours = average_precision([found], [truth], ["tissue"])
    assert ours.ap(0) == ours.ap(0, size="large") == pytest.approx(1)
