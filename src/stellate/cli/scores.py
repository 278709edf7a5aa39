"""Scores by class, as model files keep them, in tables for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .console import table

__all__ = ["HEADINGS", "class_tables"]

HEADINGS = {
    "n_true": "annotated",
    "n_predicted": "found",
    "iou": "IoU",
    "dice": "Dice",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "accuracy": "accuracy",
    "boundary_f1": "boundary F1",
    "panoptic_quality": "PQ",
    "roc_auc": "ROC area",
    "mean_iou": "mean IoU",
    "located": "IoU > 0.5",
    "located_75": "IoU > 0.75",
    "class_accuracy": "right class",
    "both": "both > 0.5",
    "both_75": "both > 0.75",
    "ap": "AP",
    "ap50": "AP50",
    "ap75": "AP75",
    "mean_absolute_count_error": "off by",
}
"""Columns, of which objects, classes of pixels, classes of images and boxes have some each."""

CORNER = "annotated / found"
"""Heading of the first column of tables that tell which class was found as which."""

_BY_CLASS = ("by_class", "confusion")
_WIDEST = 96


def class_tables(scores: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Take the scores of classes out of a summary of metrics.

    Parameters
    ----------
    scores
        Such as `MaskMetrics.summary` and `InstanceMetrics.summary` give.

    Returns
    -------
    rest : dict
        All but what the tables show.
    tables : list of str
        The scores of each class, and which class was found as which; none where classes are not told apart. In place of
        a table that is too wide for a terminal, a line says so.
    """
    rest = {name: value for name, value in scores.items() if name not in _BY_CLASS}
    found = scores
    if isinstance(scores.get("classes"), Mapping):  # of objects the scores of classes lie together
        found = scores["classes"]
        rest["classes"] = {name: value for name, value in found.items() if name not in _BY_CLASS}
    by_class, confusion = (found.get(name) for name in _BY_CLASS)
    tables = []
    # files keep the order of rows, but not that of names
    names = [row[CORNER] for row in confusion or ()]
    if by_class:
        columns = [name for name in HEADINGS if all(name in row for row in by_class.values())]
        ordered = sorted(by_class, key=lambda name: names.index(name) if name in names else len(names))
        rows = [(name, *(by_class[name][c] for c in columns)) for name in ordered]
        tables.append(table(("class", *(HEADINGS[c] for c in columns)), rows))
    if confusion:
        head = [name for name in dict.fromkeys((CORNER, *names, *confusion[0])) if name in confusion[0]]
        text = table(head, [[row[name] for name in head] for row in confusion])
        wide = max(map(len, text.splitlines())) > _WIDEST
        tables.append(
            f"{len(confusion)} classes; which was found as which is too wide to show" if wide else text
        )
    return rest, tables
