"""Scores of class maps against a worked example, pixel-by-pixel loops, and peer implementations."""

from __future__ import annotations

import json
import math
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from stellate.errors import ConfigError, InputError
from stellate.metrics import masks
from stellate.metrics.mask_scores import CORNER, SCORES, UNCLASSIFIED
from stellate.metrics.masks import score_masks
from stellate.results import Mask

NAMES = ("ground", "cell", "wall")


def mask(classes: list | np.ndarray, names: tuple[str, ...] = NAMES) -> Mask:
    return Mask(np.array(classes, np.int32), names)


@pytest.fixture
def worked():
    """Two images, counted by hand; the last pixel of the first is not annotated.

    ========  =====  ==========  ========  =====  =====
    class     image  annotated   found     hits   union
    ========  =====  ==========  ========  =====  =====
    ground    1      3           2         2      3
    cell      1      2           3         2      3
    ground    2      4           2         2      4
    cell      2      0           2         0      2
    ========  =====  ==========  ========  =====  =====
    """
    truths = [mask([[0, 0, 0], [1, 1, -1]]), mask([[0, 0, 0, 0]])]
    found = [mask([[0, 0, 1], [1, 1, 1]]), mask([[0, 0, 1, 1]])]
    return score_masks(iter(found), iter(truths), names=["a", "b"], tolerance=0)


def test_worked_example_pooled(worked):
    ground, cell, wall = worked.pooled.classes
    assert (ground.iou, cell.iou) == (4 / 7, 2 / 5)
    assert (ground.dice, cell.dice) == (8 / 11, 4 / 7)
    assert (ground.accuracy, cell.accuracy) == (4 / 7, 1)
    assert worked.pooled.n_pixels == 9
    assert worked.pooled.pixel_accuracy == 6 / 9
    assert worked.pooled.mean("iou") == pytest.approx((4 / 7 + 2 / 5) / 2)
    assert all(math.isnan(getattr(wall, score)) for score in SCORES)
    assert worked.confusion.tolist() == [[4, 3, 0, 0], [0, 2, 0, 0], [0, 0, 0, 0]]


def test_worked_example_by_image(worked):
    first, second = worked.images
    assert [c.iou for c in first.classes[:2]] == [2 / 3, 2 / 3]
    assert second.classes[1].iou == second.classes[1].dice == 0
    assert math.isnan(second.classes[1].accuracy)
    assert worked.by_image("iou") == pytest.approx((2 / 3 + (2 / 4 + 0) / 2) / 2)
    assert worked.by_image("accuracy") == pytest.approx(((2 / 3 + 1) / 2 + 2 / 4) / 2)
    assert worked.by_image("pixel_accuracy") == pytest.approx((4 / 5 + 2 / 4) / 2)
    assert worked.class_by_image(0, "iou") == pytest.approx((2 / 3 + 2 / 4) / 2)
    assert worked.class_by_image(1, "accuracy") == 1
    assert worked.worst(5) == [1, 0]
    assert worked.worst(1) == [1]


def test_worked_boundaries(worked):
    """Annotated in image 1: three pixels of ground and two of cell, less what touches the unknown; in 2 none."""
    # Image 1, annotated: ground (0,0), (0,1), cell (1,0), (1,1); found the same, and (0,1)-(0,2).
    ground, cell = (c.boundary for c in worked.images[0].classes[:2])
    assert (ground.n_true, ground.n_predicted, ground.true_hits, ground.predicted_hits) == (2, 2, 2, 2)
    assert (cell.n_true, cell.n_predicted, cell.true_hits, cell.predicted_hits) == (2, 3, 2, 2)
    # Image 2, found: one of each class, where no boundary is annotated.
    assert [c.boundary_f1 for c in worked.images[1].classes[:2]] == [0, 0]
    assert worked.pooled.classes[0].boundary_f1 == pytest.approx(2 * (2 / 3) / (2 / 3 + 1))
    assert worked.by_image("boundary_f1") == pytest.approx((1 + 0.8) / 2 / 2)


def test_tables(worked):
    table = worked.table()
    assert [row["class"] for row in table] == list(NAMES)
    assert table[1]["iou_by_image"] == pytest.approx(1 / 3)
    assert (table[2]["iou"], table[2]["iou_by_image"], table[2]["n_true"]) == (None, None, 0)
    images = worked.image_table()
    assert [(r["image"], r["n_pixels"]) for r in images] == [("a", 5), ("b", 4)]
    assert images[1]["iou_wall"] is None
    assert images[1]["mean_iou"] == 0.25
    assert worked.confusion_table()[0] == {CORNER: "ground", "ground": 4, "cell": 3, "wall": 0}


