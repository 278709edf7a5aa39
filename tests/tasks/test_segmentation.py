from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from stellate.data.samples import Sample
from stellate.errors import ConfigError, DataError
from stellate.geometry.border_weights import border_weights
from stellate.geometry.components import regions_of_instances
from stellate.results import Boxes, Instances, Mask
from stellate.tasks import TASKS
from stellate.tasks.segmentation import SegmentationTask

NAMES = ("ground", "cell", "nucleus")
LABELS = np.array([[0, 1, 1, 2, 2, 0, -1], [0, 1, 1, 2, 2, 0, 3]], dtype=np.int32)


def task(n_classes: int = 3, **settings: Any) -> SegmentationTask:
    names = NAMES[:n_classes]
    return SegmentationTask.for_network(SimpleNamespace(n_classes=n_classes), settings, names)


def sample(annotation: Any) -> Sample:
    return Sample(np.zeros((1, 2, 7), np.float32), annotation)


def test_it_is_listed() -> None:
    assert TASKS["segmentation"] is SegmentationTask


def test_targets_of_masks_are_their_classes() -> None:
    classes = np.array([[0, 1, -1]], dtype=np.int32)
    found = task().target(sample(Mask(classes, NAMES)))
    assert list(found) == ["classes"]
    np.testing.assert_array_equal(found["classes"], classes)


def test_targets_of_objects() -> None:
    objects = Instances(LABELS)
    np.testing.assert_array_equal(task().target(sample(objects))["classes"], regions_of_instances(LABELS))
    two = task(2, border_width=0).target(sample(objects))["classes"]
    np.testing.assert_array_equal(two, np.clip(LABELS, -1, 1))
    weighted = task(border_weights=3.0).target(sample(objects))
    np.testing.assert_array_equal(weighted["weights"], border_weights(LABELS, w0=3.0))


def test_border_weights_need_objects() -> None:
    with pytest.raises(DataError, match="made of the gaps between objects, but the masks are of classes"):
        task(border_weights=True).target(sample(Mask(np.zeros((2, 7), np.int32), NAMES)))


def test_boxes_have_no_classes_of_pixels() -> None:
    boxes = Boxes(np.zeros((0, 4), np.float32), np.zeros(0, np.int32))
    with pytest.raises(DataError, match="the annotation is of type Boxes"):
        task().mask(boxes)


def test_losses_by_name() -> None:
    torch.manual_seed(0)
    logits, target = torch.randn(2, 3, 8, 8), torch.randint(-1, 3, (2, 8, 8))
    model = torch.nn.Identity()
    model.forward = lambda image: {"classes": image}  # type: ignore[method-assign]
    batch = {"image": logits, "classes": target}
    found = task(loss="0.5*cross-entropy + dice").loss(model, batch)
    assert list(found) == ["cross-entropy", "dice"]
    expected = 0.5 * torch.nn.functional.cross_entropy(logits, target, ignore_index=-1)
    torch.testing.assert_close(found["cross-entropy"], expected)


def test_heavy_pixels_count_more() -> None:
    """Two pixels: the mean of their losses, weighted."""
    logits, target = torch.tensor([[[[2.0, -1.0]], [[0.0, 1.0]]]]), torch.tensor([[[1, 1]]])
    each = torch.nn.functional.cross_entropy(logits, target, reduction="none")[0, 0]
    model = torch.nn.Identity()
    model.forward = lambda image: {"classes": image}  # type: ignore[method-assign]
    batch = {"image": logits, "classes": target, "weights": torch.tensor([[[3.0, 1.0]]])}
    found = task(2, loss="cross-entropy", border_weights=2).loss(model, batch)
    torch.testing.assert_close(found["cross-entropy"], (3 * each[0] + each[1]) / 4)


def test_scores_compare_objects_as_what_they_were_made_into() -> None:
    truth, regions = Instances(LABELS), Mask(np.maximum(regions_of_instances(LABELS), 0), NAMES)
    named = SegmentationTask(("background", "foreground", "border"))
    found = named.score([Mask(regions.classes, named.class_names)], [truth], ["x"])
    assert found.images[0].name == "x"
    assert found.pooled.pixel_accuracy == 1
    assert found.pooled.n_pixels == 13


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"los": "dice"}, "no setting 'los'; did you mean 'loss'"),
        ({"loss": "dise"}, "no loss is called 'dise'; did you mean 'dice'"),
        ({"loss": 3}, "loss 3: expected names of losses"),
        ({"border_weights": -1}, "border_weights -1: expected true, false, or a number"),
        ({"border_weights": True, "loss": "dice"}, "weigh pixels in cross-entropy, and the loss is dice"),
        ({"border_width": -1}, "border_width -1: expected a whole number"),
        ({"border_width": True}, "border_width True"),
        (
            {"class_weights": (1, 2)},
            "expected 3 numbers from 0 to below 1,000,000, not all 0, for ground, cell, nucleus",
        ),
        ({"class_weights": (0, 0, 0)}, "not all 0"),
        ({"class_weights": "balanced"}, "class_weights 'balanced': expected 3 numbers"),
        ({"class_weights": (1, None, 1)}, r"class_weights \(1, None, 1\): expected 3 numbers"),
        ({"probabilities": True}, "no setting 'probabilities'"),
    ],
)
def test_settings_out_of_range(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        task(**settings)


def test_a_name_for_each_class() -> None:
    with pytest.raises(ConfigError, match="2 names of classes for a network of 3"):
        SegmentationTask.for_network(SimpleNamespace(n_classes=3), {}, ("a", "b"))
    assert SegmentationTask.for_network(SimpleNamespace(n_classes=2), {}, ()).class_names == (
        "class 0",
        "class 1",
    )


def test_encoders_by_name_are_blended() -> None:
    config = SimpleNamespace(n_classes=2, encoder="resnet18")
    assert SegmentationTask.for_network(config, {}, ()).blended
    assert not task().blended
