"""Label images and class maps of many frames, kept where the system can take them out of memory."""

from __future__ import annotations

from dataclasses import replace
from tempfile import TemporaryFile
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from ..results import Instances, Mask, Result

__all__ = ["MOST_IN_MEMORY", "Shelf"]

ResultT = TypeVar("ResultT", bound=Result)

MOST_IN_MEMORY = 2**30
"""Bytes of the results of one film that are held in memory; later ones go into temporary files."""

_LARGE: dict[type, tuple[str, ...]] = {Instances: ("labels",), Mask: ("classes", "probabilities")}


class Shelf:
    """Where the results of a film's frames wait for those of the last one."""

    def __init__(self) -> None:
        self._held = 0

    def put(self, result: ResultT) -> ResultT:
        """The same result, its label image or maps perhaps in temporary files that are mapped into memory.

        The files have no name and are gone when nobody holds the arrays any more. Where there is no room for them, the
        arrays stay in memory.
        """
        arrays = {name: getattr(result, name) for name in _LARGE.get(type(result), ())}
        kept = {name: self._kept(array) for name, array in arrays.items()}
        changed = {name: array for name, array in kept.items() if array is not arrays[name]}
        return replace(result, **changed) if changed else result

    def _kept(self, array: Any) -> Any:
        if array is None:
            return None
        if self._held + array.nbytes <= MOST_IN_MEMORY:
            self._held += array.nbytes
            return array
        try:
            return _stored(array)
        except OSError:
            return array


def _stored(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    with TemporaryFile(prefix="stellate-") as file:
        array.tofile(file)
        # writable as labels are elsewhere, for which functions are compiled
        mapped: npt.NDArray[Any] = np.memmap(file, dtype=array.dtype, mode="r+", shape=array.shape)
    return np.asarray(mapped)
