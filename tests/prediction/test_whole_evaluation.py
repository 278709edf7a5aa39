"""Models for the class of whole images, and for one box, measured on annotated folders."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import tifffile
import torch

from stellate.data.folder import open_folder
from stellate.data.mask_options import MaskOptions
from stellate.data.normalization import Normalization
from stellate.data.opening import open_boxes, open_classes
from stellate.errors import ConfigError, DataError
from stellate.models.file import ModelInfo
from stellate.prediction import evaluation as module
from stellate.prediction.evaluation import evaluate_dataset
from stellate.prediction.predictor import Predictor
from stellate.reports.agreement import AGREEMENT_COLOURS

NAMES = ("dim", "bright")


class ByMean(torch.nn.Module):
    """An image is bright if its mean is above 100; the object is where it is brightest, 4 pixels on each side."""

    def __init__(self) -> None:
        super().__init__()
        self.edge = torch.nn.Parameter(torch.tensor(100.0))
        self.config = SimpleNamespace(
            in_channels=1, n_classes=2, input_size=(32, 32), halo=None, stride=(32, 32)
        )

    def forward(self, image):
        over = (image.mean(dim=(1, 2, 3)) - self.edge) / 20
        flat = image.amax(dim=1).flatten(1).argmax(dim=1)
        row, column = (flat // 32).float(), (flat % 32).float()
        box = torch.stack([(column + 0.5) / 32, (row + 0.5) / 32, *[torch.full_like(row, 9 / 32)] * 2], dim=1)
        return {"classes": torch.stack([-over, over], dim=1), "box": box}


@dataclass(frozen=True)
class AsItIs(Normalization):
    def limits(self, array):
        super().limits(array)
        return np.repeat([[0.0, 1.0]], array.shape[0], axis=0)


def predictor_for(task: str, names=NAMES) -> Predictor:
    model = {"classification": "classifier", "localization": "localizer", "segmentation": "unet"}[task]
    predictor = Predictor(ByMean(), ModelInfo("by mean", model, task, {}, class_names=names))
    predictor.normalization = AsItIs()
    return predictor


VALUES = {
    "bright/a": 130, "bright/b": 60, "bright/c": 140, "dim/d": 20, "dim/e": 30, "strange/f": 90, "strange/g": 230,
}  # fmt: skip


def write_classes(folder: Path, values=VALUES) -> Path:
    for name, value in values.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(value).integers(-9, 10, (32, 32))
        tifffile.imwrite(folder / f"{name}.tif", (value + noise).astype(np.uint8))
    return folder


@pytest.fixture
def folder(tmp_path) -> Path:
    return write_classes(tmp_path / "data")


def test_classes_are_compared_by_name_and_those_unknown_are_wrong(folder):
    """The folder's classes are bright, dim, strange; the model's dim, bright."""
    evaluation = evaluate_dataset(predictor_for("classification"), open_classes(folder))
    metrics = evaluation.metrics
    assert metrics.class_names == ("dim", "bright", "strange")
    found = {image.name: (image.truth, image.found) for image in metrics.images}
    assert set(found.values()) == {
        ("bright", "bright"),
        ("bright", "dim"),
        ("dim", "dim"),
        ("strange", "dim"),
        ("strange", "bright"),
    }
    assert metrics.accuracy == 4 / 7
    assert metrics.balanced_accuracy == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert metrics.confusion.tolist() == [[2, 0, 0], [1, 2, 0], [1, 1, 0]]
    assert evaluation.warning == (
        "by mean does not know strange (2): these 2 of 7 count as wrong. Train it with images of these classes, or "
        "leave them out"
    )


def test_the_surest_mistakes_are_shown(folder):
    evaluation = evaluate_dataset(predictor_for("classification"), open_classes(folder))
    assert [name.rpartition("/")[2] for name, _ in evaluation.worst] == ["g", "b", "f"]
    assert all(picture.shape == (384, 384, 3) for _, picture in evaluation.worst)


def test_all_is_written_and_said_again_in_the_files(folder, tmp_path):
    evaluation = evaluate_dataset(predictor_for("classification"), open_classes(folder))
    paths = evaluation.save(tmp_path / "out")
    assert list(paths) == ["means", "images", "classes", "confusion", "summary", "page"]
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        "evaluation.csv", "evaluation_images.csv", "evaluation_classes.csv", "evaluation_confusion.csv",
        "evaluation.json", "evaluation.html",
    }  # fmt: skip
    summary = json.loads(paths["summary"].read_text(encoding="utf-8"))
    assert summary["accuracy"] == 4 / 7
    assert summary["warning"] == evaluation.warning
    assert pd.read_csv(paths["means"]).loc[0, "accuracy"] == pytest.approx(4 / 7)
    images = pd.read_csv(paths["images"])
    assert len(images) == 7
    np.testing.assert_allclose(images["probability_dim"] + images["probability_bright"], 1, atol=1e-6)
    assert evaluation.table()["n_images"].tolist() == [7]
    assert evaluation.class_table()["class"].tolist() == ["dim", "bright", "strange"]


def test_without_mistakes_there_are_no_pictures(tmp_path):
    good = write_classes(tmp_path / "good", {"bright/a": 140, "dim/b": 20})
    evaluation = evaluate_dataset(predictor_for("classification"), open_classes(good))
    assert (evaluation.metrics.accuracy, evaluation.worst, evaluation.warning) == (1, (), "")
    page = evaluation.save(tmp_path / "out")["page"].read_text(encoding="utf-8")
    assert "mistakes" not in page


def test_no_class_in_common_is_refused_before_anything_is_predicted(folder):
    predictor = predictor_for("classification", ("light", "dark"))
    predictor.predict = lambda *_: pytest.fail("predicted")
    with pytest.raises(
        DataError, match="its classes are bright, dim, strange, those of the model light, dark; name them"
    ):
        evaluate_dataset(predictor, open_classes(folder))


def test_something_is_said_of_masks_that_are_not_there(folder):
    dataset = open_classes(folder)
    with pytest.raises(ConfigError, match="something is said of masks; leave it out"):
        evaluate_dataset(predictor_for("classification"), dataset, masks=MaskOptions("instances"))
    assert (
        evaluate_dataset(predictor_for("classification"), dataset, masks=MaskOptions()).metrics.accuracy
        == 4 / 7
    )


# Images of 64 pixels: the model sees them at half the size. Boxes that it finds are 18 pixels wide around the peak.
PEAKS = {"p": (20, 30), "q": (40, 12), "r": (30, 30)}
BOXES = {
    "p": ("dim", 22, 12, 40, 30),  # as found
    "q": ("dim", 4, 32, 22, 50),  # as found
    "r": ("bright", 31, 22, 49, 40),  # 9 of 18 columns in common, and of the wrong class
}


@pytest.fixture
def boxed(tmp_path) -> Path:
    folder = tmp_path / "boxed"
    (folder / "images").mkdir(parents=True)
    rows = []
    for name, (y, x) in PEAKS.items():
        image = np.full((64, 64), 20, np.uint8)
        image[y : y + 2, x : x + 2] = 200
        tifffile.imwrite(folder / "images" / f"{name}.tif", image)
        rows.append((f"{name}.tif", *BOXES[name]))
    with (folder / "boxes.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("image", "class", "xmin", "ymin", "xmax", "ymax"), *rows])
    return folder


def test_boxes_are_scored_in_pixels_of_the_image(boxed, tmp_path):
    evaluation = evaluate_dataset(predictor_for("localization"), open_boxes(boxed).single())
    metrics = evaluation.metrics
    by_name = {image.name: image for image in metrics.images}
    for name, image in by_name.items():
        y, x = PEAKS[name]
        np.testing.assert_allclose(image.found_box, (x + 1 - 9, y + 1 - 9, x + 1 + 9, y + 1 + 9), atol=1e-3)
    assert by_name["r"].iou == pytest.approx(162 / (2 * 324 - 162), abs=1e-3)
    assert metrics.class_accuracy == pytest.approx(2 / 3)
    assert metrics.overall.both(0.5) == pytest.approx(2 / 3)
    assert evaluation.warning == ""
    assert evaluation.worst[0][0] == "r"
    (picture,) = evaluation.worst[0][1:]
    assert (picture == np.array(AGREEMENT_COLOURS["missed"])).all(axis=-1).any()
    paths = evaluation.save(tmp_path / "out")
    images = pd.read_csv(paths["images"]).set_index("image")
    assert images.loc["p", "annotated_xmin"] == 22
    assert json.loads(paths["summary"].read_text(encoding="utf-8"))["both"] == pytest.approx(2 / 3)


def test_only_the_worst_are_drawn(boxed, monkeypatch):
    monkeypatch.setattr(module, "WORST_SHOWN", 1)
    assert len(evaluate_dataset(predictor_for("localization"), open_boxes(boxed).single()).worst) == 1


def test_data_for_another_task_is_refused(folder, boxed, tmp_path):
    for part in ("images", "masks"):
        (tmp_path / "masks_of" / part).mkdir(parents=True)
        tifffile.imwrite(tmp_path / "masks_of" / part / "a.tif", np.zeros((9, 9), np.uint8))
    of_classes, of_boxes, of_masks = (
        open_classes(folder),
        open_boxes(boxed),
        open_folder(tmp_path / "masks_of"),
    )
    for task, dataset, wanted, has in (
        ("classification", of_boxes, "classes", "boxes"),
        ("classification", of_masks, "classes", "masks"),
        ("localization", of_classes, "boxes", "classes"),
        ("segmentation", of_classes, "masks", "classes"),
    ):
        model = SimpleNamespace(info=SimpleNamespace(name="x", task=task), task=lambda options: None)
        with pytest.raises(DataError, match=f"is measured on images with {wanted}, and these have {has}"):
            evaluate_dataset(model, dataset)
