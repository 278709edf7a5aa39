"""What the command line says of classes of whole images, and of boxes; and of many images, whatever is in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stellate import api
from stellate.cli.console import table
from stellate.cli.evaluate import MOST_CLASSES
from stellate.cli.main import main
from stellate.cli.predict import MOST_ROWS
from stellate.cli.scores import class_tables
from stellate.metrics.classification import score_classes
from stellate.metrics.localization import score_single_boxes
from stellate.prediction.evaluation import Evaluation
from stellate.prediction.files import FileOutcome
from stellate.prediction.finding import Finding
from stellate.results import Boxes, Scores


@pytest.fixture
def answer(monkeypatch, capsys):
    """What the command says where a verb gives this."""

    def run(verb: str, value, *words: object, status: int = 0) -> tuple[list[str], str]:
        monkeypatch.setattr(api, verb, lambda *_, **__: value)
        assert main([verb, *map(str, words)]) == status
        captured = capsys.readouterr()
        return captured.out.splitlines(), captured.err

    return run


def classified(k: int, name: str, probability: float, message: str = "") -> FileOutcome:
    found = Finding(name, probability)
    return FileOutcome(Path(f"image {k}.tif"), "done", message, counts={name: 1}, finding=found, seconds=0.5)


def located(k: int, *, counts=None) -> FileOutcome:
    if counts is not None:
        return FileOutcome(
            Path(f"{k}.tif"), "done", n_objects=sum(counts.values()), counts=counts, seconds=1.0
        )
    one = Finding("round", 0.875, (1.2, 2.0, 30.6, 40.0))
    return FileOutcome(Path(f"{k}.tif"), "done", n_objects=1, counts={"round": 1}, finding=one, seconds=1.0)


def test_each_image_has_its_class(answer, tmp_path):
    (tmp_path / "scores.csv").touch()
    outcomes = [classified(1, "round", 0.975), classified(2, "long", 0.5)]
    out, _ = answer("predict", outcomes, "x.tif", "-o", tmp_path)
    assert out[0].split() == ["image", "class", "probability", "seconds"]
    assert out[1].split() == ["image", "1.tif", "round", "97.5%", "0.500"]
    assert out[-1] == f"results are in {tmp_path.resolve()}; all images are in scores.csv"


def test_frames_are_counted_by_class(answer, tmp_path):
    film = FileOutcome(Path("film.tif"), "done", counts={"round": 3, "long": 1}, seconds=1.0)
    out, _ = answer("predict", [film], "film.tif", "-o", tmp_path)
    assert out[1].split() == ["film.tif", "round", "(3),", "long", "(1)", "-", "1.000"]


def test_each_image_has_its_box(answer, tmp_path):
    (tmp_path / "boxes.csv").touch()
    outcomes = [located(1), located(2, counts={"round": 2, "long": 5}), located(3, counts={})]
    out, _ = answer("predict", outcomes, "x.tif", "-o", tmp_path)
    assert out[0].split() == ["image", "class", "probability", "box", "seconds"]
    assert out[1].split() == ["1.tif", "round", "87.5%", "1,", "2,", "31,", "40", "1.000"]
    assert out[2].split() == ["2.tif", "round", "(2),", "long", "(5)", "-", "-", "1.000"]
    assert out[3].split() == ["3.tif", "none", "-", "-", "1.000"]
    assert out[-1].endswith("all images are in boxes.csv")


def test_many_images_are_summed_up_by_class(answer, tmp_path):
    names = ["round"] * 70 + ["long"] * 20
    outcomes = [classified(k, name, 0.9, "channel 0 of 3") for k, name in enumerate(names)]
    out, _ = answer("predict", outcomes, "x.tif", "-o", tmp_path)
    assert [line.split() for line in out[:4]] == [
        ["class", "found"], ["round", "70"], ["long", "20"], ["all", "90", "images", "90"],
    ]  # fmt: skip
    assert out[4] == "90 images: channel 0 of 3"
    assert len(out) == 6


def test_many_classes_and_many_messages_are_not_all_said(answer, tmp_path):
    outcomes = [classified(k, f"class {k}", 0.9, f"message {k}") for k in range(200)]
    out, _ = answer("predict", outcomes, "x.tif", "-o", tmp_path)
    assert len(out) == 1 + MOST_ROWS + 1 + MOST_ROWS + 1 + 1
    assert "all 200 images, 150 more classes" in out[1 + MOST_ROWS]
    assert "150 more messages are in the files _run.json" in out


def test_many_images_of_objects_are_one_line_and_many_failures_are_cut(answer, tmp_path):
    many = [FileOutcome(Path(f"{k}.tif"), "done", n_objects=k, seconds=1.0) for k in range(60)]
    out, _ = answer("predict", many, "x.tif", "-o", tmp_path)
    assert [line.split() for line in out[:2]] == [
        ["image", "objects", "seconds"],
        ["all", "60", "1770", "60.000"],
    ]
    failed = [FileOutcome(Path(f"{k}.tif"), "failed", "truncated") for k in range(60)]
    _, err = answer("predict", failed, "x.tif", "-o", tmp_path, status=1)
    lines = [line for line in err.splitlines() if line.startswith("failed")]
    assert len(lines) == MOST_ROWS + 1
    assert lines[-1] == "failed: 10 more"


def scores_of(n_classes: int):
    names = tuple(f"kind {k}" for k in range(n_classes))
    eye = np.eye(n_classes, dtype=np.float32)
    found = [Scores(0.8 * eye[k] + 0.2 * eye[0], names) for k in range(n_classes)]
    return score_classes(found, [Scores(eye[max(1, k)], names) for k in range(n_classes)])


def test_scores_of_classes_are_printed(answer):
    metrics = scores_of(3)
    out, err = answer("evaluate", Evaluation(metrics, "m", "d", warning="m does not know x"), "m", "d")
    assert out[0].split() == ["class", "annotated", "found", "precision", "recall", "F1", "ROC", "area"]
    assert out[2].split() == ["kind", "1", "2", "1", "1.000", "0.500", "0.667", "0.750"]
    assert out[4].split()[:3] == ["mean", "-", "-"]
    assert out[6].split()[:3] == ["annotated", "/", "found"]
    assert out[-1] == (
        f"3 images: accuracy 0.667, balanced accuracy 0.750, calibration error {metrics.calibration_error:.3f}"
    )
    assert "warning: m does not know x" in err


def test_scores_of_very_many_classes_are_in_the_files(answer):
    out, _ = answer("evaluate", Evaluation(scores_of(MOST_CLASSES + 1), "m", "d"), "m", "d")
    assert out[0] == "41 classes; --output writes the scores of each"
    assert len(out) < 10


def boxes_metrics():
    def box(x: float, of: int, score=None):
        known = None if score is None else np.array([score], np.float32)
        return Boxes(
            np.array([[x, 0, x + 10, 10]], np.float32), np.array([of], np.int32), ("white", "red"), known
        )

    return score_single_boxes([box(0, 0, 0.9), box(2, 0, 0.6)], [box(0, 0), box(0, 1)])


def test_scores_of_boxes_are_printed(answer):
    out, _ = answer("evaluate", Evaluation(boxes_metrics(), "m", "d"), "m", "d")
    headings = [
        "class",
        "annotated",
        "found",
        "mean IoU",
        "IoU > 0.5",
        "IoU > 0.75",
        "right class",
        "both > 0.5",
    ]
    assert out[0].split() == " ".join([*headings, "both > 0.75"]).split()
    assert out[1].split() == ["white", "1", "2", *["1.000"] * 6]
    assert out[2].split() == ["red", "1", "0", "0.667", "1.000", "0.000", "0.000", "0.000", "0.000"]
    assert out[3].split()[:4] == ["all", "images", "2", "2"]
    assert max(map(len, out)) < 120
    assert out[-1] == "2 images: mean IoU 0.833, right class 50.0%, right class and IoU over 0.5 50.0%"


@pytest.mark.parametrize(("metrics", "column"), [(scores_of(3), "ROC area"), (boxes_metrics(), "mean IoU")])
def test_info_has_tables_of_them(metrics, column):
    rest, (by_class, confusion) = class_tables(metrics.summary())
    assert column in by_class.splitlines()[0]
    assert confusion == table(
        tuple(metrics.confusion_table()[0]), [tuple(row.values()) for row in metrics.confusion_table()]
    )
    assert rest["n_images"] == len(metrics.images)
