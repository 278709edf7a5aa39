"""What an evaluation says of each class, as part of its page."""

from __future__ import annotations

from ..metrics.class_scores import CORNER, ClassMetrics
from .page_parts import table

__all__ = ["class_tables"]

_COLUMNS = {
    "class": "class",
    "n_true": "annotated",
    "n_predicted": "found",
    "true_positives": "matched",
    "false_positives": "false",
    "false_negatives": "missed",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "accuracy": "accuracy",
    "panoptic_quality": "panoptic quality",
}
# A wider table is of no use on a page.
_MOST_SHOWN = 40
_MEANS = ("precision", "recall", "f1", "accuracy", "panoptic_quality")


def class_tables(classes: ClassMetrics | None, threshold: float) -> str:
    """HTML with the scores of each class and the confusion table; empty where objects are not told apart.

    Parameters
    ----------
    classes
        What to report.
    threshold
        The lowest IoU of a match, which both tables are for.
    """
    if classes is None or not classes.classes:
        return ""
    rows = [[c.row(0)[name] for name in _COLUMNS] for c in classes.classes]
    means = {"class": "mean over the classes", **{v: classes.mean(v) for v in _MEANS}}
    rows.append([means.get(name, "") for name in _COLUMNS])
    return f"""<h2>Classes</h2>
{table(list(_COLUMNS.values()), rows)}
<p class="soft">At IoU {threshold:g}. An object counts as matched if it was found with its own class. Objects whose
class nobody stated count neither as missed nor, when found, as false.</p>
{_confusion(classes, threshold)}"""


def _confusion(classes: ClassMetrics, threshold: float) -> str:
    if len(classes.classes) > _MOST_SHOWN:
        return '<p class="soft">Which class was found as which: see evaluation_confusion.csv.</p>'
    counts = classes.confusion_table()
    right = classes.class_accuracy
    share = (
        "" if right is None else f" Of the matched objects of known class, {right:.1%} have the right one."
    )
    return f"""<h2>Which class was found as which</h2>
{table([CORNER, *list(counts[0])[1:]], [list(row.values()) for row in counts])}
<p class="soft">Matched by IoU {threshold:g} alone: a row for each annotated class, a column for each class that was
found. The column (nothing) counts missed objects, the row (nothing) those found where nothing is
annotated.{share}</p>"""
