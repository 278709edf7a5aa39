"""What the console says of detected boxes."""

from __future__ import annotations

import numpy as np

from stellate.cli.evaluate import say_detections
from stellate.metrics.detection import score_boxes
from stellate.results import Boxes


def boxes(corners, classes, names=("red", "white"), scores=None) -> Boxes:
    scores = None if scores is None else np.array(scores, np.float32)
    return Boxes(np.array(corners, np.float32).reshape(-1, 4), np.array(classes, np.int32), names, scores)


def test_scores_of_classes_and_what_was_found_as_which(capsys) -> None:
    a, b = [0, 0, 9, 9], [20, 0, 29, 9]
    say_detections(
        score_boxes(
            [boxes([a, b, b], [0, 0, 0], scores=[0.9, 0.8, 0.1])],
            [boxes([a, b], [0, 1])],
            score_threshold=0.5,
        )
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == [
        "class", "annotated", "found", "precision", "recall", "F1", "AP", "AP50", "AP75", "off", "by",
    ]  # fmt: skip
    assert lines[1].split() == [
        "red",
        "1",
        "2",
        "0.500",
        "1.000",
        "0.667",
        "1.000",
        "1.000",
        "1.000",
        "1.000",
    ]
    assert lines[2].split()[:6] == ["white", "1", "0", "0.000", "0.000", "0.000"]
    assert lines[3].split()[:4] == ["all", "classes", "2", "2"]
    assert ["white", "1", "0", "0"] in [line.split() for line in lines]
    assert lines[-2] == (
        "1 image, 2 objects annotated, 2 found from the score 0.5 on; the count of an image is off by 0.00 in the mean"
    )
    assert lines[-1].startswith(
        "average precision, mean over the classes: 0.500 over IoU .5 to .95, 0.500 at .5"
    )


def test_many_classes_are_left_to_the_files(capsys) -> None:
    names = tuple(f"class {k}" for k in range(60))
    say_detections(
        score_boxes([boxes([[0, 0, 9, 9]], [5], names, [0.5])], [boxes([[0, 0, 9, 9]], [5], names)])
    )
    said = capsys.readouterr().out
    assert "60 classes; --output writes the scores of each" in said
    assert "class 7" not in said


def test_without_annotated_objects_there_is_no_average_precision(capsys) -> None:
    say_detections(score_boxes([boxes([[0, 0, 9, 9]], [0], scores=[0.5])], [boxes([], [])]))
    said = capsys.readouterr().out
    assert "0 objects annotated, 1 found; the count of an image is off by 1.00" in said
    assert "average precision" not in said
    assert "nan" not in said
