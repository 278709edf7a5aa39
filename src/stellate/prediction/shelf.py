"""Label images of many frames, kept where the system can take them out of memory."""

from __future__ import annotations

from dataclasses import replace
from tempfile import TemporaryFile

import numpy as np
import numpy.typing as npt

from ..results import Instances, Result

__all__ = ["MOST_IN_MEMORY", "Shelf"]

MOST_IN_MEMORY = 2**30
"""Bytes of labels of one film that are held in memory; later ones go into temporary files."""


class Shelf:
    """Where the results of a film's frames wait for those of the last one."""

    def __init__(self) -> None:
        self._held = 0

    def put(self, result: Result) -> Result:
        """The same result, its labels perhaps in a temporary file that is mapped into memory.

        The file has no name and is gone when nobody holds the labels any more. Where there is no room for it, the
        labels stay in memory.
        """
        if not isinstance(result, Instances):
            return result
        if self._held + result.labels.nbytes <= MOST_IN_MEMORY:
            self._held += result.labels.nbytes
            return result
        try:
            return replace(result, labels=_stored(result.labels))
        except OSError:
            return result


def _stored(labels: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    with TemporaryFile(prefix="stellate-") as file:
        labels.tofile(file)
        # writable as labels are elsewhere, for which functions are compiled
        mapped: npt.NDArray[np.int32] = np.memmap(file, dtype=labels.dtype, mode="r+", shape=labels.shape)
    return np.asarray(mapped)
