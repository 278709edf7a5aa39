"""Weights by median frequency, as the papers work them out."""

from __future__ import annotations

import numpy as np
import pytest

from stellate.errors import InputError
from stellate.losses.class_weights import median_frequency_weights


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
