"""Scores of classes against worked examples, a slow oracle, and the metric of the CoNIC challenge as published."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from stellate.errors import InputError
from stellate.metrics.class_scores import CORNER
from stellate.metrics.instances import score_instances
from stellate.results import Instances

NAMES = ("round", "long")


def found(labels: list[int], classes: list[int], names: tuple[str, ...] = NAMES) -> Instances:
    return Instances(np.array([labels], np.int32), classes=np.array(classes, np.int32), class_names=names)


@pytest.fixture
def worked():
    """One row of pixels, worked by hand at an IoU of one half.

    ======  ==========  =========  =====================================
    object  annotated   found      IoU
    ======  ==========  =========  =====================================
    1       round       round      3/4
    2       round       long       1: found, but in the wrong class
    3       long        long       1
    4       long        (nothing)
    5       unknown     long       1: excused
    6       (nothing)   round
    ======  ==========  =========  =====================================
    """
    truth = [1, 1, 1, 1, 0, 2, 2, 0, 3, 3, 3, 0, 4, 4, 0, 5, 5, 0, 0, 0]
    guess = [1, 1, 1, 0, 0, 2, 2, 0, 3, 3, 3, 0, 0, 0, 0, 4, 4, 0, 5, 5]
    return score_instances([found(guess, [0, 1, 1, 1, 0])], [found(truth, [0, 0, 1, 1, -1])])


def test_worked_example_by_class(worked):
    round_, long_ = (c.at[0] for c in worked.classes.classes)
    assert worked.classes.names == NAMES
    assert (round_.true_positives, round_.false_positives, round_.false_negatives) == (1, 1, 1)
    assert (long_.true_positives, long_.false_positives, long_.false_negatives) == (1, 1, 1)
    assert (round_.precision, round_.recall, round_.f1, round_.accuracy) == (0.5, 0.5, 0.5, 1 / 3)
    assert round_.panoptic_quality == pytest.approx(0.75 / 2)
    assert long_.panoptic_quality == pytest.approx(1 / 2)
    assert worked.classes.mean("panoptic_quality") == pytest.approx((0.375 + 0.5) / 2)
    assert [(c.n_true, c.n_predicted) for c in worked.classes.classes] == [(2, 2), (2, 3)]


def test_worked_example_at_a_threshold_that_one_match_misses(worked):
    at = worked.thresholds.index(0.8)
    scores = worked.classes.classes[0].at[at]
    assert (scores.true_positives, scores.false_positives, scores.false_negatives) == (0, 2, 2)


def test_worked_confusion(worked):
    """Rows: round, long, unknown, nothing annotated; columns: the same, found."""
    expected = [[1, 1, 0, 0], [0, 1, 0, 1], [0, 1, 0, 0], [1, 0, 0, 0]]
    assert worked.classes.confusion.tolist() == expected
    assert worked.classes.class_accuracy == pytest.approx(2 / 3)
    assert worked.classes.confusion_table()[1] == {
        CORNER: "long", "round": 0, "long": 1, "(unknown class)": 0, "(nothing)": 1
    }  # fmt: skip


def test_what_does_not_look_at_classes_is_as_without(worked):
    first = worked.pooled[0]
    assert (first.true_positives, first.false_positives, first.false_negatives) == (4, 1, 1)
    assert worked.table()[0]["panoptic_quality_by_class"] == worked.classes.mean("panoptic_quality")
    plain = score_instances([np.array([[1, 1, 0]])], [np.array([[1, 0, 0]])])
    assert plain.classes is None
    assert "classes" not in plain.summary()
    assert not any("by_class" in key for key in plain.table()[0])


def test_classes_are_compared_by_name():
    truth = found([1, 1, 2, 2], [1, 0], ("a", "b"))
    same = found([1, 1, 2, 2], [0, 2], ("b", "c", "a"))
    scores = score_instances([same], [truth]).classes
    assert scores.names == ("a", "b", "c")
    assert [c.at[0].f1 for c in scores.classes[:2]] == [1, 1]
    assert scores.classes[2].row(0)["f1"] is None
    assert scores.mean("f1") == 1
    assert scores.class_accuracy == 1


def test_a_class_that_only_the_model_knows_counts_against_it():
    scores = score_instances([found([1, 1, 0], [0], ("x",))], [found([1, 1, 0], [0], ("a",))]).classes
    counts = [(c.name, c.at[0].false_positives, c.at[0].false_negatives) for c in scores.classes]
    assert counts == [("a", 0, 1), ("x", 1, 0)]
    assert scores.mean("f1") == 0
    assert scores.class_accuracy == 0


def test_an_image_of_which_no_class_is_known_excuses_what_matches():
    labels = np.array([[1, 1, 0, 2, 2, 0, 0, 0]], np.int32)
    truth = Instances(labels, class_names=NAMES)
    scores = score_instances([found([1, 1, 0, 2, 2, 0, 3, 3], [0, 1, 1])], [truth]).classes
    assert [(c.at[0].false_positives, c.at[0].false_negatives) for c in scores.classes] == [(0, 0), (1, 0)]
    assert scores.class_accuracy is None
    assert scores.confusion.tolist() == [[0] * 4, [0] * 4, [1, 1, 0, 0], [0, 1, 0, 0]]


def test_without_classes_on_one_side_there_are_no_scores_of_them():
    truth = found([1, 1], [0])
    assert score_instances([np.array([[1, 1]])], [truth]).classes is None
    assert score_instances([truth], [np.array([[1, 1]])]).classes is None


def test_summary_is_json(worked):
    summary = json.loads(json.dumps(worked.summary(), allow_nan=False))["classes"]
    assert summary["by_class"]["round"]["precision"] == 0.5
    assert summary["mean_panoptic_quality"] == pytest.approx(0.4375)
    assert [row[CORNER] for row in summary["confusion"]] == [*NAMES, "(unknown class)", "(nothing)"]


def test_a_table_has_a_row_for_each_class_and_threshold(worked):
    table = worked.classes.table()
    assert [(r["class"], r["threshold"]) for r in table] == [(n, t) for n in NAMES for t in worked.thresholds]


def test_rows_that_are_missing_are_refused():
    truth = found([1, 1, 0, 5], [0])
    with pytest.raises(InputError, match="label 5 has no class: there are 1"):
        score_instances([found([1, 1, 0, 0], [0])], [truth])


def overlaps(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """IoU of every object with every other, by masks."""
    n, m = int(one.max(initial=0)), int(other.max(initial=0))
    table = np.zeros((n, m))
    for a in range(n):
        for b in range(m):
            x, y = one == a + 1, other == b + 1
            table[a, b] = (x & y).sum() / max(1, (x | y).sum())
    return table


def slow_class(truth: Instances, guess: Instances, c: int) -> tuple[int, int, int, float]:
    """The objects of one class alone, at one half, without those in the place of one of unknown class."""
    table = overlaps(truth.labels, guess.labels)
    mine_true, mine = np.flatnonzero(truth.classes == c), np.flatnonzero(guess.classes == c)
    part = table[np.ix_(mine_true, mine)]
    good = part >= 0.5
    rows, columns = linear_sum_assignment(np.where(good, -1 - part, 0))
    pairs = [(r, k) for r, k in zip(rows, columns, strict=True) if good[r, k]]
    hit = {int(mine[k]) for _, k in pairs}
    excused = {int(k) for k in mine if int(k) not in hit and (table[truth.classes < 0, k] >= 0.5).any()}
    false = len(mine) - len(pairs) - len(excused)
    return len(pairs), false, len(mine_true) - len(pairs), float(sum(part[r, k] for r, k in pairs))


@st.composite
def segmented(draw):
    """Runs of pixels, some shifted, with classes."""
    sides = []
    for _ in range(2):
        lengths = draw(st.lists(st.integers(1, 4), min_size=1, max_size=6))
        labels = np.zeros(30, np.int32)
        at = draw(st.integers(0, 2))
        for k, length in enumerate(lengths):
            labels[at : at + length] = k + 1
            at += length + draw(st.integers(0, 1))
        classes = draw(st.lists(st.integers(-1, 2), min_size=len(lengths), max_size=len(lengths)))
        sides.append(
            Instances(labels[None], classes=np.array(classes, np.int32), class_names=("a", "b", "c"))
        )
    return sides


@settings(max_examples=150, deadline=None)
@given(st.lists(segmented(), min_size=1, max_size=3))
def test_agrees_with_masks_compared_one_by_one(images):
    scores = score_instances([g for _, g in images], [t for t, _ in images], [0.5]).classes
    for c, of in enumerate(scores.classes):
        expected = np.sum([slow_class(t, g, c) for t, g in images], axis=0)
        at = of.at[0]
        got = (at.true_positives, at.false_positives, at.false_negatives, at.iou_sum)
        assert got == pytest.approx(tuple(expected))
    # every object is in the table once
    assert scores.confusion[:-1].sum() == sum(len(t) for t, _ in images)
    assert scores.confusion[:, :-1].sum() == sum(len(g) for _, g in images)


def conic_multi_pq(truths: list[Instances], guesses: list[Instances], n: int) -> float:
    """mPQ+: per class, counts of all images added up, IoU above one half, then the mean over the classes."""
    qualities = []
    for c in range(n):
        tp = fp = fn = 0
        total = 0.0
        for truth, guess in zip(truths, guesses, strict=True):
            mine_true, mine = np.flatnonzero(truth.classes == c), np.flatnonzero(guess.classes == c)
            table = overlaps(truth.labels, guess.labels)[np.ix_(mine_true, mine)]
            tp += int((table > 0.5).sum())
            total += float(table[table > 0.5].sum())
            fp += len(mine) - int((table > 0.5).any(axis=0).sum())
            fn += len(mine_true) - int((table > 0.5).any(axis=1).sum())
        qualities.append(tp / (tp + fp / 2 + fn / 2) * total / (tp + 1e-6))
    return float(np.mean(qualities))


def test_the_mean_panoptic_quality_is_that_of_conic():
    rng = np.random.default_rng(3)
    sides: tuple[list[Instances], list[Instances]] = ([], [])
    for _ in range(4):
        labels = np.kron(np.arange(1, 26).reshape(5, 5), np.ones((7, 7), np.int32)).astype(np.int32)
        classes = rng.integers(0, 3, 25).astype(np.int32)
        shift = int(rng.integers(0, 3))
        guess = np.zeros_like(labels)
        guess[:, shift:] = labels[:, : labels.shape[1] - shift]
        guess_classes = np.where(rng.random(25) < 0.7, classes, rng.integers(0, 3, 25)).astype(np.int32)
        sides[0].append(Instances(labels, classes=classes, class_names=("a", "b", "c")))
        sides[1].append(Instances(guess, classes=guess_classes, class_names=("a", "b", "c")))
    got = score_instances(sides[1], sides[0], [0.5 + 1e-6]).classes.mean("panoptic_quality")
    assert 0.2 < got < 0.9
    assert got == pytest.approx(conic_multi_pq(*sides, 3), abs=1e-5)


def test_a_volume_scores_as_its_planes_side_by_side():
    """Which voxels lie above which does not matter, only which objects they belong to."""
    rng = np.random.default_rng(2)
    truth, predicted = rng.integers(0, 9, (2, 5, 6, 7)).astype(np.int32)
    predicted = np.where(rng.random(truth.shape) < 0.6, truth, predicted)
    classes = rng.integers(-1, 2, (2, 8)).astype(np.int32)

    def scored(shape):
        one, other = (
            Instances(labels.reshape(shape), classes=c, class_names=NAMES)
            for labels, c in zip((predicted, truth), classes, strict=True)
        )
        metrics = score_instances([one], [other], (0.2, 0.35, 0.5))
        return metrics.table(), metrics.classes.table(), metrics.classes.confusion_table()

    assert scored((5, 6, 7)) == scored((5 * 6, 7))
    assert any(row["true_positives"] for row in scored((5, 6, 7))[1])
