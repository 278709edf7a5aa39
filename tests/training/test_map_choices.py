"""What is chosen for networks that name the class of every pixel."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from stellate.data.class_pixels import ClassPixels
from stellate.data.fingerprint import Fingerprint
from stellate.data.normalization import IMAGENET
from stellate.errors import ConfigError, DataError
from stellate.losses.class_weights import median_frequency_weights
from stellate.models import MODELS, configure
from stellate.models.file import ModelInfo
from stellate.training.choices import choose
from stellate.training.settings import TrainSettings

from .fingerprints import fingerprint

PIXELS = ClassPixels(("ground", "cell", "rare"), (9000, 900, 100), (10_000, 10_000, 2000), (10, 10, 2), 10, 0)
MODEL_NAMES = [m.name for m in MODELS if m.task == "segmentation"]


def data(span: float = 20.0, **changes: Any) -> Fingerprint:
    sizes, sides = {"50": span, "99": span}, (span, span)
    shapes = {"shape_min": (200, 200), "shape_median": (200, 210), "shape_max": (300, 300)}
    extents = {
        "median_extent": sides,
        "large_extent": sides,
        "object_diameters": sizes,
        "object_extents": sizes,
    }
    return fingerprint(**{**shapes, **extents, "mask_pixels": PIXELS, **changes})


def volumes(**changes: Any) -> Fingerprint:
    shapes = dict.fromkeys(("shape_min", "shape_median", "shape_max"), (20, 100, 100))
    extents = dict.fromkeys(("median_extent", "large_extent"), (8.0, 20.0, 20.0))
    return data(**{"spatial_axes": "ZYX", **shapes, **extents, **changes})


def why(choices: Any, name: str) -> str:
    return next(r.why for r in choices.reasons if r.name == name)


def test_patches_vary_less_than_those_of_objects_unless_set() -> None:
    choices = choose("unet", data(), TrainSettings())
    assert (choices.scale_chance, choices.intensity) == (0.2, 0.5)
    objects = choose("stardist", data(), TrainSettings())
    assert (objects.scale_chance, objects.intensity) == (1.0, 1.0)
    choices = choose("unet", data(), TrainSettings(scale_chance=1, intensity=0))
    assert (choices.scale_chance, choices.intensity) == (1, 0)
    assert why(choices, "variation") == "as set"


@pytest.mark.parametrize("model", MODEL_NAMES)
@pytest.mark.parametrize("span", [4.0, 20.0, 60.0, 190.0])
def test_what_is_chosen_makes_a_network_and_fits_together(model: str, span: float) -> None:
    choices = choose(model, data(span), TrainSettings())
    config = configure(model, choices.network)
    assert config.n_classes == 3
    assert choices.class_names == PIXELS.names
    assert all(p % s == 0 for p, s in zip(choices.patch, config.stride, strict=True))
    assert all(p >= 192 for p in choices.patch)
    assert choices.foreground_chance == 0.5
    named = {r.name for r in choices.reasons}
    assert {
        "classes",
        "patch",
        "batch size",
        "loss",
        "class weights",
        "learning rate",
        "normalisation",
    } <= named
    assert all(r.why for r in choices.reasons)


@pytest.mark.parametrize("model", ["encoder-decoder", "unet"])
def test_depth_follows_from_how_large_structures_are(model: str) -> None:
    depths = [choose(model, data(span), TrainSettings()).network["depth"] for span in (4, 20, 50, 90)]
    assert depths == sorted(depths)
    assert depths[0] < depths[-1]
    for span, depth in zip((4, 20, 50, 90), depths, strict=True):
        assert min(configure(model, {"depth": depth}).receptive_field) >= 2 * span


def test_small_images_get_shallow_networks() -> None:
    choices = choose("unet", data(90.0, shape_median=(12, 12), large_extent=(12.0, 12.0)), TrainSettings())
    assert configure("unet", choices.network).stride <= (12, 12)


def test_a_window_is_as_large_as_pieces_and_runs_as_convolutions() -> None:
    small, large = (choose("sliding-window", data(span), TrainSettings()) for span in (10, 60))
    assert (small.network["patch_size"], large.network["patch_size"]) == (32, 64)
    assert small.network["convolutional"]
    assert "computes" in why(small, "convolutional")
    loop = choose("sliding-window", data(), TrainSettings(network={"convolutional": False, "step": 4}))
    assert (loop.network["convolutional"], loop.network["step"]) == (False, 4)


def test_what_the_user_sets_wins() -> None:
    settings = TrainSettings(
        network={"depth": 3, "base_channels": 4},
        task={"loss": "focal", "class_weights": (1, 2, 3)},
        batch_size=5,
        patch=(64, 64),
        learning_rate=0.1,
    )
    choices = choose("unet", data(), settings)
    assert (choices.network["depth"], choices.network["base_channels"]) == (3, 4)
    assert choices.task["loss"] == "focal"
    assert choices.task["class_weights"] == (1.0, 2.0, 3.0)
    assert (choices.batch_size, choices.patch, choices.learning_rate) == (5, (64, 64), 0.1)


def test_rare_classes_are_told_and_can_be_made_to_count() -> None:
    plain = choose("unet", data(), TrainSettings())
    assert "class_weights" not in plain.task
    assert "task.class_weights balanced" in why(plain, "class weights")
    assert "rare 1.0%" in why(plain, "classes")
    balanced = choose("unet", data(), TrainSettings(task={"class_weights": "balanced"}))
    expected = median_frequency_weights(PIXELS.pixels, PIXELS.pixels_where_present, largest=10)
    assert balanced.task["class_weights"] == pytest.approx(expected, abs=1e-4)


def test_objects_that_never_touch_have_no_border() -> None:
    regions = ("background", "foreground", "border")
    apart = ClassPixels(regions, (90, 10, 0), (100, 100, 0), (1, 1, 0), 1, 0)
    choices = choose("unet", data(mask_pixels=apart, classes_of_objects=True), TrainSettings())
    assert choices.class_names == regions[:2]
    assert choices.task["border_width"] == 0
    touching = replace(apart, pixels=(90, 8, 2))
    choices = choose("unet", data(mask_pixels=touching, classes_of_objects=True), TrainSettings())
    assert choices.class_names == regions
    assert choices.task["border_width"] == 1
    # masks of classes that happen to be called so are left as they are
    choices = choose("unet", data(mask_pixels=apart), TrainSettings())
    assert choices.class_names == regions
    assert "border_width" not in choices.task


def test_volumes_keep_thin_axes_and_fit_into_memory() -> None:
    choices = choose("unet", volumes(spacing_um=(2.0, 0.5, 0.5)), TrainSettings())
    config = configure("unet", choices.network)
    assert config.grid == (1, 1, 1)
    assert config.pool[0] == 1
    assert choices.anisotropy == (4.0, 1.0, 1.0)
    voxels = choices.patch[0] * choices.patch[1] * choices.patch[2]
    assert 2**16 <= voxels <= 2**19
    assert all(p % s == 0 for p, s in zip(choices.patch, config.stride, strict=True))


@pytest.mark.parametrize("model", [m for m in MODEL_NAMES if m != "unet"])
def test_only_a_unet_takes_volumes(model: str) -> None:
    with pytest.raises(ConfigError, match="train a unet"):
        choose(model, volumes(), TrainSettings())


class TestEncodersByName:
    @pytest.fixture(autouse=True)
    def there(self) -> None:
        pytest.importorskip("segmentation_models_pytorch", reason="an optional extra")

    def test_they_begin_with_imagenet_and_its_scale(self) -> None:
        settings = TrainSettings(network={"encoder": "resnet18"})
        colour = choose("unet", data(channels={"3": 10}), settings)
        assert colour.weights == "imagenet"
        assert (colour.normalization.mean, colour.normalization.std) == IMAGENET
        assert colour.network["depth"] == 5
        grey = choose("unet", data(), settings)
        assert grey.normalization.mean == pytest.approx((0.449,), abs=1e-3)

    def test_or_without(self) -> None:
        settings = TrainSettings(network={"encoder": "resnet18"}, weights="none")
        choices = choose("unet", data(), settings)
        assert choices.weights == ""
        assert choices.normalization.mean == ()


def start(**known: Any) -> ModelInfo:
    config = {"in_channels": 1, "n_classes": 3, "depth": 3, "base_channels": 8}
    info = {
        "name": "x",
        "model": "unet",
        "task": "segmentation",
        "config": config,
        "class_names": PIXELS.names,
    }
    return ModelInfo(**{**info, "settings": {"loss": "dice", "class_weights": [1, 2, 3]}, **known})


def test_a_model_to_start_from_is_kept() -> None:
    choices = choose("unet", data(), TrainSettings(), start())
    assert choices.network == start().config
    assert choices.task["loss"] == "dice"
    assert choices.task["class_weights"] == (1.0, 2.0, 3.0)
    assert choices.learning_rate == pytest.approx(3e-4)


@pytest.mark.parametrize(
    ("known", "settings", "words"),
    [
        ({"class_names": ("a", "b", "c")}, {}, "the data has the classes ground, cell, rare, the model"),
        ({"axes": "ZYX"}, {}, "for axes ZYX, but the data is images"),
        ({}, {"network": {"depth": 4}}, "network.depth is 3 in the model to start from, not 4"),
        (
            {},
            {"weights": "imagenet"},
            "weights 'imagenet': the weights are those of the model to",
        ),
        ({}, {"diameters": (10, 20)}, r"diameters \(10, 20\): the masks hold classes"),
    ],
)
def test_a_model_to_start_from_must_fit(known: dict[str, Any], settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        choose("unet", data(), TrainSettings(**settings), start(**known))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"network": {"n_classes": 4}}, "network.n_classes 4: the masks have 3 classes"),
        *(
            (
                {"task": {"class_weights": weights}},
                r"task\.class_weights .*: expected none, balanced, or 3 numbers .* for ground, cell, rare",
            )
            for weights in ((1, 2), (1, None, 2), (1, True, 2), {"cell": 2}, (0, 0, 0))
        ),
        ({"task": {"loss": "dise"}}, "did you mean 'dice'"),
        ({"patch": (62, 62)}, "must be multiples of the network's stride"),
        ({"network": {"dept": 3}}, "unet has no setting 'dept'; did you mean 'depth'"),
    ],
)
def test_settings_that_do_not_fit(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        choose("unet", data(), TrainSettings(**settings))


def test_images_of_several_channels_are_refused() -> None:
    with pytest.raises(DataError, match="differ in their number of channels"):
        choose("unet", data(channels={"1": 5, "3": 5}), TrainSettings())


def test_a_model_to_start_from_keeps_its_border() -> None:
    regions = ("background", "foreground", "border")
    apart = ClassPixels(regions, (90, 10, 0), (100, 100, 0), (1, 1, 0), 1, 0)
    first = start(class_names=regions, settings={"border_width": 1})
    choices = choose("unet", data(mask_pixels=apart, classes_of_objects=True), TrainSettings(), first)
    assert choices.class_names == regions
    assert choices.task["border_width"] == 1


@pytest.mark.parametrize("model", MODEL_NAMES)
def test_weights_without_an_encoder_are_refused(model: str) -> None:
    words = "only an encoder by name has any" if model == "unet" else f"{model} has no encoder by name; leave"
    with pytest.raises(ConfigError, match=f"weights 'imagenet': {words}"):
        choose(model, data(), TrainSettings(weights="imagenet"))
    assert choose(model, data(), TrainSettings(weights="none")).weights == ""


def test_only_objects_have_diameters_to_learn() -> None:
    settings = TrainSettings(diameters=(10, 50))
    with pytest.raises(ConfigError, match=r"diameters \(10, 50\): the masks hold classes, .* \(scale\)"):
        choose("unet", data(), settings)
    regions = replace(PIXELS, names=("background", "foreground", "border"))
    of_objects = choose("unet", data(mask_pixels=regions, classes_of_objects=True), settings)
    assert of_objects.task["border_width"] == 1


@pytest.mark.parametrize("name", ["border_width", "border_weights"])
def test_classes_have_no_borders(name: str) -> None:
    with pytest.raises(ConfigError, match=f"task.{name}: borders are those of objects"):
        choose("unet", data(), TrainSettings(task={name: 2}))
