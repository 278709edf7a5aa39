"""An array whose pixels stay in the file until they are asked for."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from types import EllipsisType
from typing import Any

import numpy as np
import numpy.typing as npt

from .content import damaged_file_errors

__all__ = ["LazyArray"]

Index = int | slice | EllipsisType


class LazyArray:
    """A view of an array that lies in a file in chunks.

    An index of whole axes and single positions, such as `stellate.axes.Image.select` uses, gives another
    `LazyArray` and reads nothing; any other basic index reads just that part.

    Parameters
    ----------
    source
        Array with ``shape``, ``dtype`` and basic slicing, such as one of Zarr.
    fixed
        One entry per axis of `source`: the position at which the axis is held, or None where it is free.
    path
        The file; a part of it that turns out to be damaged when it is read is an `InputError` that names it.
    """

    def __init__(
        self, source: Any, fixed: tuple[int | None, ...] | None = None, *, path: Path | None = None
    ) -> None:
        self._source = source
        self._path = path
        self._fixed = fixed if fixed is not None else (None,) * len(source.shape)

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the free axes."""
        return tuple(int(n) for n, at in zip(self._source.shape, self._fixed, strict=True) if at is None)

    @property
    def ndim(self) -> int:
        """Number of free axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the elements."""
        dtype: np.dtype[Any] = np.dtype(self._source.dtype)
        return dtype

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """Lengths along the free axes of the pieces that the file consists of; None where it does not say."""
        chunks = getattr(self._source, "chunks", None)
        if chunks is None:
            return None
        return tuple(int(n) for n, at in zip(chunks, self._fixed, strict=True) if at is None)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Index | tuple[Index, ...]) -> Any:
        """Read a part, or hold axes at single positions (see the class)."""
        entries = self._expand(index if isinstance(index, tuple) else (index,))
        free = iter(entries)
        full: tuple[int | slice, ...] = tuple(next(free) if at is None else at for at in self._fixed)
        if all(isinstance(entry, int) or entry == slice(None) for entry in entries) and any(
            isinstance(entry, slice) for entry in entries
        ):
            return LazyArray(
                self._source, tuple(e if isinstance(e, int) else None for e in full), path=self._path
            )
        return self._read(full)

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """Read everything."""
        full = tuple(slice(None) if at is None else at for at in self._fixed)
        return np.asarray(self._read(full), dtype=dtype)

    def _read(self, index: tuple[int | slice, ...]) -> npt.NDArray[Any]:
        with damaged_file_errors(self._path) if self._path else nullcontext():
            return np.asarray(self._source[index])

    def _expand(self, index: tuple[Index, ...]) -> list[int | slice]:
        """One entry per free axis, integers checked and counted from the start."""
        given = [entry for entry in index if entry is not Ellipsis]
        if len(given) > self.ndim or len(index) - len(given) > 1:
            raise IndexError(f"index {index} does not fit an array of {self.ndim} axes")
        at = next((k for k, entry in enumerate(index) if entry is Ellipsis), len(index))
        fill = [slice(None)] * (self.ndim - len(given))
        entries = [*given[:at], *fill, *given[at:]]
        return [_checked(entry, size) for entry, size in zip(entries, self.shape, strict=True)]


def _checked(entry: Index, size: int) -> int | slice:
    if isinstance(entry, slice):
        return entry
    if isinstance(entry, EllipsisType | bool) or not isinstance(entry, int | np.integer):
        raise IndexError(f"a lazy array takes integers and slices, not {entry!r}")
    position = int(entry)
    if not -size <= position < size:
        raise IndexError(f"index {position} is outside an axis of {size} positions")
    return position % size
