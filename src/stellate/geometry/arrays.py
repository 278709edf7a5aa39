"""Arrays as compiled functions take them."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

__all__ = ["for_reading"]


def for_reading(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A read-only view of an array.

    Numba compiles a function once for arrays that may be written to and once for others. What is only read is always
    handed over as the latter, so that it makes no difference which kind callers have.
    """
    view = array.view()
    view.flags.writeable = False
    return view
