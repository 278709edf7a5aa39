"""Calibration against a loop over the bins, and against a peer implementation."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchmetrics.functional.classification import binary_calibration_error

from stellate.metrics.calibration import expected_calibration_error, reliability_bins


def by_loop(sure, right, n) -> float:
    total = 0.0
    for k in range(n):
        inside = [i for i, s in enumerate(sure) if (k / n < s or k == 0) and s <= (k + 1) / n]
        if inside:
            gap = np.mean([right[i] for i in inside]) - np.mean([sure[i] for i in inside])
            total += len(inside) / len(sure) * abs(gap)
    return total


@given(
    st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40),
    st.sampled_from([1, 2, 8, 15]),
)
def test_error_is_that_of_the_definition(answers, n):
    # away from the limits of the bins, which are no binary fractions
    answers = [(s, r) for s, r in answers if abs(s * n - round(s * n)) > 1e-9 or s in (0, 1)] or [(0.7, True)]
    sure, right = zip(*answers, strict=True)
    bins = reliability_bins(sure, right, n)
    assert sum(b.count for b in bins) == len(sure)
    assert expected_calibration_error(bins) == pytest.approx(by_loop(sure, right, n), abs=1e-9)


def test_error_is_that_of_torchmetrics():
    rng = np.random.default_rng(0)
    sure, right = rng.uniform(0.3, 1, 500).astype(np.float32), rng.random(500) < 0.6
    peer = binary_calibration_error(torch.tensor(sure), torch.tensor(right).long(), n_bins=15, norm="l1")
    assert expected_calibration_error(reliability_bins(sure, right)) == pytest.approx(float(peer), abs=1e-5)


def test_worked_example():
    # half of what was said with .9 is right, all of what was said with .6
    bins = reliability_bins([0.9, 0.9, 0.6, 0.6], [True, False, True, True], 2)
    assert [(b.low, b.high, b.count) for b in bins] == [(0, 0.5, 0), (0.5, 1, 4)]
    assert expected_calibration_error(bins) == pytest.approx(0)  # .75 said, .75 right
    assert expected_calibration_error(
        reliability_bins([0.9, 0.9, 0.6, 0.6], [1, 0, 1, 1], 4)
    ) == pytest.approx(0.4)


def test_a_limit_belongs_to_the_bin_below_it():
    low, high = reliability_bins([0.5, 0.0, 1.0], [True, True, True], 2)
    assert (low.count, high.count) == (2, 1)


def test_no_answers():
    assert math.isnan(expected_calibration_error(reliability_bins([], [])))
