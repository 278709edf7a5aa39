"""The place of a bit in a machine word."""

from __future__ import annotations

import numpy as np

__all__ = ["BIT_OF", "DE_BRUIJN"]

# The position of the only bit set in a 64-bit word x is BIT_OF[(x * DE_BRUIJN) >> 58]
# (Leiserson, Prokop and Randall, Using de Bruijn Sequences to Index a 1 in a Computer Word, 1998).
DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
BIT_OF = np.zeros(64, dtype=np.int64)
for _bit in range(64):
    BIT_OF[((int(DE_BRUIJN) << _bit) % 2**64) >> 58] = _bit
