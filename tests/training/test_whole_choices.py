"""What is chosen for networks that see an image as a whole, and what is refused."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch

from stellate.data.fingerprint import Fingerprint
from stellate.errors import ConfigError, DataError
from stellate.models import build, configure
from stellate.models.file import ModelInfo, save_model
from stellate.training import whole_choices
from stellate.training.choices import choose
from stellate.training.settings import TrainSettings
from stellate.training.whole_choices import read_scale, refuse_other_settings

from .fingerprints import fingerprint

PHOTOGRAPHS = (0.485, 0.456, 0.406)


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Weights of ImageNet can be had; which were asked for."""
    names: list[str] = []
    monkeypatch.setattr(whole_choices, "fetch_imagenet", names.append)
    return names


def data(**changes: Any) -> Fingerprint:
    shape = dict.fromkeys(("shape_min", "shape_median", "shape_max"), changes.pop("shape", (100, 100)))
    return fingerprint(**{"class_objects": {"a": 40, "b": 40}, "n_images": 80, **shape, **changes})


def settings(**given: Any) -> TrainSettings:
    return TrainSettings(**{"weights": "none", **given})


def why(choices: Any, name: str) -> str:
    return next(r.why for r in choices.reasons if r.name == name)


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((100, 100), (96, 96)),
        ((1000, 1000), (224, 224)),
        ((1000, 500), (224, 128)),  # in the proportions of the images
        ((20, 30), (64, 64)),  # not smaller than what backbones take
        ((5000, 10), (224, 64)),
        ((1, 1), (64, 64)),
    ],
)
def test_images_are_brought_to_a_size_that_suits_them(shape: tuple[int, int], size: tuple[int, int]) -> None:
    choices = choose("classifier", data(shape=shape), settings())
    assert choices.patch == choices.network["input_size"] == size
    assert all(side % 32 == 0 for side in size)
    assert configure("classifier", choices.network).backbone == "resnet18"


def test_what_is_set_wins_and_is_said_to_be_set() -> None:
    given = settings(
        backbone="alexnet", network={"input_size": (96, 128), "dropout": 0.5}, batch_size=5, steps_per_epoch=7,
        patience=3, learning_rate=0.5, backbone_rate=0.25, balance="none", scale_chance=0.1, intensity=0.2,
        normalize_low=5.0, freeze="until:features.3", unfreeze_every=2,
    )  # fmt: skip
    choices = choose("classifier", data(), given)
    assert choices.network["backbone"] == "alexnet"
    assert choices.network["dropout"] == 0.5
    assert choices.patch == (96, 128)
    found = (choices.batch_size, choices.steps_per_epoch, choices.patience, choices.learning_rate)
    assert found == (5, 7, 3, 0.5)
    assert (choices.backbone_rate, choices.balance) == (0.25, "none")
    assert (choices.scale_chance, choices.intensity, choices.normalization.low) == (0.1, 0.2, 5.0)
    names = ("backbone", "input_size", "batch size", "steps", "patience", "learning rate", "variation",
             "backbone rate", "balance", "normalisation", "weights", "frozen")  # fmt: skip
    assert all("as set" in why(choices, name) for name in names)
    frozen = next(r.value for r in choices.reasons if r.name == "frozen")
    assert frozen == "until:features.3, a stage less after each 2 epochs"


@pytest.mark.parametrize(
    ("n_images", "batch", "steps"),
    [(4, 8, 10), (80, 10, 10), (400, 32, 12), (1600, 32, 50), (50_000, 32, 100)],
)
def test_an_epoch_shows_each_image_about_once(n_images: int, batch: int, steps: int) -> None:
    choices = choose("classifier", data(n_images=n_images), settings())
    assert (choices.batch_size, choices.steps_per_epoch) == (batch, steps)
    assert choose("classifier", data(n_images=n_images), settings(devices=3)).batch_size % 3 == 0


@pytest.mark.parametrize(
    ("backbone", "rate", "words"),
    [
        ("resnet18", 1e-3, "with batch norm"),
        ("vgg11_bn", 1e-3, "with batch norm"),
        ("vgg11", 1e-4, "vgg11 has no batch norm"),
        ("squeezenet1_1", 1e-4, "squeezenet1_1 has no batch norm"),
        ("convnext_tiny", 1e-4, "convnext_tiny has no batch norm"),
    ],
)
def test_the_rate_follows_from_the_network_and_what_is_said_of_it_is_true(
    backbone: str, rate: float, words: str
) -> None:
    choices = choose("classifier", data(), settings(backbone=backbone))
    assert (choices.learning_rate, why(choices, "learning rate")) == (rate, words)


@pytest.mark.parametrize(
    ("counts", "balance"),
    [({"a": 40, "b": 40}, "none"), ({"a": 59, "b": 40}, "none"), ({"a": 61, "b": 40}, "sampling")],
)
def test_rare_classes_are_drawn_more_often(counts: dict[str, int], balance: str) -> None:
    choices = choose("classifier", data(class_objects=counts, n_images=sum(counts.values())), settings())
    assert choices.balance == balance
    assert "times the images of the rarest" in why(choices, "balance")
    assert "class_weights" not in choices.task


