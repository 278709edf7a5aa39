"""Distinct values of masks, against counting in plain Python."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from stellate.data import mask_values
from stellate.data.mask_values import count_values, distinct_values
from stellate.errors import DataError


@st.composite
def stored(draw, *, in_colour: bool):
    dtype = draw(st.sampled_from(["u1", "u2"] if in_colour else ["?", "u1", "u2", "i2", ">i4", "i8", "u8"]))
    shape = draw(array_shapes(min_dims=2, max_dims=2 if in_colour else 3, max_side=4))
    low, high = (0, 1) if dtype == "?" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    values = st.sampled_from(
        [v for v in (-70_000, -3, 0, 1, 2, 255, 65_535, 65_536, 2**40) if low <= v <= high]
    )
    if dtype == "?":
        values = st.booleans()
    return draw(arrays(dtype, (*shape, 3) if in_colour else shape, elements=values))


def as_tuples(mask: np.ndarray, in_colour: bool) -> list[tuple[int, ...]]:
    return [tuple(map(int, row)) for row in mask.reshape(-1, 3 if in_colour else 1)]


@settings(max_examples=100, deadline=None)
@given(st.data(), st.booleans())
def test_values_are_found_and_counted(data, in_colour):
    masks = data.draw(st.lists(stored(in_colour=in_colour), min_size=1, max_size=3))
    for mask in masks:
        points, inverse = distinct_values(mask, in_colour=in_colour)
        assert [tuple(p) for p in points[inverse].tolist()] == as_tuples(mask, in_colour)
        assert [tuple(p) for p in points.tolist()] == sorted(set(as_tuples(mask, in_colour)))
    files = [Path(f"{k}.png") for k in range(len(masks))]
    counts = count_values(zip(files, masks, strict=True), in_colour=in_colour)
    rows = [as_tuples(mask, in_colour) for mask in masks]
    expected = Counter(v for row in rows for v in row)
    got = [tuple(p) for p in counts.points.tolist()]
    assert got == sorted(expected)
    assert counts.pixels.tolist() == [expected[v] for v in got]
    assert counts.first.tolist() == [min(k for k, row in enumerate(rows) if v in row) for v in got]
    assert counts.files == tuple(files)


def test_words_for_values():
    masks = [np.array([[5, 5, 7]]), np.array([[7, 7, 7, 300_000]])]
    counts = count_values(zip([Path("a/x.png"), Path("a/y.png")], masks, strict=True), in_colour=False)
    assert counts.text() == "7 (4 px, x.png), 5 (2 px, x.png), 300000 (1 px, y.png)"
    assert counts.only(counts.pixels > 1).text() == "7 (4 px, x.png), 5 (2 px, x.png)"


def test_pictures_are_refused(monkeypatch):
    monkeypatch.setattr(mask_values, "_MOST_VALUES", 4)
    with pytest.raises(DataError, match=r"b\.png: with this mask there are more than 4 different values"):
        count_values(
            [(Path("a.png"), np.arange(4)[None]), (Path("b.png"), np.arange(5)[None])], in_colour=False
        )
