"""Whether probabilities can be taken at their word: of all that was said with 80 %, 80 % should be right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .ratios import mean_of

__all__ = ["N_BINS", "ReliabilityBin", "expected_calibration_error", "reliability_bins"]

N_BINS = 15
"""Number of bins, as in the paper."""


@dataclass(frozen=True)
class ReliabilityBin:
    """What was said with a probability in ``(low, high]``.

    Attributes
    ----------
    low, high
        Limits of the bin.
    count
        How often such a probability was given.
    confidence
        Their mean; nan where there are none.
    accuracy
        Share that was right; nan where there are none.
    """

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


def reliability_bins(
    confidences: npt.ArrayLike, right: npt.ArrayLike, n_bins: int = N_BINS
) -> tuple[ReliabilityBin, ...]:
    """Sort answers by how sure they were, into bins of equal width.

    Parameters
    ----------
    confidences
        ``(n,)``, the probability of each answer, 0 to 1.
    right
        ``(n,)`` bool, whether it was right.
    n_bins
        Their number.
    """
    sure, hit = np.asarray(confidences, dtype=np.float64), np.asarray(right, dtype=np.bool_)
    edges = np.linspace(0, 1, n_bins + 1)
    # the upper limit belongs to a bin; what is 0 belongs to the first
    at = np.clip(np.searchsorted(edges, sure, side="left") - 1, 0, n_bins - 1)
    bins = []
    for k in range(n_bins):
        inside = at == k
        count = int(inside.sum())
        means = (mean_of(sure[inside].tolist()), mean_of(hit[inside].astype(np.float64).tolist()))
        bins.append(ReliabilityBin(float(edges[k]), float(edges[k + 1]), count, *means))
    return tuple(bins)


def expected_calibration_error(bins: tuple[ReliabilityBin, ...]) -> float:
    """Mean distance of how sure answers were and how often they were right, over all answers; 0 is best.

    Returns
    -------
    float
        0 to 1; nan if there are no answers.

    References
    ----------
    Guo, Pleiss, Sun and Weinberger, On calibration of modern neural networks, ICML 2017, equation 3.
    """
    n = sum(b.count for b in bins)
    if not n:
        return float("nan")
    return sum(b.count * abs(b.accuracy - b.confidence) for b in bins if b.count) / n
