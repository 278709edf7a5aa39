"""One annotation serves every task that it can be reduced to; models take it as they were trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stellate.data.box_dataset import BoxDataset
from stellate.data.class_dataset import ClassDataset
from stellate.data.folder import Dataset
from stellate.data.for_task import open_for_task
from stellate.data.label_options import LabelOptions
from stellate.errors import ConfigError, DataError
from stellate.models.file import ModelInfo
from stellate.prediction.annotated_data import open_for_model


def sides(dataset: Any) -> set[int]:
    return {max(stop - start for start, stop in record.region) for record in dataset.records}


def test_masks_serve_every_task(annotated_folder: Path) -> None:
    assert isinstance(open_for_task(annotated_folder, "instances"), Dataset)
    assert isinstance(open_for_task(annotated_folder, "segmentation"), Dataset)
    assert isinstance(open_for_task(annotated_folder, "localization"), BoxDataset)
    pieces = open_for_task(annotated_folder, "classification")
    assert isinstance(pieces, ClassDataset)
    wide = open_for_task(annotated_folder, "classification", labels=LabelOptions(crop_margin=1.0))
    assert max(sides(wide)) > 1.5 * max(sides(pieces))


def test_classes_of_images_do_not_say_where(shapes: Callable[..., Path], tmp_path: Path) -> None:
    data = shapes(tmp_path, count=4)
    assert isinstance(open_for_task(data, "classification"), ClassDataset)
    with pytest.raises(DataError, match=r"no annotated boxes; it holds a folder for each class"):
        open_for_task(data, "localization")


def test_pieces_are_cut_as_those_that_a_model_was_trained_on(
    shapes: Callable[..., Path], tmp_path: Path
) -> None:
    data = shapes(tmp_path, count=4, boxes=True)
    info = ModelInfo("m", "classifier", "classification", {}, masks={"kind": "crops", "margin": 0.0})
    plain = ModelInfo("m", "classifier", "classification", {})
    assert max(sides(open_for_model(info, data))) < max(sides(open_for_model(plain, data)))
    said = LabelOptions(crop_margin=0.3)
    assert sides(open_for_model(info, data, labels=said)) == sides(open_for_model(plain, data, labels=said))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"crop_margin": -0.1}, r"crop_margin -0.1: expected a share of a box's side, at least 0"),
        ({"crop_margin": float("nan")}, r"crop_margin nan"),
        ({"crop_margin": True}, r"crop_margin True"),
        ({"bad_boxes": "mend"}, r"bad_boxes 'mend': expected refuse or drop"),
        ({"least_images": -1}, r"least_images -1: expected a whole number from 0"),
        ({"least_images": 1.5}, r"least_images 1.5"),
    ],
)
def test_options_that_cannot_be(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        LabelOptions(**given)
