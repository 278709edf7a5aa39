"""Bringing intensities to a common scale: percentiles of the whole image become 0 and 1.

The percentiles are exact for every dtype and size of image, in bounded memory. The array is streamed in
blocks, and the values at the wanted ranks are found by radix selection: a value becomes an unsigned integer
that sorts like it, and one pass counts 16 bits of it at a time. So 8 and 16 bits need one pass, 32 bits two,
64 bits four.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ..errors import ConfigError, InputError
from .blocks import BLOCK, ArrayLike, blocks

__all__ = ["IMAGENET", "ArrayLike", "Normalization"]

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and deviation of red, green and blue of the photographs that encoders are trained on, in 0..1."""

_EPSILON = 1e-20  # StarDist's, so that the same percentiles give the same float32 values


@dataclass(frozen=True)
class Normalization:
    """Linear scaling that takes two percentiles of an image to 0 and 1, without clipping, and perhaps another then."""

    low: float = 1.0
    """Percentile that becomes 0."""
    high: float = 99.8
    """Percentile that becomes 1."""
    channels: Literal["separate", "joint"] = "separate"
    """Whether each channel has percentiles of its own, or all share those of all values."""
    mean: tuple[float, ...] = ()
    """What is taken off then: a number for all channels, or one for each; nothing if empty."""
    std: tuple[float, ...] = ()
    """What it is divided by at last, likewise."""

    def __post_init__(self) -> None:
        if not 0 <= self.low < self.high <= 100:
            raise ConfigError(f"percentiles {self.low} and {self.high}: expected 0 <= low < high <= 100")
        if self.channels not in ("separate", "joint"):
            raise ConfigError(f"normalization channels {self.channels!r}: expected 'separate' or 'joint'")
        for name in ("mean", "std"):
            object.__setattr__(self, name, tuple(map(float, getattr(self, name))))
        if len(self.mean) != len(self.std) or any(s <= 0 for s in self.std):
            raise ConfigError(
                f"normalization mean {self.mean} and std {self.std}: expected as many of both, std above 0"
            )

    def limits(self, array: ArrayLike) -> npt.NDArray[np.float64]:
        """Intensities that become 0 and 1.

        Where the two percentiles coincide although the image is not constant (a few bright objects on an
        otherwise empty background), the least and the greatest value take their place.

        Parameters
        ----------
        array
            ``(C, *spatial)``, bool, integer or float. It may be lazy: it is read in blocks.

        Returns
        -------
        ndarray
            ``(C, 2)`` float64, low and high of each channel; equal only where the channel is constant.

        Raises
        ------
        InputError
            If the array is empty, has values that are not numbers, NaN or infinite ones.
        """
        _check(array)
        n_channels = array.shape[0]
        groups = [slice(None)] if self.channels == "joint" else [slice(c, c + 1) for c in range(n_channels)]
        n = int(np.prod(array.shape[1:], dtype=np.int64)) * (n_channels if self.channels == "joint" else 1)
        places = [(n - 1) * p / 100 for p in (self.low, self.high)]
        ranks = [0, n - 1] + [r for place in places for r in (int(place), min(int(place) + 1, n - 1))]
        rows = []
        for values in _values_at_ranks(array, groups, ranks):
            low, high = (
                _between((values[2 + 2 * i], values[3 + 2 * i]), place % 1) for i, place in enumerate(places)
            )
            rows.append((low, high) if low < high else (values[0], values[1]))
        return np.array(rows if self.channels == "separate" else rows * n_channels, dtype=np.float64)

    def apply(self, array: npt.NDArray[Any], limits: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        """Scale intensities: ``(x - low) / (high - low + 1e-20)``, not clipped; then ``(x - mean) / std`` if these are.

        Parameters
        ----------
        array
            ``(C, *spatial)``, the image or a piece of it.
        limits
            ``(C, 2)`` float64 from `limits`.

        Returns
        -------
        ndarray
            ``(C, *spatial)`` float32. A channel whose limits are equal becomes 0.
        """
        array = np.asarray(array)
        # float32 holds 16 bits exactly; wider types would lose small differences between large values
        exact: type[np.floating[Any]] = (
            np.float32 if array.dtype.itemsize <= 2 or array.dtype == np.float32 else np.float64
        )
        low, high = limits.astype(exact).T.reshape(2, -1, *[1] * (array.ndim - 1))
        span = np.where(high > low, high - low + exact(_EPSILON), exact(np.inf))
        scaled = np.subtract(array, low, dtype=exact)
        scaled /= span
        if self.mean:
            mean, std = (
                np.array(v, dtype=exact).reshape(-1, *[1] * (array.ndim - 1)) for v in (self.mean, self.std)
            )
            scaled -= mean
            scaled /= std
        return scaled.astype(np.float32, copy=False)

    def to_dict(self) -> dict[str, Any]:
        """The settings as plain values, as a model file stores them; without what is empty."""
        return {name: value for name, value in asdict(self).items() if value != ()}

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> Normalization:
        """The inverse of `to_dict`.

        Raises
        ------
        ConfigError
            If a setting is unknown or out of range.
        """
        known = [f.name for f in fields(cls)]
        unknown = sorted(set(settings) - set(known))
        if unknown:
            raise ConfigError(
                f"normalization has no setting {', '.join(unknown)}; there are: {', '.join(known)}"
            )
        return cls(**settings)


def _check(array: ArrayLike) -> None:
    kind = np.dtype(array.dtype).kind
    if kind not in "buif" or np.dtype(array.dtype).itemsize > 8:
        raise InputError(
            f"an image of dtype {array.dtype} has no intensities; convert it to an integer or float type "
            "of at most 64 bits first"
        )
    if len(array.shape) < 2 or 0 in array.shape:
        raise InputError(f"an image of shape {tuple(array.shape)} (channels first) has no pixels")


def _values_at_ranks(array: ArrayLike, groups: list[slice], ranks: list[int]) -> list[list[float]]:
    """Values of each group of channels at 0-based ranks of their sorted order: ``[group][rank]``."""
    dtype = np.dtype(array.dtype)
    bits = 8 * dtype.itemsize
    prefixes = [[0] * len(ranks) for _ in groups]  # upper bits found so far of the value at each rank
    left = [list(ranks) for _ in groups]  # rank among the values that share those bits
    step = min(16, bits)
    for shift in range(bits - step, -1, -step):
        counts = _count(array, groups, prefixes, (shift, step))
        for group, by_prefix in enumerate(counts):
            for i, rank in enumerate(left[group]):
                cumulative = by_prefix[prefixes[group][i]]
                digit = int(np.searchsorted(cumulative, rank, side="right"))
                left[group][i] -= int(cumulative[digit - 1]) if digit else 0
                prefixes[group][i] = prefixes[group][i] << step | digit
    return [[_value(key, dtype) for key in keys] for keys in prefixes]


def _count(
    array: ArrayLike, groups: list[slice], prefixes: list[list[int]], digit: tuple[int, int]
) -> list[dict[int, npt.NDArray[np.int64]]]:
    """Cumulative histograms of one digit (its shift and bits), per group and per prefix above that digit."""
    shift, step = digit
    counts = [{p: np.zeros(2**step, np.int64) for p in found} for found in prefixes]
    bad = 0
    for block in blocks(array):
        if block.dtype.kind == "f" and not (finite := np.isfinite(block)).all():
            bad += finite.size - int(np.count_nonzero(finite))
            continue
        for group, by_prefix in zip(groups, counts, strict=True):
            keys = _keys(block[group]).ravel()
            for start in range(0, len(keys), BLOCK):
                _tally(keys[start : start + BLOCK], by_prefix, shift, step)
    if bad:
        raise InputError(
            f"{bad} pixels are NaN or infinite; replace them first, e.g. with numpy.nan_to_num, "
            "or mask the region that they mark"
        )
    return [{p: c.cumsum() for p, c in by_prefix.items()} for by_prefix in counts]


def _tally(
    keys: npt.NDArray[Any], by_prefix: dict[int, npt.NDArray[np.int64]], shift: int, step: int
) -> None:
    if 8 * keys.dtype.itemsize == step:
        by_prefix[0] += np.bincount(keys, minlength=2**step)
        return
    top = shift + step == 8 * keys.dtype.itemsize
    upper = keys >> keys.dtype.type(shift)
    for prefix, count in by_prefix.items():
        chosen = upper if top else upper[upper >> upper.dtype.type(step) == prefix]
        digits = (chosen & chosen.dtype.type(2**step - 1)).astype(np.int64)
        count += np.bincount(digits, minlength=2**step)


def _keys(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Unsigned integers that sort as the values do."""
    dtype = values.dtype.newbyteorder("=")
    values = np.ascontiguousarray(values, dtype=dtype)
    keys = values.view(f"u{dtype.itemsize}")
    sign = keys.dtype.type(1 << (8 * dtype.itemsize - 1))
    if dtype.kind == "i":
        return keys ^ sign
    if dtype.kind == "f":  # IEEE 754: positive numbers sort by their bits, negative ones backwards
        return np.where(keys & sign, ~keys, keys | sign)
    return keys


def _value(key: int, dtype: np.dtype[Any]) -> float:
    """The inverse of `_keys` for one key."""
    bits = 8 * dtype.itemsize
    sign = 1 << (bits - 1)
    if dtype.kind == "i":
        key ^= sign
    elif dtype.kind == "f":
        key = key ^ sign if key & sign else ~key & (2**bits - 1)
    return float(np.array([key], f"u{dtype.itemsize}").view(dtype.newbyteorder("="))[0])


def _between(ends: tuple[float, float], fraction: float) -> float:
    """Interpolate from the nearer end, as np.percentile does."""
    low, high = ends
    step = high - low
    return high - step * (1 - fraction) if fraction >= 0.5 else low + step * fraction
