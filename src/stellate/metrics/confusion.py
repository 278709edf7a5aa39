"""Which class was found as which."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .instance_scores import Row

__all__ = ["CORNER", "confusion_rows", "count_confusion"]

CORNER = "annotated / found"
"""Heading of the first column of the table."""


def count_confusion(
    pairs: Iterable[tuple[Hashable, Hashable]], names: Sequence[Hashable]
) -> npt.NDArray[np.int64]:
    """How often each class was found as each.

    Parameters
    ----------
    pairs
        An annotated class and the one that was found, as in `names`.
    names
        Of all classes; they may hold None, for nothing.

    Returns
    -------
    ndarray
        ``(n_classes, n_classes)`` int64: a row for each annotated class, a column for each that was found.
    """
    at = {name: k for k, name in enumerate(names)}
    counts = np.zeros((len(at), len(at)), dtype=np.int64)
    for truth, found in pairs:
        counts[at[truth], at[found]] += 1
    return counts


def confusion_rows(counts: npt.NDArray[Any], rows: Sequence[str], columns: Sequence[str]) -> list[Row]:
    """A row for each annotated class, with the count of each that was found by its name.

    Parameters
    ----------
    counts
        ``(len(rows), n)``, n at least ``len(columns)``; what is beyond is left out.
    rows, columns
        Names of the classes.
    """
    return [
        {CORNER: name, **{column: int(n) for column, n in zip(columns, of, strict=False)}}
        for name, of in zip(rows, counts.tolist(), strict=True)
    ]
