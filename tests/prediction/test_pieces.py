"""Objects made of classes of pixels."""

from __future__ import annotations

import tracemalloc
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from stellate.geometry.components import REGION_NAMES, regions_of_instances
from stellate.prediction.pieces import pieces_of
from stellate.results import Mask

SHAPES = hnp.array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=7)


def flood(classes):
    """Sets of pixels that hang together, with their class, one pixel after another."""
    left = {at for at in np.ndindex(classes.shape) if classes[at] > 0}
    found = []
    while left:
        front = [left.pop()]
        piece = set(front)
        while front:
            here = front.pop()
            for step in product((-1, 0, 1), repeat=classes.ndim):
                there = tuple(np.add(here, step).tolist())
                if there in left and classes[there] == classes[here]:
                    left.remove(there)
                    piece.add(there)
                    front.append(there)
        found.append((frozenset(piece), int(classes[here])))
    return set(found)


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(np.int32, SHAPES, elements=st.integers(-1, 3)))
def test_each_connected_piece_of_a_class_is_an_object(classes):
    pieces = pieces_of(Mask(classes, ("ground", "a", "b", "c")))
    got = set()
    for k in range(len(pieces)):
        pixels = frozenset(map(tuple, np.argwhere(pieces.labels == k + 1).tolist()))
        got.add((pixels, int(pieces.classes[k]) + 1))
    assert got == flood(classes)
    assert pieces.class_names == ("a", "b", "c")
    np.testing.assert_array_equal(pieces.labels < 0, classes < 0)
    assert pieces.labels.dtype == np.int32


def test_of_one_class_beside_the_ground_nobody_says_which_it_is():
    pieces = pieces_of(Mask(np.array([[0, 1, 1, 0, 1]], np.int32), ("ground", "cell")))
    assert (len(pieces), pieces.classes, pieces.class_names) == (2, None, ())


def test_scores_are_mean_probabilities_of_the_class():
    rng = np.random.default_rng(0)
    classes = np.repeat([[0, 1, 1, 2, 0, 2]], 3, axis=0).astype(np.int32)
    probabilities = rng.random((3, 3, 6)).astype(np.float32)
    pieces = pieces_of(Mask(classes, ("ground", "a", "b"), probabilities))
    expected = [probabilities[1, :, 1:3].mean(), probabilities[2, :, 3].mean(), probabilities[2, :, 5].mean()]
    np.testing.assert_allclose(pieces.scores, expected, rtol=1e-6)
    assert pieces.classes.tolist() == [0, 1, 1]
    assert pieces_of(Mask(classes, ("ground", "a", "b"))).scores is None


def test_scores_are_made_in_little_memory():
    """Of more pixels than are counted at a time."""
    classes = np.kron(np.arange(30).reshape(5, 6) % 3, np.ones((256, 512), int)).astype(np.int32)
    probabilities = np.stack([np.full(classes.shape, p, np.float32) for p in (0.2, 0.3, 0.5)])
    probabilities[:, :700] += 0.25
    mask = Mask(classes, ("ground", "a", "b"), probabilities)
    pieces = pieces_of(mask)  # compiled, if it was not
    for k, (score, kind) in enumerate(zip(pieces.scores, pieces.classes, strict=True)):
        inside = pieces.labels == k + 1
        assert score == pytest.approx(probabilities[kind + 1][inside].mean(dtype=float), rel=1e-6)
    tracemalloc.start()
    pieces_of(mask)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < pieces.labels.nbytes + 30 * 2**20


@pytest.mark.parametrize("width", [1, 2])
def test_objects_that_touch_come_back_from_foreground_and_border(width):
    """Four squares that touch one another, and one that lies alone."""
    labels = np.zeros((70, 60), np.int32)
    for k, (row, column) in enumerate(product((5, 20), (5, 20))):
        labels[row : row + 15, column : column + 15] = k + 1
    labels[50:, 45:55] = 5
    mask = Mask(regions_of_instances(labels, width=width), REGION_NAMES)
    pieces = pieces_of(mask, border_width=width)
    np.testing.assert_array_equal(pieces.labels, labels)
    assert (len(pieces), pieces.classes, pieces.class_names) == (5, None, ())


def test_border_far_from_any_foreground_is_ground():
    regions = np.zeros((9, 30), np.int32)
    regions[3:6, 2:8], regions[3:6, 8], regions[3:6, 20:25] = 1, 2, 2
    pieces = pieces_of(Mask(regions, REGION_NAMES))
    assert len(pieces) == 1
    assert not pieces.labels[:, 15:].any()
    assert (pieces.labels[3:6, 2:9] == 1).all()


def test_nothing_but_ground_has_no_pieces():
    nothing = np.zeros((4, 5), np.int32)
    for names in (("ground", "a"), ("ground", "a", "b"), REGION_NAMES):
        mask = Mask(nothing, names, np.full((len(names), 4, 5), 1 / len(names), np.float32))
        pieces = pieces_of(mask)
        assert len(pieces) == 0
        assert pieces.scores.shape == (0,)