def test_summary_is_json(worked):
    summary = json.loads(json.dumps(worked.summary(), allow_nan=False))
    assert summary["n_images"] == 2
    assert summary["mean_iou"] == pytest.approx((4 / 7 + 2 / 5) / 2)
    assert summary["mean_iou_by_image"] == pytest.approx(11 / 24)
    assert summary["class_accuracy"] == pytest.approx((4 / 7 + 1) / 2)
    assert summary["by_class"]["cell"]["accuracy"] == 1
    assert summary["by_class"]["wall"]["dice"] is None
    assert summary["boundary_tolerance"] == 0


def slow_scores(truths: list[np.ndarray], guesses: list[np.ndarray], n: int) -> tuple[np.ndarray, float]:
    """IoU, Dice and accuracy of each class from the sets of their pixels; and pixel accuracy."""
    where = [{(k, *p) for k, t in enumerate(truths) for p in np.argwhere(t == c).tolist()} for c in range(n)]
    known = set().union(*where)
    found = [
        {(k, *p) for k, g in enumerate(guesses) for p in np.argwhere(g == c).tolist()} & known
        for c in range(n)
    ]
    rows = []
    for a, b in zip(where, found, strict=True):
        both = len(a & b)
        union = len(a | b)
        rows.append(
            [
                both / union if union else math.nan,
                2 * both / (len(a) + len(b)) if union else math.nan,
                both / len(a) if a else math.nan,
            ]
        )
    right = sum(len(a & b) for a, b in zip(where, found, strict=True))
    return np.array(rows), right / len(known) if known else math.nan


@st.composite
def compared(draw):
    images = []
    for _ in range(draw(st.integers(1, 3))):
        shape = draw(array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=4))
        images.append([draw(arrays(np.int32, shape, elements=st.integers(-1, 2))) for _ in range(2)])
    return images


@settings(max_examples=100, deadline=None)
@given(compared())
def test_agrees_with_sets_of_pixels(images):
    truths, guesses = [t for t, _ in images], [g for _, g in images]
    metrics = score_masks([mask(g) for g in guesses], [mask(t) for t in truths])
    parts = [(metrics.pooled, truths, guesses)]
    parts += [(i, [t], [g]) for i, (t, g) in zip(metrics.images, images, strict=True)]
    for scores, t, g in parts:
        rows, accuracy = slow_scores(t, g, 3)
        got = [[c.iou, c.dice, c.accuracy] for c in scores.classes]
        np.testing.assert_allclose(got, rows, rtol=1e-12, equal_nan=True)
        np.testing.assert_allclose(scores.pixel_accuracy, accuracy, rtol=1e-12, equal_nan=True)
        if not np.isnan(rows[:, 0]).all():
            assert scores.mean("iou") == pytest.approx(np.nanmean(rows[:, 0]))
    known = np.concatenate([t[t >= 0] for t in truths])
    beside = np.concatenate([g[t >= 0] for t, g in images])
    expected = [[int(((known == r) & (beside == c)).sum()) for c in (0, 1, 2, -1)] for r in range(3)]
    assert metrics.confusion.tolist() == expected


def test_agrees_with_torchmetrics():
    torchmetrics = pytest.importorskip("torchmetrics.functional.classification")
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(5)
    truth, guess = rng.integers(-1, 4, (2, 40, 50))
    guess = np.abs(guess)
    names = ("a", "b", "c", "d")
    metrics = score_masks([mask(guess, names)], [mask(truth, names)])
    given_ = torch.tensor(guess), torch.tensor(truth)
    options = {"num_classes": 4, "ignore_index": -1}
    table = torchmetrics.multiclass_confusion_matrix(*given_, **options)
    assert metrics.confusion[:, :-1].tolist() == table.tolist()
    iou = torchmetrics.multiclass_jaccard_index(*given_, average="macro", **options)
    assert metrics.pooled.mean("iou") == pytest.approx(iou.item())
    recall = torchmetrics.multiclass_accuracy(*given_, average="macro", **options)
    assert metrics.pooled.mean("accuracy") == pytest.approx(recall.item())
    dice = torchmetrics.multiclass_f1_score(*given_, average="macro", **options)
    assert metrics.pooled.mean("dice") == pytest.approx(dice.item())


def test_pixels_that_nobody_annotated_change_nothing():
    rng = np.random.default_rng(2)
    truth, guess = rng.integers(-1, 3, (9, 9)), rng.integers(0, 3, (9, 9))
    other = np.where(truth < 0, rng.integers(-1, 3, (9, 9)), guess)
    assert (other != guess).any()
    one, two = (score_masks([mask(g)], [mask(truth)]) for g in (guess, other))
    assert one.pooled == two.pooled
    assert one.confusion.tolist() == two.confusion.tolist()


