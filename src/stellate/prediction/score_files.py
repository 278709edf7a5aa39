"""The files of the class of a whole image."""

from __future__ import annotations

from collections import Counter

from .. import io
from ..results import Scores
from .draft import Draft
from .finding import Finding

__all__ = ["write_scores"]


def write_scores(draft: Draft) -> None:
    """Write the probability of each class; where asked for, pictures of what speaks for the most probable one."""
    prediction = draft.prediction
    io.write_table(draft.path("scores", "scores.csv"), prediction.table())
    best = [_best(scores) for scores in prediction.scores]
    draft.counts = dict(Counter(finding.name for finding in best))
    draft.finding = best[0] if len(best) == 1 else None
    draft.write_explanations()


def _best(scores: Scores) -> Finding:
    at = int(scores.probabilities.argmax())
    return Finding(scores.class_names[at], float(scores.probabilities[at]))