def test_or_weighed_more() -> None:
    counts = {"a": 80, "b": 19, "none of them": 0, "rare": 1}
    choices = choose("classifier", data(class_objects=counts, n_images=100), settings(balance="weights"))
    assert choices.task["class_weights"] == pytest.approx((100 / 3 / 80, 100 / 3 / 19, 1.0, 10.0), abs=1e-4)
    both = settings(balance="weights", task={"class_weights": (1, 1, 1, 1)})
    with pytest.raises(ConfigError, match=r"balance weights and task.class_weights: give one of them"):
        choose("classifier", data(class_objects=counts, n_images=100), both)


def test_weights_of_imagenet_are_asked_for_unless_said_otherwise(asked: list[str]) -> None:
    choices = choose("classifier", data(), TrainSettings(backbone="resnet34"))
    assert asked == ["resnet34"]
    assert (choices.weights, choices.backbone_rate) == ("imagenet", 0.1)
    assert choices.normalization.mean == (pytest.approx(sum(PHOTOGRAPHS) / 3),)
    assert "learned to see from photographs" in why(choices, "weights")
    colour = choose("classifier", data(channels={"3": 80}), TrainSettings())
    assert colour.normalization.mean == PHOTOGRAPHS
    asked.clear()
    none = choose("classifier", data(), settings())
    assert (asked, none.weights, none.backbone_rate, none.normalization.mean) == ([], "", 1.0, ())


def test_where_they_cannot_be_had_it_begins_without_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(backbone: str) -> None:
        raise ConfigError(f"weights imagenet of {backbone} cannot be fetched (no route); try again")

    monkeypatch.setattr(whole_choices, "fetch_imagenet", offline)
    choices = choose("localizer", data(), TrainSettings())
    assert (choices.weights, choices.backbone_rate, choices.normalization.mean) == ("", 1.0, ())
    assert why(choices, "weights") == (
        "begins by chance, for imagenet of resnet18 cannot be fetched (no route); with weights fewer images would do"
    )
    # who asks for them by name is told by whoever loads them
    assert choose("localizer", data(), TrainSettings(weights="imagenet")).weights == "imagenet"


def model_file(folder: Path, normalization: dict[str, Any], in_channels: int = 1) -> Path:
    config = {"backbone": "squeezenet1_1", "input_size": (64, 64), "in_channels": in_channels, "n_classes": 2}
    info = ModelInfo("first", "classifier", "classification", config, normalization=normalization)
    return save_model(folder / "first.safetensors", build("classifier", config), info)


@pytest.mark.parametrize(
    ("known", "low", "mean"),
    [
        ({"low": 3.0, "high": 97.0}, 3.0, ()),
        ({"low": 3.0, "mean": [0.5], "std": [0.5]}, 3.0, (0.5,)),
        # of other channels than here: the percentiles are kept, and photographs say the rest
        ({"low": 3.0, "mean": [0.5, 0.4, 0.3], "std": [0.5, 0.4, 0.3]}, 3.0, (sum(PHOTOGRAPHS) / 3,)),
    ],
)
def test_images_are_normalised_as_for_the_weights(
    known: dict[str, Any], low: float, mean: tuple[float, ...], tmp_path: Path
) -> None:
    file = model_file(tmp_path, known)
    choices = choose("classifier", data(), TrainSettings(backbone="squeezenet1_1", weights=file))
    assert choices.normalization.low == low
    assert choices.normalization.mean == pytest.approx(mean)
    assert choices.backbone_rate == 0.1


def test_unless_said_otherwise(tmp_path: Path) -> None:
    file = model_file(tmp_path, {"low": 3.0, "high": 97.0, "mean": [0.5], "std": [0.25]})
    given = TrainSettings(backbone="squeezenet1_1", weights=file, normalize_low=0.0)
    found = choose("classifier", data(), given).normalization
    assert (found.low, found.high, found.mean, found.std) == (0.0, 97.0, (0.5,), (0.25,))


def test_only_models_of_stellate_say_how_images_are_normalised(tmp_path: Path) -> None:
    assert read_scale("imagenet") is None
    torch.save({}, tmp_path / "state.pth")
    assert read_scale(str(tmp_path / "state.pth")) is None
    (tmp_path / "other.safetensors").write_bytes(b"no such file")
    assert read_scale(str(tmp_path / "other.safetensors")) is None


def start(**changes: Any) -> ModelInfo:
    config = asdict(
        configure("classifier", {"backbone": "squeezenet1_1", "input_size": (64, 96), "in_channels": 1})
    )
    known = {"class_names": ("b", "a"), "settings": {"label_smoothing": 0.3, "class_weights": [1.0, 5.0]}}
    info = {"normalization": {"low": 2.0, "mean": [0.5], "std": [0.5]}, **known, **changes}
    return ModelInfo("first", "classifier", "classification", config, **info)


