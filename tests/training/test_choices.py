"""What is chosen from the data, and that what the user sets wins."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stellate.data.fingerprint import Fingerprint
from stellate.data.normalization import Normalization
from stellate.errors import ConfigError, DataError, InputError
from stellate.models.file import ModelInfo
from stellate.models.stardist import StarDistConfig
from stellate.training.choices import choose
from stellate.training.settings import TrainSettings

from .fingerprints import fingerprint


def model(**known: object) -> ModelInfo:
    config = {"in_channels": 1, "n_rays": 8, "grid": [2, 2], "depth": 2}
    return ModelInfo(**{"name": "start", "model": "stardist", "task": "instances", "config": config, **known})


def data(diameter: float, *, extent: float | None = None, **changes: object) -> Fingerprint:
    widest = 1.5 * diameter if extent is None else extent
    sizes = {"50": diameter, "99": widest}
    of_objects = {"object_diameters": sizes, "object_extents": sizes, "median_extent": (diameter, diameter)}
    return fingerprint(**{**of_objects, **changes})


@pytest.mark.parametrize(("diameter", "grid"), [(6, (1, 1)), (16, (2, 2)), (90, (4, 4))])
def test_the_grid_follows_the_size_of_the_objects(diameter: float, grid: tuple[int, int]) -> None:
    assert choose("stardist", data(diameter), TrainSettings()).network["grid"] == grid


@pytest.mark.parametrize("extent", [10, 60, 100, 150, 300])
def test_the_network_sees_the_largest_objects_and_what_lies_around_them(extent: float) -> None:
    network = choose("stardist", data(20, extent=extent), TrainSettings()).network
    config = StarDistConfig(**network)
    assert min(config.receptive_field) >= 2 * extent or config.depth == 5
    if config.depth > 3:
        assert min(StarDistConfig(grid=config.grid, depth=config.depth - 1).receptive_field) < 2 * extent


@pytest.mark.parametrize("extent", [10, 200, 900])
def test_patches_fit_the_network(extent: float) -> None:
    choices = choose("stardist", data(20, extent=extent), TrainSettings())
    stride = StarDistConfig(**choices.network).stride
    assert all(p % s == 0 and 128 <= p <= 544 for p, s in zip(choices.patch, stride, strict=True))


def test_what_the_user_sets_wins_and_is_said_to_be_set() -> None:
    settings = TrainSettings(
        network={"grid": (1, 1), "depth": 2, "n_rays": 16, "batch_norm": False},
        patch=(96, 64),
        task={"distance_loss": "l1"},
    )
    choices = choose("stardist", data(90), settings)
    assert choices.network["grid"] == (1, 1)
    assert choices.network["n_rays"] == 16
    assert choices.patch == (96, 64)
    assert choices.learning_rate == 3e-4
    assert choices.task["distance_weight"] == 0.2
    said = {r.name: r.why for r in choices.reasons}
    assert all(said[name] == "as set" for name in ("grid", "depth", "batch_norm", "n_rays", "patch"))


def test_a_patch_or_grid_for_volumes_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"expected 2 numbers \(height and width\), for the data is images"):
        choose("stardist", data(16), TrainSettings(patch=(32, 64, 64)))
    with pytest.raises(ConfigError, match=r"network\.grid \(1, 2, 2\): expected 2 numbers"):
        choose("stardist", data(16), TrainSettings(network={"grid": (1, 2, 2)}))


def test_a_resnet_has_no_foreground_and_no_depth_to_choose() -> None:
    choices = choose("stardist", data(16), TrainSettings(network={"backbone": "resnet"}))
    assert StarDistConfig(**choices.network).backbone == "resnet"
    assert choices.network["foreground"] is False
    assert "depth" not in choices.network


@pytest.mark.parametrize(("devices", "batch"), [(1, 4), (2, 4), (3, 6), (8, 8)])
def test_every_device_gets_as_many_patches(devices: int, batch: int) -> None:
    assert choose("stardist", data(16), TrainSettings(devices=devices)).batch_size == batch


def test_every_choice_has_a_reason_in_words() -> None:
    lines = choose("stardist", data(16), TrainSettings()).lines()
    assert any(line.startswith("grid") and "2 x 2" in line and "16 px" in line for line in lines)
    assert all(": " in line for line in lines)


def test_fine_tuning_keeps_the_network() -> None:
    network = {"in_channels": 1, "n_rays": 8, "grid": [4, 4], "depth": 2}
    start = model(config=network)
    choices = choose("stardist", data(16), TrainSettings(), start)
    assert choices.network == network
    assert choices.learning_rate < choose("stardist", data(16), TrainSettings()).learning_rate
    with pytest.raises(ConfigError, match=r"network\.n_rays is 8 in the model to start from, not 32"):
        choose("stardist", data(16), TrainSettings(network={"n_rays": 32}), start)
    with pytest.raises(
        ConfigError, match=r"network\.batch_norm is False in the model to start from, not True"
    ):
        choose("stardist", data(16), TrainSettings(network={"batch_norm": True}), start)
    with pytest.raises(ConfigError, match="did you mean 'n_rays'"):
        choose("stardist", data(16), TrainSettings(network={"n_ray": 8}), start)
    same = choose("stardist", data(16), TrainSettings(network={"grid": (4, 4), "n_rays": 8}), start)
    assert same.network == network


def test_fine_tuning_keeps_task_and_normalisation_but_for_what_is_set() -> None:
    kept = {"distance_loss": "l1", "distance_weight": 0.3, "border": 2, "prob_threshold": 0.7}
    start = model(settings=kept, normalization={"low": 3.0, "high": 97.0, "channels": "joint"})
    choices = choose("stardist", data(16), TrainSettings(), start)
    assert choices.task == kept
    assert choices.normalization == Normalization(3, 97, "joint")
    settings = TrainSettings(task={"distance_loss": "iou"}, normalize_high=99.0)
    choices = choose("stardist", data(16), settings, start)
    assert choices.task == {**kept, "distance_loss": "iou", "distance_weight": 0.5}
    assert choices.normalization == Normalization(3, 99, "joint")


def test_a_model_of_stardist_goes_on_with_its_own_loss() -> None:
    choices = choose("stardist", data(16), TrainSettings(), model(settings={"prob_threshold": 0.6}))
    assert choices.task == {"prob_threshold": 0.6, "distance_loss": "l1", "distance_weight": 0.2}


def test_normalisation_can_be_set() -> None:
    assert choose("stardist", data(16), TrainSettings()).normalization == Normalization(1, 99.8, "separate")
    settings = TrainSettings(normalize_low=0.0, normalize_high=99.0, normalize_channels="joint")
    choices = choose("stardist", data(16), settings)
    assert choices.normalization == Normalization(0, 99, "joint")
    assert "0 % to 99 %: as set; these percentiles of each image, of all channels together" in next(
        line for line in choices.lines() if line.startswith("normalisation")
    )
    with pytest.raises(ConfigError, match=r"percentiles 99\.9 and 99\.8"):
        choose("stardist", data(16), TrainSettings(normalize_low=99.9))


def test_objects_that_no_depth_sees_are_told() -> None:
    said = {r.name: r.why for r in choose("stardist", data(20, extent=2000), TrainSettings()).reasons}
    assert "scale the images down" in said["depth"]
    said = {r.name: r.why for r in choose("stardist", data(20, extent=60), TrainSettings()).reasons}
    assert "scale the images down" not in said["depth"]


def test_no_objects_to_learn_from() -> None:
    empty = data(16, n_objects=0, object_diameters={}, object_extents={})
    with pytest.raises(DataError, match="no objects in any mask of the training images"):
        choose("stardist", empty, TrainSettings())


def test_mixed_channels_are_refused() -> None:
    with pytest.raises(DataError, match="9 with 1, 1 with 3"):
        choose("stardist", data(16, channels={"1": 9, "3": 1}), TrainSettings())


def test_a_patch_that_the_network_cannot_take() -> None:
    with pytest.raises(ConfigError, match=r"multiples of the network's stride .*, such as \(96, 96\)"):
        choose("stardist", data(16), TrainSettings(patch=(100, 100)))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epochs": 0}, "epochs 0: expected a whole number, at least 1"),
        ({"epochs": "ten"}, "epochs 'ten': expected a whole number"),
        ({"epochs": 2.5}, "epochs 2.5: expected a whole number"),
        ({"learning_rate": -1.0}, "learning_rate -1.0: expected a number, not negative"),
        ({"learning_rate": 0.0}, "learning_rate 0: expected a number above 0"),
        ({"learning_rate": float("nan")}, "learning_rate nan: expected a number"),
        ({"schedule": "cosin"}, "schedule 'cosin': expected one of cosine, plateau"),
        ({"device": "gpu"}, "device 'gpu': expected one of auto, cpu, cuda, mps"),
        ({"normalize_channels": "both"}, "normalize_channels 'both': expected one of separate, joint"),
        ({"diameters": (50, 10)}, "diameters .*: expected the smaller number first"),
        ({"patch": (64, -64)}, "patch .*: expected two numbers above 0"),
        ({"patch": 64}, "patch 64: expected two numbers above 0, or three for volumes"),
        ({"patch": (1, 2, 3, 4)}, "patch .*: expected two numbers above 0, or three"),
        ({"batch_size": 0}, "batch_size 0: expected a whole number, at least 1"),
        ({"patch": (64.5, 64)}, "patch .*: expected whole numbers of pixels"),
        ({"devices": 2, "validation_patches": 1}, "validation_patches 1: expected at least 2"),
        ({"epoch": 5}, "did you mean 'epochs'"),
        ({"synthetic": 1.5}, "synthetic 1.5: expected a number from 0 to 1, below 1"),
        ({"batch_size": 5, "devices": 2}, "cannot be shared evenly"),
        ({"scale": (2.0, 1.0)}, "the smaller number first"),
        ({"scale_chance": 1.1}, "scale_chance 1.1: expected a number from 0 to 1"),
        ({"scale_chance": True}, "scale_chance True: expected a number from 0 to 1"),
        ({"intensity": -0.5}, "intensity -0.5: expected a number, not negative"),
        ({"workers": -1}, "workers -1: expected a whole number, at least 0"),
    ],
)
def test_settings_out_of_range(values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TrainSettings.from_mapping(values)


def test_stardist_has_no_encoder_whose_weights_could_be_set() -> None:
    words = "weights 'imagenet': stardist has no encoder by name; leave it out"
    for start in (None, model()):
        with pytest.raises(ConfigError, match=words):
            choose("stardist", data(20), TrainSettings(weights="imagenet"), start)
    assert choose("stardist", data(20), TrainSettings(weights="none")).weights == ""


def test_axes_that_are_none() -> None:
    with pytest.raises(InputError, match="axes 'ZZYX': a letter stands twice"):
        TrainSettings(axes="ZZYX")


def test_an_unknown_network_setting_is_refused_with_a_suggestion() -> None:
    with pytest.raises(ConfigError, match="did you mean 'n_rays'"):
        choose("stardist", data(16), TrainSettings(network={"n_ray": 8}))


def told_apart(**changes: object) -> Fingerprint:
    return data(
        20,
        class_objects={"b": 10, "a": 70, "c": 20},
        class_pixels={"b": 100, "a": 9000, "c": 2000},
        unknown_class=3,
        **changes,
    )


def test_classes_follow_the_data() -> None:
    choices = choose("stardist", told_apart(), TrainSettings())
    assert choices.class_names == ("b", "a", "c")
    assert choices.network["n_classes"] == 3
    assert StarDistConfig(**choices.network).n_classes == 3
    assert "class_weights" not in choices.task
    why = {r.name: r.why for r in choices.reasons}
    assert why["classes"] == (
        "named in the data; objects: b 10, a 70, c 20; 3 of unknown class train their outline only"
    )
    assert why["class weights"].startswith("every pixel counts the same; b has 0.9% of those in objects")


def test_without_classes_nothing_is_said_of_them() -> None:
    choices = choose("stardist", data(20), TrainSettings())
    assert choices.class_names == ()
    assert "n_classes" not in choices.network
    assert not any("class" in reason.name for reason in choices.reasons)


def test_classes_can_be_left_aside() -> None:
    choices = choose("stardist", told_apart(), TrainSettings(network={"n_classes": 0}))
    assert (choices.class_names, choices.network.get("n_classes", 0)) == ((), 0)
    assert choose("stardist", told_apart(), TrainSettings(network={"n_classes": 3})).class_names == (
        "b",
        "a",
        "c",
    )
    with pytest.raises(ConfigError, match=r"network\.n_classes 2: the data has 3 \(b, a, c\); leave it out"):
        choose("stardist", told_apart(), TrainSettings(network={"n_classes": 2}))


def test_balanced_weights_are_the_median_over_the_class() -> None:
    """Median 2000 pixels; the rarest would get 20, and gets no more than 10."""
    choices = choose("stardist", told_apart(), TrainSettings(task={"class_weights": "balanced"}))
    assert choices.task["class_weights"] == pytest.approx((1, 10, 2 / 9, 1), abs=1e-4)


def test_a_class_without_pixels_weighs_one() -> None:
    fingerprint = told_apart()
    fingerprint = replace(fingerprint, class_pixels={"b": 0, "a": 300, "c": 100})
    choices = choose("stardist", fingerprint, TrainSettings(task={"class_weights": "balanced"}))
    assert choices.task["class_weights"] == pytest.approx((1, 1, 2 / 3, 2), abs=1e-4)


@pytest.mark.parametrize("given", [(1, 2, 3, 0.5), [1, 2, 3, 0.5]])
def test_weights_that_are_set_are_kept(given: object) -> None:
    choices = choose("stardist", told_apart(), TrainSettings(task={"class_weights": given}))
    assert choices.task["class_weights"] == (1.0, 2.0, 3.0, 0.5)


@pytest.mark.parametrize(
    "given",
    [
        "Balanced",
        (1, 2),
        (1, 2, 3, -1),
        (1, 2, 3, "x"),
        4,
        (1, 2, 3, float("nan")),
        (1, 2, 3, None),
        (0, 0, 0, 0),
    ],
)
def test_weights_that_make_no_sense(given: object) -> None:
    words = r"task\.class_weights .*: expected none, balanced, or 4 numbers .* for the background, b, a, c"
    with pytest.raises(ConfigError, match=words):
        choose("stardist", told_apart(), TrainSettings(task={"class_weights": given}))


def test_weights_without_classes() -> None:
    with pytest.raises(ConfigError, match="the data has no classes; leave it out"):
        choose("stardist", data(20), TrainSettings(task={"class_weights": "balanced"}))
    assert choose("stardist", data(20), TrainSettings(task={"class_weights": "none"})).task.keys() == (
        choose("stardist", data(20), TrainSettings()).task.keys()
    )


def with_head(*names: str, **settings: object) -> ModelInfo:
    config = {**model().config, "n_classes": len(names)}
    return model(config=config, class_names=names, settings=settings)


def test_a_start_of_the_same_classes_keeps_them_and_their_weights() -> None:
    start = with_head("b", "a", "c", class_weights=[1, 2, 3, 4])
    choices = choose("stardist", told_apart(), TrainSettings(), start)
    assert choices.class_names == ("b", "a", "c")
    assert choices.task["class_weights"] == (1, 2, 3, 4)
    none = TrainSettings(task={"class_weights": "none"})
    assert "class_weights" not in choose("stardist", told_apart(), none, start).task


def test_a_start_of_other_classes_is_refused() -> None:
    for names in (("a", "b", "c"), ("b", "a"), ("x", "y", "z")):
        with pytest.raises(ConfigError, match="data has the classes b, a, c, the model to start from"):
            choose("stardist", told_apart(), TrainSettings(), with_head(*names))


def test_a_start_without_classes_gets_a_head_for_them() -> None:
    choices = choose("stardist", told_apart(), TrainSettings(), model())
    assert choices.network == {**model().config, "n_classes": 3}
    assert {r.name: r.value for r in choices.reasons}["class head"] == "new"
    same = TrainSettings(network={"n_classes": 3})
    assert choose("stardist", told_apart(), same, model()).network["n_classes"] == 3
    aside = TrainSettings(network={"n_classes": 0})
    assert choose("stardist", told_apart(), aside, model()).class_names == ()


def test_a_start_with_classes_keeps_them_where_the_data_has_none() -> None:
    choices = choose("stardist", data(20), TrainSettings(), with_head("p", "q"))
    assert choices.class_names == ("p", "q")
    assert "they are not trained" in {r.name: r.why for r in choices.reasons}["classes"]
