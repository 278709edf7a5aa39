"""Weights by median frequency, as the papers work them out."""

from __future__ import annotations

import numpy as np
import pytest

from stellate.errors import ConfigError, InputError
from stellate.losses.class_weights import checked_weights, median_frequency_weights


def test_frequencies_are_those_of_the_images_with_the_class():
    images = np.array([[0, 0, 0, 0, 1, 1, 2, -1], [0, 0, 0, 0, 0, 0, 1, 1], [2, 2, 2, 2, -1, -1, -1, -1]])
    frequencies = []
    for c in range(3):
        with_it = [i[i >= 0] for i in images if (i == c).any()]
        frequencies.append(np.mean(np.concatenate(with_it) == c))
    pixels = [(images == c).sum() for c in range(3)]
    among = [sum((i >= 0).sum() for i in images if (i == c).any()) for c in range(3)]
    got = median_frequency_weights(pixels, among)
    assert got == pytest.approx(np.median(frequencies) / frequencies)
    assert got[1] > 1 > got[0]


def test_balanced_classes_weigh_one_and_so_does_an_absent_one():
    assert median_frequency_weights([50, 0, 50], [100, 0, 100]) == (1, 1, 1)


def test_weights_can_be_bounded():
    assert median_frequency_weights([999, 1], [1000, 1000])[1] == pytest.approx(500)
    assert median_frequency_weights([999, 1], [1000, 1000], largest=10)[1] == 10


@pytest.mark.parametrize(
    ("pixels", "among"), [([1], [1, 2]), ([3], [2]), ([-1], [2]), ([0, 0], [0, 0]), ([], [])]
)
def test_counts_that_cannot_be_are_refused(pixels, among):
    with pytest.raises(InputError, match="pixels"):
        median_frequency_weights(pixels, among)


@pytest.mark.parametrize("given", [(), [], (0, 1.5), [3, 0.0]])
def test_weights_that_are_given_become_numbers(given):
    weights = checked_weights(given, ["ground", "cell"])
    assert weights == tuple(given)
    assert all(type(w) is float for w in weights)


@pytest.mark.parametrize(
    "given",
    [
        None,
        "none",
        1,
        (1,),
        (1, 2, 3),
        (1, None),
        (1, "2"),
        (1, True),
        (1, -1),
        (0, 0),
        (1, np.nan),
        (1, 1e6),
    ],
)
def test_weights_that_cannot_be_are_refused(given):
    with pytest.raises(
        ConfigError,
        match=r"^class_weights .*: expected 2 numbers from 0 to below 1,000,000, not all 0, for ground, cell$",
    ):
        checked_weights(given, ["ground", "cell"])


def test_what_may_be_said_instead_is_named():
    with pytest.raises(ConfigError, match=r"^task\.class_weights 3: expected none, balanced, or 1 numbers"):
        checked_weights(3, ["cell"], setting="task.class_weights", words=("none", "balanced"))
