"""The class of an image in words."""

from __future__ import annotations

import numpy as np

from ..results import Scores

__all__ = ["class_lines"]

_ALSO_SHOWN = 2
_LEAST_SHOWN = 0.001
"""Probabilities below this are not worth a word."""


def class_lines(scores: Scores) -> list[str]:
    """The most probable class, and in a second line what comes next.

    Examples
    --------
    >>> class_lines(Scores(np.array([0.02, 0.9, 0.08], np.float32), ("round", "long", "dead")))
    ['long 90.0%', 'then dead 8.0%, round 2.0%']
    """
    order = np.argsort(-scores.probabilities, kind="stable").tolist()
    words = [f"{scores.class_names[k]} {scores.probabilities[k]:.1%}" for k in order]
    also = [w for k, w in zip(order, words, strict=True) if scores.probabilities[k] >= _LEAST_SHOWN]
    after = also[1 : 1 + _ALSO_SHOWN]
    return [words[0], f"then {', '.join(after)}"] if after else words[:1]
