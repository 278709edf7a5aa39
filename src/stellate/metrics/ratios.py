"""Shares and means of which some may not exist: nan where there is nothing to divide by, None in tables and JSON."""

from __future__ import annotations

import math
from collections.abc import Iterable

__all__ = ["mean_of", "plain", "ratio"]


def ratio(part: float, whole: float) -> float:
    """The share; nan if the whole is 0."""
    return part / whole if whole else math.nan


def mean_of(values: Iterable[float]) -> float:
    """The mean of the values that are numbers; nan if none is."""
    numbers = [v for v in values if not math.isnan(v)]
    return sum(numbers) / len(numbers) if numbers else math.nan


def plain(value: float) -> float | None:
    """A number as JSON has it: None in place of nan."""
    return None if math.isnan(value) else float(value)
