"""Going through an image that may be larger than memory, a piece at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

__all__ = ["BLOCK", "ArrayLike", "blocks"]

BLOCK = 2**22
"""Values of a piece, where chunks of the file are not larger: 32 MB as the 64-bit integers that np.bincount needs."""


class ArrayLike(Protocol):
    """An array, or something that becomes one where it is sliced: a memory map, Zarr, a channel selection."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""

    @property
    def dtype(self) -> Any:
        """Type of the values."""

    def __getitem__(self, index: Any, /) -> Any:
        """Read a region."""


def blocks(array: ArrayLike) -> Iterator[npt.NDArray[Any]]:
    """Read ``(C, ...)`` pieces of about `BLOCK` values, whole chunks of the file at a time.

    Parameters
    ----------
    array
        ``(C, *spatial)``; its ``chunks``, if it has any, are those of the file. It is cut along the first spatial axis,
        and along the second one where a single step of the first is too large.

    Yields
    ------
    ndarray
        Of all channels.
    """
    chunks = getattr(array, "chunks", None)
    lengths = [int(c) if isinstance(c, int) else 1 for c in chunks[1:]] if chunks else []
    lengths = lengths or [1] * (len(array.shape) - 1)
    values = array.shape[0] * int(np.prod(array.shape[2:], dtype=np.int64)) * lengths[0]
    step = max(1, BLOCK // values) * lengths[0]
    for start in range(0, array.shape[1], step):
        region: tuple[slice, ...] = (slice(None), slice(start, start + step))
        if len(lengths) < 3 or values <= BLOCK:
            yield np.asarray(array[region])
            continue
        narrow = max(1, BLOCK * array.shape[2] // (values * lengths[1])) * lengths[1]
        for row in range(0, array.shape[2], narrow):
            yield np.asarray(array[(*region, slice(row, row + narrow))])
