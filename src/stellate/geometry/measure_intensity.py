"""Intensities of labelled objects, in one pass over an image of any number of dimensions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from ..errors import InputError
from .labels import Labels

__all__ = ["intensity_columns"]

Column = npt.NDArray[Any]
_BAND = 2**20  # pixels that are held as float64 at a time, or a row of the first axis if that is more


def intensity_columns(
    labels: Any, intensity: Any, pixels: npt.NDArray[np.int64], channel_names: Sequence[str] = ()
) -> dict[str, Column]:
    """Mean, standard deviation, extremes and sum of the intensities of each object.

    Parameters
    ----------
    labels
        ``(rows, columns)`` or ``(planes, rows, columns)`` int32, contiguous. It may be lazy, as may `intensity`:
        both are read from first to last along the first axis.
    intensity
        The same shape, or with channels behind; any real dtype.
    pixels
        ``(n,)`` int64, the pixels of each object.
    channel_names
        A name per channel; numbers from 0 if empty and there are several.

    Returns
    -------
    dict of ndarray
        For each channel ``intensity_mean``, ``_std`` (of the population), ``_min``, ``_max``, ``_sum``, followed
        by ``_NAME`` where there are several channels: ``(n,)`` float64, NaN for a label without pixels.

    Raises
    ------
    InputError
        If the shapes differ, `intensity` is not real, or names are missing.
    """
    names = _channel_names(tuple(labels.shape), intensity, channel_names)
    channels = [_Sums(len(pixels)) for _ in names]
    for labels_band, band in _bands(labels, intensity):
        for at, channel in enumerate(channels):
            values = band if band.ndim == labels_band.ndim else band[..., at]
            flat = np.ascontiguousarray(values, dtype=np.float64).reshape(-1)
            _add(labels_band.reshape(-1), flat, channel.first, channel.sums, channel.extremes)
    columns: dict[str, Column] = {}
    for name, channel in zip(names, channels, strict=True):
        suffix = f"_{name}" if len(names) > 1 else ""
        columns |= {f"intensity_{key}{suffix}": values for key, values in channel.columns(pixels).items()}
    return columns


def _channel_names(shape: tuple[int, ...], intensity: Any, given: Sequence[str]) -> list[str]:
    found = tuple(intensity.shape)
    if found[: len(shape)] != shape or len(found) - len(shape) not in (0, 1):
        raise InputError(f"expected intensities of shape {shape} or with channels behind, got {found}")
    if np.dtype(intensity.dtype).kind not in "buif":
        raise InputError(f"expected real intensities, got {intensity.dtype}")
    channels = found[-1] if len(found) > len(shape) else 1
    names = list(given) or [str(c) for c in range(channels)]
    if len(names) != channels:
        raise InputError(f"{len(names)} channel names for {channels} channels")
    return names


def _bands(labels: Any, intensity: Any) -> Iterator[tuple[Labels, npt.NDArray[Any]]]:
    step = max(1, _BAND // max(1, int(np.prod(labels.shape[1:], dtype=np.int64))))
    for start in range(0, labels.shape[0], step):
        part = slice(start, start + step)
        yield np.ascontiguousarray(labels[part], dtype=np.int32), np.asarray(intensity[part])


class _Sums:
    """What is added up of one channel, a row for each object."""

    def __init__(self, n: int) -> None:
        self.first = np.full(n, np.nan)
        # of the values, and of the values less the first one and the squares of that: its digits would be lost
        # in the sum of plain squares where the values are large and alike
        self.sums = np.zeros((n, 3))
        self.extremes = np.stack([np.full(n, np.inf), np.full(n, -np.inf)], axis=1)

    def columns(self, pixels: npt.NDArray[np.int64]) -> dict[str, Column]:
        exists = pixels > 0
        area = np.where(exists, pixels, np.nan)
        total, shifted, squares = self.sums.T
        variance = squares / area - (shifted / area) ** 2
        return {
            "mean": total / area,
            "std": np.sqrt(np.maximum(variance, 0)),
            "min": np.where(exists, self.extremes[:, 0], np.nan),
            "max": np.where(exists, self.extremes[:, 1], np.nan),
            "sum": np.where(exists, total, np.nan),
        }


@numba.njit(nogil=True, cache=True)
def _add(labels: Any, values: Any, first: Any, sums: Any, extremes: Any) -> None:
    """Add the values of each object to its sums, and widen its extremes; NaN stays NaN."""
    for i in range(labels.size):
        k = labels[i] - 1
        if k < 0 or k >= first.size:
            continue
        value = values[i]
        if extremes[k, 0] > extremes[k, 1]:  # nothing yet
            first[k] = value
        shifted = value - first[k]
        sums[k, 0] += value
        sums[k, 1] += shifted
        sums[k, 2] += shifted * shifted
        if value < extremes[k, 0] or np.isnan(value):
            extremes[k, 0] = value
        if value > extremes[k, 1] or np.isnan(value):
            extremes[k, 1] = value
