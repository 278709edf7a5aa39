"""NPY: mapped, never unpickled."""

from __future__ import annotations

import numpy as np
import pytest

from stellate.errors import InputError
from stellate.io import open_lazy, read


@pytest.mark.parametrize(
    ("array", "axes"),
    [
        (np.arange(12.0).reshape(3, 4), "YX"),
        (np.asfortranarray(np.arange(24, dtype=">u2").reshape(2, 4, 3)), "YXC"),
        (np.array([[True, False]]), "YX"),
    ],
)
def test_values_and_axes(tmp_path, array, axes):
    np.save(tmp_path / "a.npy", array)
    image, lazy = read(tmp_path / "a.npy"), open_lazy(tmp_path / "a.npy")
    assert image.axes == lazy.axes == axes
    np.testing.assert_array_equal(image.array, array)
    np.testing.assert_array_equal(lazy.array, array)
    assert isinstance(lazy.array, np.memmap)
    assert image.array.dtype != np.bool_


def test_axes_must_be_named_where_several_readings_are_possible(tmp_path):
    np.save(tmp_path / "stack.npy", np.zeros((5, 6, 7)))
    with pytest.raises(
        InputError, match=r"stack\.npy: an array of shape \(5, 6, 7\) can be read in several ways"
    ):
        read(tmp_path / "stack.npy")
    assert read(tmp_path / "stack.npy", axes="ZYX").sizes == {"Z": 5, "Y": 6, "X": 7}


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array([[Bomb()]], dtype=object), r"Python objects \(a pickle, which stellate never loads\)"),
        (np.zeros((3, 3), complex), "complex numbers; save it as an array of integers or floats"),
        (np.array([["a"]]), "values of type <U1"),
        (np.zeros((0, 4)), "no pixels"),
    ],
)
def test_refuses(tmp_path, array, message):
    np.save(tmp_path / "x.npy", array, allow_pickle=True)
    with pytest.raises(InputError, match=message):
        read(tmp_path / "x.npy")


def test_truncated_and_hostile(tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, np.zeros((50, 50)))
    whole = path.read_bytes()
    path.write_bytes(whole[:-8])
    with pytest.raises(InputError, match="cannot be decoded"):
        read(path)
    path.write_bytes(whole.replace(b"(50, 50)", b"(9999999, 9999999)"[:8].ljust(8)))
    with pytest.raises(InputError, match=r"x\.npy: "):
        read(path)
