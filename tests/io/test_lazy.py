"""Lazy arrays against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp

from stellate.axes import Image
from stellate.io.lazy import LazyArray

full = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)


class Counting:
    """An array that counts how often it is read."""

    def __init__(self, array):
        self.array, self.shape, self.dtype, self.reads = array, array.shape, array.dtype, 0

    def __getitem__(self, index):
        self.reads += 1
        return self.array[index]


@given(hnp.basic_indices(full.shape, allow_newaxis=False))
def test_indexes_like_numpy(index):
    np.testing.assert_array_equal(np.asarray(LazyArray(full)[index]), full[index])


def test_selecting_reads_nothing_and_tiles_are_read_once():
    source = Counting(full)
    image = Image(LazyArray(source), "TCYX").select("T", 1).select("C", 2)
    assert (image.axes, image.shape, source.reads) == ("YX", (4, 5), 0)
    np.testing.assert_array_equal(image.array[1:3, -2:], full[1, 2, 1:3, -2:])
    assert source.reads == 1
    np.testing.assert_array_equal(image.to_axes("YX"), full[1, 2])
    assert len(image.array) == 4
    assert image.array.size == 20


@pytest.mark.parametrize("index", [(0, 0, 0, 0, 0), (..., ...), 2, (0, -4), [0, 1], None, True])
def test_refuses_other_indices(index):
    with pytest.raises(IndexError):
        LazyArray(full)[index]


def test_chunks_are_those_of_the_axes_that_are_free():
    source = Counting(full)
    assert LazyArray(source).chunks is None
    source.chunks = (1, 3, 2, 5)
    assert LazyArray(source).chunks == (1, 3, 2, 5)
    assert LazyArray(source)[1, :, :, 2].chunks == (3, 2)
