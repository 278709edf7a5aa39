"""How the C library of Linux hands out the memory of tensors on a CPU."""

from __future__ import annotations

import ctypes
import functools
import sys

__all__ = ["keep_freed_memory"]

M_TRIM_THRESHOLD, M_TOP_PAD = -1, -2  # of glibc's malloc.h
KEPT_BYTES = 1 << 30


@functools.cache
def keep_freed_memory() -> bool:
    """Let this process keep up to 2 GiB of freed memory for its next tensors.

    Otherwise glibc maps every tensor above 32 MB anew, and the system clears each of its pages before its first
    use: a tenth of the time of a network on a CPU. What is kept had been in use before, so that the most memory
    that the process ever has does not rise.

    Returns
    -------
    bool
        Whether it was done: it is on Linux with glibc only.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(M_TOP_PAD, KEPT_BYTES)) and bool(mallopt(M_TRIM_THRESHOLD, 2 * KEPT_BYTES))
