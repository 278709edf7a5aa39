"""Fitting painted shapes to a foreground, against a plain loop over rings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stellate.geometry import refine
from stellate.geometry.refine import fit_to_foreground


def oracle(labels: np.ndarray, foreground: np.ndarray, reach: np.ndarray) -> np.ndarray:
    out = labels.copy()
    grows = {}
    for k, rings in enumerate(reach, start=1):
        mine = labels == k
        if 2 * (mine & foreground).sum() >= mine.sum():
            out[mine & ~foreground] = 0
            grows[k] = int(np.ceil(rings))
    for ring in range(max(grows.values(), default=0)):
        claims = {}
        for y, x in np.argwhere((out == 0) & foreground):
            near = []
            for dy, dx in ((-1, 0), (1, 0), (0, -1), (0, 1)):
                v, u = y + dy, x + dx
                if 0 <= v < out.shape[0] and 0 <= u < out.shape[1] and grows.get(out[v, u], 0) > ring:
                    near.append(out[v, u])
            if near:
                claims[y, x] = min(near)
        for at, label in claims.items():
            out[at] = label
    return out


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1), height=st.integers(1, 14), width=st.integers(1, 14), n=st.integers(0, 4)
)
def test_agrees_with_the_plain_loop(seed: int, height: int, width: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    labels = (rng.integers(0, n + 1, (height, width)) * (rng.random((height, width)) < 0.4)).astype(np.int32)
    foreground = rng.random((height, width)) < rng.uniform(0.2, 1)
    reach = rng.uniform(0, 4, n).astype(np.float32)
    fitted = fit_to_foreground(labels, foreground, reach)
    np.testing.assert_array_equal(fitted, oracle(labels, foreground, reach))


def test_an_object_fills_its_foreground_and_leaves_the_background() -> None:
    truth = np.zeros((20, 20), np.int32)
    truth[5:15, 5:15] = 1
    painted = np.zeros_like(truth)
    painted[3:13, 7:13] = 1
    np.testing.assert_array_equal(fit_to_foreground(painted, truth > 0, np.array([4], np.float32)), truth)


def test_neighbours_meet_without_crossing() -> None:
    painted = np.zeros((1, 11), np.int32)
    painted[0, 0], painted[0, 10] = 1, 2
    fitted = fit_to_foreground(painted, np.ones((1, 11), bool), np.array([20, 20], np.float32))
    assert fitted.tolist() == [[1] * 6 + [2] * 5]


def test_an_object_outside_the_foreground_stays() -> None:
    painted = np.zeros((8, 8), np.int32)
    painted[2:5, 2:5] = 1
    fitted = fit_to_foreground(painted, np.zeros((8, 8), bool), np.array([3], np.float32))
    np.testing.assert_array_equal(fitted, painted)


def test_no_objects() -> None:
    empty = np.zeros((4, 5), np.int32)
    assert not fit_to_foreground(empty, np.ones((4, 5), bool), np.zeros(0, np.float32)).any()


def test_in_bands_and_in_place_it_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 7, (23, 31)).astype(np.int32)
    foreground, reach = rng.random((23, 31)) < 0.6, rng.uniform(0, 3, 6).astype(np.float32)
    expected = fit_to_foreground(labels, foreground, reach)
    monkeypatch.setattr(refine, "_BAND_PIXELS", 70)
    assert fit_to_foreground(labels, foreground, reach, out=labels) is labels
    np.testing.assert_array_equal(labels, expected)
