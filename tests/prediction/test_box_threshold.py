from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stellate.prediction.box_threshold import best_threshold


@given(st.integers(0, 10_000), st.integers(1, 40), st.integers(1, 30))
def test_no_other_threshold_does_better(seed: int, n: int, n_true: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(1, 20, n).astype(np.float32) / 20
    right = rng.random(n) < 0.5
    right[int(rng.integers(n))] = True
    n_true = max(n_true, int(right.sum()))

    def f1(threshold: float) -> float:
        kept = scores >= threshold
        return 2 * int(right[kept].sum()) / (int(kept.sum()) + n_true)

    found = best_threshold(scores, right, n_true)
    assert f1(found) == pytest.approx(max(f1(t) for t in np.arange(0, 1, 0.01)))
    assert 0 < found < 1
