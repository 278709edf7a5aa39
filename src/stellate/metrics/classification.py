"""How well the classes of images are found.

The class found is the most probable one. Of all images: accuracy, the share that was found right; balanced accuracy,
the mean over the classes of the share that was found right; and how far the probabilities can be trusted
(`stellate.metrics.calibration`). Of each class against all others: precision, recall, F1 and the area below the ROC
curve (`stellate.metrics.ranking`); and which class was found as which.

Classes are compared by name, never by number. An image of a class that the model does not know counts as wrong.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ..errors import InputError
from ..results import Scores
from .classification_scores import ClassificationMetrics, ImageClass, OneClass
from .pairing import pairs

__all__ = ["ClassificationMetrics", "ImageClass", "OneClass", "score_classes"]

# Sums of probabilities that were rounded to 16 bits on the way are off by less.
_ROUNDING = 0.02


def score_classes(
    predictions: Iterable[Scores], truths: Iterable[Scores], *, names: Iterable[str] | None = None
) -> ClassificationMetrics:
    """Compare the classes that were found in images with those that are annotated.

    Parameters
    ----------
    predictions, truths
        One per image.
    names
        What the images are called; "1", "2", ... if None.

    Raises
    ------
    InputError
        If the numbers of images differ, there are none, names of classes occur twice, there is not a probability for
        each class, or an annotation is not of one class.
    """
    images: list[ImageClass] = []
    rows: list[dict[str, float]] = []
    classes: dict[str, None] = {}
    known: dict[str, None] = {}
    for name, predicted, truth in pairs(predictions, truths, names):
        try:
            rows.append(_by_name(predicted, "prediction"))
            images.append(_compared(name, rows[-1], _class_of(truth)))
        except InputError as error:
            raise InputError(f"{name}: {error}") from error
        classes.update(dict.fromkeys(truth.class_names))
        known.update(dict.fromkeys(predicted.class_names))
    ordered = tuple(classes | known)
    probabilities = np.array([[row.get(c, 0.0) for c in ordered] for row in rows], dtype=np.float32)
    return ClassificationMetrics(
        tuple(images), ordered, probabilities, np.array([c in known for c in ordered], dtype=np.bool_)
    )


def _compared(name: str, found: dict[str, float], truth: str) -> ImageClass:
    best = max(found, key=lambda c: found[c])
    return ImageClass(name, truth, best, found[best], found.get(truth, 0.0))


def _class_of(truth: Scores) -> str:
    """The annotated class."""
    by_name = _by_name(truth, "annotation")
    of = [name for name, value in by_name.items() if value > 0]
    if len(of) != 1:
        raise InputError(
            f"the annotation names {len(of)} classes; it has to be of exactly one, with 1 at its position"
        )
    return of[0]


def _by_name(scores: Scores, what: str) -> dict[str, float]:
    """Probabilities by the names of their classes."""
    names, values = scores.class_names, np.asarray(scores.probabilities, dtype=np.float64)
    if values.shape != (len(names),):
        raise InputError(
            f"the {what} has probabilities of shape {values.shape} for {len(names)} classes; expected one for each"
        )
    twice = [name for k, name in enumerate(names) if name in names[:k]]
    if twice:
        raise InputError(f"two classes of the {what} are called {twice[0]!r}; name them differently")
    if not np.isfinite(values).all() or (values < 0).any() or abs(values.sum() - 1) > _ROUNDING:
        raise InputError(
            f"the {what} holds {np.array2string(values, precision=4, threshold=8)}; probabilities are from 0 to 1 and "
            "add up to 1"
        )
    return dict(zip(names, values.tolist(), strict=True))