def test_a_model_to_start_from_is_kept() -> None:
    choices = choose("classifier", data(class_objects={"b": 40, "a": 40}), TrainSettings(), start())
    assert choices.patch == (64, 96)
    assert choices.normalization.low == 2.0
    assert choices.normalization.mean == (0.5,)
    assert choices.class_names == ("b", "a")
    assert choices.learning_rate == pytest.approx(0.3e-4)
    assert (choices.weights, choices.backbone_rate) == ("", 1.0)
    # weights of classes were those of other images
    assert choices.task == {"label_smoothing": 0.3}


@pytest.mark.parametrize(
    ("counts", "given", "words"),
    [
        (
            {"a": 4, "c": 4},
            {},
            r"the data has the classes a, c, the model to start from b, a; to learn other classes",
        ),
        (
            {"b": 4, "a": 4},
            {"weights": "imagenet"},
            r"weights 'imagenet': the weights are those of the model",
        ),
        (
            {"b": 4, "a": 4},
            {"backbone": "resnet18"},
            r"network.backbone is squeezenet1_1 in the model to start from",
        ),
        (
            {"b": 4, "a": 4},
            {"network": {"input_size": 32}},
            r"network.input_size is \(64, 96\) in the model to start",
        ),
    ],
)
def test_what_contradicts_the_model_to_start_from(
    counts: dict[str, int], given: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        choose("classifier", data(class_objects=counts, n_images=8), TrainSettings(**given), start())


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"backbone": "resnet19"}, r"backbone 'resnet19' is not known; did you mean 'resnet1"),
        (
            {"backbone": "resnet18", "network": {"backbone": "vgg11"}},
            r"backbone resnet18 and network.backbone differ",
        ),
        ({"network": {"depth": 3}}, r"classifier has no setting 'depth'"),
        ({"network": {"input_size": 5}}, r"input_size 5: expected a height and a width from 8"),
        (
            {"backbone": "alexnet", "network": {"input_size": 16}},
            r"alexnet cannot be used for images of 16 x 16",
        ),
    ],
)
def test_networks_that_cannot_be(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        choose("classifier", data(), settings(**given))


def test_a_single_image_at_a_time_is_enough_unless_its_map_is_a_single_place() -> None:
    assert choose("classifier", data(), settings(batch_size=1)).batch_size == 1
    small = {"input_size": 32}
    with pytest.raises(ConfigError, match=r"batch_size 1: with one image at a time, brought to 32 x 32 px"):
        choose("classifier", data(), settings(batch_size=1, network=small))
    with pytest.raises(ConfigError, match=r"batch_size 2: with one image at a time"):
        choose("classifier", data(), settings(batch_size=2, devices=2, network=small))
    assert choose("classifier", data(), settings(batch_size=2, network=small)).batch_size == 2


def test_data_that_cannot_be_used() -> None:
    with pytest.raises(
        ConfigError, match=r"classifier is for images, but the data is volumes, axes ZYX; save planes"
    ):
        choose("classifier", data(spatial_axes="ZYX", shape=(5, 50, 50)), settings())
    with pytest.raises(DataError, match=r"all images are of one class \(only\); a classifier needs two"):
        choose("classifier", data(class_objects={"only": 80}), settings())
    with pytest.raises(
        DataError, match=r"images differ in their number of channels \(60 with 1, 20 with 3\)"
    ):
        choose("classifier", data(channels={"1": 60, "3": 20}), settings())
    one = choose("localizer", data(class_objects={"only": 80}), settings())
    assert one.network["n_classes"] == 1


@pytest.mark.parametrize(
    ("task", "given", "words"),
    [
        (
            "classification",
            {"patch": (64, 64)},
            r"patch 64 x 64: images are seen as a whole.*network.input_size",
        ),
        (
            "classification",
            {"synthetic": 0.5},
            r"synthetic 0.5: images are seen as a whole here, and have no masks",
        ),
        ("localization", {"masks": "classes"}, r"masks classes: .* leave it out"),
        ("localization", {"diameters": (5.0, 9.0)}, r"diameters 5 x 9: "),
        ("classification", {"sweep": "box-weight"}, r"sweep box-weight: "),
        ("instances", {"backbone": "resnet18"}, r"backbone resnet18: only a classifier or a localizer"),
        ("instances", {"freeze": "backbone"}, r"freeze backbone: only a classifier or a localizer"),
        ("segmentation", {"balance": "sampling"}, r"balance sampling: only a classifier or a localizer"),
        ("segmentation", {"folds": 5}, r"folds 5: only a classifier or a localizer"),
        ("instances", {"crop_margin": 0.5}, r"crop_margin 0.5: only a classifier or a localizer"),
        ("instances", {"skip_unreadable": True}, r"skip_unreadable yes: only a classifier or a localizer"),
    ],
)
def test_settings_of_the_other_kind_of_task(task: str, given: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        refuse_other_settings(task, TrainSettings(**given))
