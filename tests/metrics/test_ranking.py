"""ROC curves against counting pairs, and against a peer implementation."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchmetrics.functional.classification import binary_auroc

from stellate.metrics.ranking import roc_auc, roc_curve

ranked = st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=30).filter(
    lambda pairs: len({of for _, of in pairs}) == 2
)


def by_pairs(pairs) -> float:
    """How often one of the class has the higher score; equal ones half."""
    wins = [(a > b) + (a == b) / 2 for a, of_a in pairs for b, of_b in pairs if of_a and not of_b]
    return sum(wins) / len(wins)


@given(ranked)
def test_area_is_the_share_of_pairs_in_order(pairs):
    scores, of_class = np.array([s for s, _ in pairs]) / 6, np.array([of for _, of in pairs])
    area = roc_auc(scores, of_class)
    assert area == pytest.approx(by_pairs(pairs))
    assert area == pytest.approx(
        float(binary_auroc(torch.tensor(scores), torch.tensor(of_class).long())), abs=1e-6
    )


@given(ranked)
def test_curve_has_the_rates_at_each_score_and_that_area(pairs):
    scores, of_class = np.array([s for s, _ in pairs]), np.array([of for _, of in pairs])
    others, hits = roc_curve(scores, of_class)
    expected = [(0.0, 0.0)]
    for threshold in sorted(set(scores.tolist()), reverse=True):
        passed = scores >= threshold
        expected.append((passed[~of_class].mean(), passed[of_class].mean()))
    np.testing.assert_allclose(np.stack([others, hits], axis=1), expected)
    assert np.trapezoid(hits, others) == pytest.approx(roc_auc(scores, of_class))


def test_there_is_no_area_without_both_kinds():
    assert math.isnan(roc_auc([0.1, 0.2], [True, True]))
    assert math.isnan(roc_auc([0.1, 0.2], [False, False]))
