"""Evaluation of volumes, by a model that is known to find some objects and to miss others."""

from __future__ import annotations

import itertools
import tracemalloc
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile

from stellate import io
from stellate.data.folder import open_folder
from stellate.data.mask_options import MaskOptions
from stellate.errors import DataError, InputError
from stellate.metrics.instances import THRESHOLDS
from stellate.prediction import evaluation as module
from stellate.prediction.evaluation import evaluate_dataset
from stellate.reports import instance_report
from stellate.reports.agreement import draw_agreement
from stellate.results import Instances
from stellate.tasks.instances import InstancesTask

SPACING = {"Z": 2.0, "Y": 0.5, "X": 0.5}


@dataclass
class Predictor:
    """Stands for a model: it finds what it was given."""

    found: dict[str, np.ndarray]
    info: SimpleNamespace = field(
        default_factory=lambda: SimpleNamespace(name="stand-in", task="instances", class_names=(), masks={})
    )
    asked: list[str] = field(default_factory=list)
    for_volumes: bool = True

    def predict(self, image, options):
        self.asked.append(image.name)
        return SimpleNamespace(result=Instances(self.found[image.name]), pieces=())

    def task(self, options):
        return InstancesTask()


@pytest.fixture
def volumes(tmp_path):
    """Two volumes of blocks that touch, and the same blocks as they are found: some moved, lost or new."""
    rng = np.random.default_rng(5)
    found = {}
    for name, moved, share in (("good", (0, 1, 0), 0.15), ("bad", (0, 1, 1), 0.5)):
        truth = np.arange(1, 28, dtype=np.int32).reshape(3, 3, 3)
        truth = truth.repeat(4, axis=0).repeat(8, axis=1).repeat(8, axis=2)
        labels = np.roll(truth, moved, axis=(0, 1, 2))
        lost = rng.random(30) < share
        labels = np.where(lost[labels], 0, labels).astype(np.int32)
        image = (10 * truth + rng.integers(0, 10, truth.shape)).astype(np.uint16)
        for part in ("images", "masks"):
            (tmp_path / "data" / part).mkdir(parents=True, exist_ok=True)
        io.write_labels(tmp_path / "data" / "masks" / f"{name}.tif", truth, spacing_um=SPACING)
        tifffile.imwrite(
            tmp_path / "data" / "images" / f"{name}.tif", image, imagej=True, metadata={"axes": "ZYX"}
        )
        found[name] = labels
    return open_folder(tmp_path / "data"), Predictor(found)


def scores_by_hand(truth, predicted, threshold):
    """Matched, false and missed; above an IoU of a half nobody has two partners."""
    trues, founds = set(np.unique(truth)) - {0}, set(np.unique(predicted)) - {0}
    matched = 0
    for t, p in itertools.product(trues, founds):
        one, other = truth == t, predicted == p
        matched += (one & other).sum() >= threshold * (one | other).sum()
    return matched, len(founds) - matched, len(trues) - matched


def test_scores_of_volumes_are_those_of_the_definition(volumes):
    dataset, predictor = volumes
    metrics = evaluate_dataset(predictor, dataset).metrics
    for k, image in enumerate(metrics.images):
        truth = dataset.annotation(k).labels
        for at in image.at:
            expected = scores_by_hand(truth, predictor.found[image.name], at.threshold - 1e-9)
            assert (at.true_positives, at.false_positives, at.false_negatives) == expected
    assert 0 < metrics.images[0].mean_accuracy < metrics.images[1].mean_accuracy < 1
    assert [t.threshold for t in metrics.pooled] == list(THRESHOLDS)


def test_the_worst_volumes_come_first_with_what_was_found_in_them(volumes, tmp_path):
    dataset, predictor = volumes
    evaluation = evaluate_dataset(predictor, dataset)
    assert predictor.asked == ["bad", "good"]  # each once
    assert [name for name, *_ in evaluation.worst] == ["bad", "good"]
    for k, (name, *pictures) in enumerate(evaluation.worst):
        image, truth = dataset.pair(k)
        expected = draw_agreement(image, truth.labels, predictor.found[name])
        for picture, wanted in zip(pictures, expected, strict=True):
            np.testing.assert_array_equal(picture, wanted)
    page = evaluation.save(tmp_path / "out")["page"].read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 4
    assert page.index("<b>bad</b>") < page.index("<b>good</b>")


def test_only_the_worst_are_drawn(volumes, monkeypatch):
    monkeypatch.setattr(module, "WORST_SHOWN", 1)
    dataset, predictor = volumes
    assert [name for name, *_ in evaluate_dataset(predictor, dataset).worst] == ["bad"]


def test_no_label_volume_is_held_for_long(volumes, monkeypatch):
    """Of forty predictions of a megabyte each, a few are in memory."""
    dataset, predictor = volumes
    for name, labels in predictor.found.items():
        large = labels.repeat(4, axis=0).repeat(3, axis=1).repeat(3, axis=2)
        predictor.found[name] = np.ascontiguousarray(large)
    shape = predictor.found["bad"].shape
    records = [SimpleNamespace(name="bad", image_path="bad.tif")] * 40
    many = SimpleNamespace(
        mask_classes=None,
        root=dataset.root,
        class_names=(),
        records=records,
        volumes=True,
        pair=lambda k: (
            SimpleNamespace(name="bad", array=np.zeros(shape, np.uint8)),
            Instances(predictor.found["bad"].copy()),
        ),
    )
    monkeypatch.setattr(instance_report, "draw_agreement", lambda *_: (np.zeros((1, 1, 3), np.uint8),) * 2)
    monkeypatch.setattr(
        predictor,
        "predict",
        lambda *_: SimpleNamespace(result=Instances(predictor.found["bad"].copy()), pieces=()),
    )
    tracemalloc.start()
    evaluate_dataset(predictor, many, masks=MaskOptions("instances"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * predictor.found["bad"].nbytes


def test_a_volume_of_another_shape_is_named(volumes):
    dataset, predictor = volumes
    predictor.found["good"] = predictor.found["good"][1:]
    with pytest.raises(InputError, match=r"good: the annotation has shape \(12, 24, 24\)"):
        evaluate_dataset(predictor, dataset)


def test_a_model_for_the_other_kind_of_data_is_refused_before_anything_is_predicted(volumes, tmp_path):
    dataset, predictor = volumes
    predictor.for_volumes = False
    with pytest.raises(
        DataError, match=r"data: the model is for images \(axes YX\), but the data is volumes"
    ):
        evaluate_dataset(predictor, dataset)
    for part in ("images", "masks"):
        (tmp_path / "flat" / part).mkdir(parents=True)
        tifffile.imwrite(tmp_path / "flat" / part / "a.tif", np.ones((9, 9), np.uint8))
    predictor.for_volumes = True
    with pytest.raises(
        DataError, match=r"model is for volumes \(axes ZYX\), but the data is images \(axes YX\)"
    ):
        evaluate_dataset(predictor, open_folder(tmp_path / "flat"))
    assert predictor.asked == []