def test_an_image_without_annotated_pixels_has_no_scores():
    metrics = score_masks([mask([[0, 1]]), mask([[0, 1]])], [mask([[-1, -1]]), mask([[0, 1]])])
    assert math.isnan(metrics.images[0].pixel_accuracy)
    assert math.isnan(metrics.images[0].mean("iou"))
    assert metrics.by_image("iou") == metrics.by_image("pixel_accuracy") == 1
    assert metrics.worst(3) == [1]
    nothing = score_masks([mask([[0, 1]])], [mask([[-1, -1]])])
    assert math.isnan(nothing.by_image("iou"))
    assert json.loads(json.dumps(nothing.summary(), allow_nan=False))["mean_iou"] is None


def test_classes_are_compared_by_name_whatever_their_numbers():
    truths = [mask([[0, 1]], ("a", "b")), mask([[0, 0]], ("c",))]
    found = [mask([[1, 0]], ("b", "a")), mask([[2, 1]], ("x", "b", "c"))]
    metrics = score_masks(found, truths)
    assert metrics.class_names == ("a", "b", "c", "x")
    assert metrics.confusion.tolist() == [[1, 0, 0, 0, 0], [0, 1, 0, 0, 0], [0, 1, 1, 0, 0], [0] * 5]
    assert [len(i.classes) for i in metrics.images] == [4, 4]
    assert metrics.pooled.classes[1].iou == 0.5


def test_pixels_to_which_no_class_is_given_are_missed():
    metrics = score_masks([mask([[0, -1, -1]])], [mask([[0, 0, 1]])])
    assert metrics.confusion.tolist() == [[1, 0, 0, 1], [0, 0, 0, 1], [0] * 4]
    assert metrics.pooled.classes[0].iou == 0.5
    assert metrics.pooled.pixel_accuracy == pytest.approx(1 / 3)
    assert metrics.confusion_table()[1] == {
        CORNER: "cell",
        "ground": 0,
        "cell": 0,
        "wall": 0,
        UNCLASSIFIED: 1,
    }


def test_blocks_give_what_the_whole_gives(monkeypatch):
    rng = np.random.default_rng(8)
    truth, guess = rng.integers(-1, 3, (2, 20, 30))
    whole = score_masks([mask(guess)], [mask(truth)])
    monkeypatch.setattr(masks, "_BLOCK_PIXELS", 7)
    assert score_masks([mask(guess)], [mask(truth)]).pooled == whole.pooled


def test_volumes_are_scored_in_units_of_their_spacing():
    truth, found = np.zeros((2, 6, 4, 4), np.int32)
    truth[3:], found[4:] = 1, 1
    near = {z: score_masks([mask(found)], [mask(truth)], tolerance=2, spacing=(z, 1, 1)) for z in (1.0, 3.0)}
    assert {z: m.pooled.mean("boundary_f1") for z, m in near.items()} == {1.0: 1, 3.0: 0}


def test_nothing_is_held_while_the_next_is_made():
    alive: list[weakref.ref] = []

    def made(_: int) -> Mask:
        # of a pair, the one that was made just before
        assert sum(r() is not None for r in alive) <= len(alive) % 2
        new = mask(np.zeros((4, 4)))
        alive.append(weakref.ref(new))
        return new

    done: list[int] = []
    score_masks(map(made, range(5)), map(made, range(5)), progress=done.append)
    assert done == [1, 2, 3, 4, 5]
    assert len(alive) == 10


@pytest.mark.parametrize(
    ("found", "truth", "message"),
    [
        ([mask([[0]])], [mask([[0]]), mask([[0]])], "differ in number: only one goes on after 1"),
        ([], [], "no images to compare"),
        ([mask([[0]])], [mask([[0, 1]])], r"1: the annotation has shape \(1, 2\), the prediction \(1, 1\)"),
        ([mask([[3]])], [mask([[0]])], "1: the prediction has the class 3, but 3 names"),
        ([mask([[0]])], [mask([[-2]])], "1: the annotation has the class -2, but 3 names"),
        (
            [Mask(np.zeros((1, 1)), NAMES)],
            [mask([[0]])],
            "1: the prediction holds float64; classes are integers",
        ),
        ([mask([[0]])], [mask([[0]], ("a", "a"))], "two classes of the annotation are called 'a'"),
    ],
)
def test_what_cannot_be_compared_is_refused(found, truth, message):
    with pytest.raises(InputError, match=message):
        score_masks(found, truth)


def test_bad_settings_are_refused(worked):
    with pytest.raises(ConfigError, match="boundary tolerance -1"):
        score_masks([], [], tolerance=-1)
    with pytest.raises(InputError, match="2 spacings for 3 axes; give one for each"):
        score_masks([mask(np.zeros((1, 1, 1)))], [mask(np.zeros((1, 1, 1)))], spacing=(1, 1))
    with pytest.raises(InputError, match="1 names for more images"):
        score_masks([mask([[0]])] * 2, [mask([[0]])] * 2, names=["a"])
    with pytest.raises(ConfigError, match="no score of classes is called 'dise'; did you mean 'dice'"):
        worked.by_image("dise")
