"""How well a probability ranks what is of a class before what is not: the ROC curve and the area below it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

__all__ = ["roc_auc", "roc_curve"]

FloatArray = npt.NDArray[np.float64]


def roc_auc(scores: npt.ArrayLike, positive: npt.ArrayLike) -> float:
    """Area below the ROC curve: how often something of the class has a higher score than something that is not.

    Parameters
    ----------
    scores
        ``(n,)``, the higher the surer.
    positive
        ``(n,)`` bool, what is of the class.

    Returns
    -------
    float
        From 0 to 1; equal scores count half. nan if all or none are of the class.

    References
    ----------
    The Mann-Whitney statistic with midranks: Hanley and McNeil, The meaning and use of the area under a receiver
    operating characteristic (ROC) curve, Radiology 1982.

    Examples
    --------
    >>> roc_auc([0.9, 0.5, 0.5, 0.1], [True, True, False, False])
    0.875
    """
    of_class = np.asarray(positive, dtype=np.bool_)
    n, others = int(of_class.sum()), int((~of_class).sum())
    if not n or not others:
        return math.nan
    ranks = rankdata(np.asarray(scores), method="average")
    return float((ranks[of_class].sum() - n * (n + 1) / 2) / (n * others))


def roc_curve(scores: npt.ArrayLike, positive: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """The ROC curve: what share of each kind has a score of at least a threshold, as that goes down.

    Parameters
    ----------
    scores, positive
        As `roc_auc` takes them; some of each kind.

    Returns
    -------
    false_positive_rate, true_positive_rate : (k,) float64
        From (0, 0) to (1, 1), a point for each score that occurs. The area below is `roc_auc`, by the trapezoidal
        rule.
    """
    values, of_class = np.asarray(scores), np.asarray(positive, dtype=np.bool_)
    order = np.argsort(-values, kind="stable")
    # equal scores pass a threshold together
    last: Any = np.flatnonzero(np.append(np.diff(values[order]) != 0, True))
    hits = np.cumsum(of_class[order])[last]
    others = last + 1 - hits
    return (
        np.concatenate([[0.0], others / others[-1]]),
        np.concatenate([[0.0], hits / hits[-1]]),
    )
