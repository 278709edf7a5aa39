"""Scores of classified images against loops over the images, and against peer implementations."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchmetrics.functional import classification as peer

from stellate.errors import InputError
from stellate.metrics.classification import score_classes
from stellate.metrics.classification_scores import CORNER
from stellate.results import Scores

NAMES = ("round", "long", "dead")


def scores(probabilities, names=NAMES) -> Scores:
    return Scores(np.array(probabilities, np.float32), names)


def truth(name: str, names=NAMES) -> Scores:
    return scores([float(n == name) for n in names], names)


@pytest.fixture
def worked():
    """Five images, of which two are mistaken; "dead" is never found and "odd" not known to the model."""
    found = [[0.8, 0.1, 0.1], [0.3, 0.6, 0.1], [0.1, 0.7, 0.2], [0.1, 0.5, 0.4], [0.9, 0.1, 0.0]]
    names = (*NAMES, "odd")
    of = ["round", "long", "long", "dead", "odd"]
    return score_classes((scores(f) for f in found), (truth(n, names) for n in of), names="abcde")


def test_worked_example(worked):
    assert worked.class_names == (*NAMES, "odd")
    assert worked.accuracy == 3 / 5
    assert worked.balanced_accuracy == (1 + 1 + 0 + 0) / 4
    by_name = {c.name: c for c in worked.classes}
    assert (by_name["round"].precision, by_name["round"].recall) == (1 / 2, 1)
    assert (by_name["long"].precision, by_name["long"].f1) == (2 / 3, 4 / 5)
    assert (by_name["dead"].precision, by_name["dead"].recall, by_name["dead"].f1) == (0, 0, 0)
    assert (by_name["odd"].n_true, by_name["odd"].n_predicted, by_name["odd"].recall) == (1, 0, 0)
    assert math.isnan(by_name["odd"].roc_auc)  # the model gives it no probability
    assert worked.mean("precision") == pytest.approx((1 / 2 + 2 / 3 + 0 + 0) / 4)
    assert worked.confusion.tolist() == [[1, 0, 0, 0], [0, 2, 0, 0], [0, 1, 0, 0], [1, 0, 0, 0]]
    assert [(i.found, i.right) for i in worked.images[3:]] == [("long", False), ("round", False)]
    assert worked.images[3].truth_probability == pytest.approx(0.4)
    assert worked.images[4].truth_probability == 0


def test_worst_are_mistakes_only_and_the_surest_first(worked):
    assert worked.worst(12) == [4, 3]
    assert worked.worst(1) == [4]


def test_tables_and_summary(worked):
    summary = json.loads(json.dumps(worked.summary(), allow_nan=False))
    assert summary["n_images"] == 5
    assert summary["accuracy"] == 0.6
    assert summary["by_class"]["odd"]["roc_auc"] is None
    assert worked.overall_table()[0].items() <= summary.items()
    assert worked.confusion_table()[2] == {CORNER: "dead", "round": 0, "long": 1, "dead": 0, "odd": 0}
    row = worked.image_table()[3]
    assert (row["image"], row["annotated"], row["found"], row["right"]) == ("d", "dead", "long", False)
    assert row["probability_dead"] == pytest.approx(0.4)
    assert "probability_odd" not in row
    assert [r["class"] for r in worked.table()] == list(worked.class_names)


def test_classes_are_compared_by_name_whatever_their_order():
    found = [scores([0.2, 0.7, 0.1]), scores([0.1, 0.1, 0.8])]
    turned = NAMES[::-1]
    straight = score_classes(found, [truth("long"), truth("round")])
    other = score_classes(found, [truth("long", turned), truth("round", turned)])
    assert straight.accuracy == other.accuracy == 0.5
    by_name = {c.name: c for c in other.classes}
    assert [by_name[c.name] for c in straight.classes] == list(straight.classes)


def test_what_occurs_on_one_side_only():
    only = score_classes([scores([0.6, 0.4], ("a", "b"))], [truth("c", ("c", "d"))])
    assert (only.accuracy, only.balanced_accuracy) == (0, 0)
    by_name = {c.name: c for c in only.classes}
    assert math.isnan(by_name["a"].recall)
    assert by_name["a"].precision == by_name["a"].f1 == 0
    for name in ("b", "d"):
        assert all(math.isnan(v) for v in (by_name[name].precision, by_name[name].recall, by_name[name].f1))


def random_case(seed: int, n: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.full(k, 0.5), n).astype(np.float32)
    return probabilities, np.concatenate([np.arange(k), rng.integers(0, k, n - k)])


def scored(probabilities, of):
    names = tuple(f"class {k}" for k in range(probabilities.shape[1]))
    return score_classes([scores(p, names) for p in probabilities], [truth(names[k], names) for k in of])


@given(st.integers(0, 2**32 - 1), st.integers(2, 6), st.integers(0, 30))
def test_scores_are_those_of_plain_counting(seed, k, more):
    probabilities, of = random_case(seed, k + more, k)
    metrics = scored(probabilities, of)
    found = [int(np.argmax(p)) for p in probabilities]
    assert metrics.accuracy == pytest.approx(sum(f == t for f, t in zip(found, of, strict=True)) / len(of))
    recalls = []
    for c, one in enumerate(metrics.classes):
        tp = sum(f == t == c for f, t in zip(found, of, strict=True))
        fp = sum(f == c != t for f, t in zip(found, of, strict=True))
        fn = sum(t == c != f for f, t in zip(found, of, strict=True))
        recalls.append(tp / (tp + fn))
        assert one.precision == (tp / (tp + fp) if tp + fp else 0)
        assert one.recall == tp / (tp + fn)
        assert one.f1 == pytest.approx(2 * tp / (2 * tp + fp + fn))
    assert metrics.balanced_accuracy == pytest.approx(np.mean(recalls))


@pytest.mark.parametrize("k", [2, 5])
def test_scores_are_those_of_torchmetrics(k):
    probabilities, of = random_case(7, 400, k)
    metrics = scored(probabilities, of)
    p, t = torch.tensor(probabilities), torch.tensor(of)
    known = {"num_classes": k, "average": "macro"}
    assert metrics.accuracy == pytest.approx(float(peer.multiclass_accuracy(p, t, k, average="micro")))
    assert metrics.balanced_accuracy == pytest.approx(float(peer.multiclass_recall(p, t, **known)))
    assert metrics.mean("precision") == pytest.approx(float(peer.multiclass_precision(p, t, **known)))
    assert metrics.mean("f1") == pytest.approx(float(peer.multiclass_f1_score(p, t, **known)))
    assert metrics.mean("roc_auc") == pytest.approx(float(peer.multiclass_auroc(p, t, **known)), abs=1e-6)
    error = peer.multiclass_calibration_error(p, t, k, n_bins=15, norm="l1")
    assert metrics.calibration_error == pytest.approx(float(error), abs=1e-5)
    np.testing.assert_array_equal(metrics.confusion, peer.multiclass_confusion_matrix(p, t, k).numpy())


@pytest.mark.parametrize(
    ("found", "of", "message"),
    [
        (scores([0.5, 0.5]), truth("round"), r"prediction has probabilities of shape \(2,\) for 3 classes"),
        (scores([np.nan, 0.5, 0.5]), truth("round"), "probabilities are from 0 to 1 and add up to 1"),
        (scores([2.0, 7.0, -3.0]), truth("round"), "probabilities are from 0 to 1 and add up to 1"),
        (scores([0.5, 0.5], ("a", "a")), truth("round"), "two classes of the prediction are called 'a'"),
        (scores([1, 0, 0]), scores([0.5, 0.5, 0]), "names 2 classes; it has to be of exactly one"),
        (scores([1, 0, 0]), scores([]), "annotation has probabilities of shape"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_the_name_of_the_image(found, of, message):
    with pytest.raises(InputError, match=f"^cell: .*{message}"):
        score_classes([found], [of], names=["cell"])


def test_no_images():
    with pytest.raises(InputError, match="no images to compare"):
        score_classes([], [])
