"""From folders of class masks to measured models that name the class of every pixel."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage
from skimage.io import imread

import stellate
from stellate.data.folder import open_folder
from stellate.data.mask_options import MaskOptions
from stellate.data.mask_use import MaskUse, as_they_look
from stellate.errors import ConfigError, DataError, ModelFileError
from stellate.io.class_masks import read_class_mask
from stellate.models import entry
from stellate.training.plan import planned
from stellate.training.settings import TrainSettings

Writer = Callable[..., Path]

SETTINGS: dict[str, Any] = {
    "epochs": 3,
    "steps_per_epoch": 15,
    "batch_size": 4,
    "patch": (32, 32),
    "validation_patches": 4,
    "warmup_steps": 5,
    "learning_rate": 1e-2,
    "ema_decay": 0.8,
    "precision": "float32",
    "device": "cpu",
    "validation": 0.34,
    "masks": "classes",
    "intensity": 0.0,
}
SMALL: dict[str, dict[str, Any]] = {
    "sliding-window": {"patch_size": 12, "depth": 1, "base_channels": 8, "hidden_channels": 16},
    "fully-convolutional": {"channels": 8, "n_layers": 3},
    "encoder-decoder": {"depth": 2, "base_channels": 8},
    "segnet": {"variant": "basic", "base_channels": 8},
    "unet": {"depth": 2, "base_channels": 8},
}


@pytest.fixture(scope="module")
def folder(class_masks: Writer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return class_masks(tmp_path_factory.mktemp("cells"))


@pytest.fixture(scope="module")
def run(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "unet"
    stellate.train("unet", folder, out, settings={**SETTINGS, "network": SMALL["unet"]})
    return out


@pytest.mark.parametrize("model", SMALL)
def test_every_model_learns(model: str, folder: Path, tmp_path: Path) -> None:
    said: list[str] = []
    settings = {**SETTINGS, "epochs": 9 if model == "segnet" else 3, "network": SMALL[model]}
    trained = stellate.train(model, folder, tmp_path / "run", settings=settings, say=said.append)
    assert said[0] == "masks hold classes: as set; the ground is class 0"
    assert any(line.startswith("class weights") for line in said)
    assert trained.info.class_names == ("class 0", "class 1", "class 2")
    scores = trained.info.metrics["validation"]
    assert scores["mean_iou"] > 0.6
    image, truth = imread(folder / "images" / "5.tif"), imread(folder / "masks" / "5.tif")
    assert (trained.predict(image).result.classes == truth).mean() > 0.85


def test_a_run_leaves_everything(run: Path) -> None:
    names = {p.name for p in run.iterdir()}
    assert {"model.safetensors", "run.json", "history.csv", "curves.png", "validation.png"} <= names
    assert {"evaluation.csv", "evaluation.json", "evaluation.html", "checkpoints"} <= names
    assert imread(run / "validation.png").std() > 10
    header = (run / "history.csv").read_text(encoding="utf-8").splitlines()[0]
    assert "train_cross-entropy" in header
    assert "val_dice" in header
    info = stellate.load(run).info
    assert info.masks["kind"] == "classes"
    assert info.masks["values"] == [0, 1, 2]
    assert info.object_diameter_px is None


def test_resuming_gives_what_an_uninterrupted_run_gives(folder: Path, run: Path, tmp_path: Path) -> None:
    broken = tmp_path / "unet"

    def stop(done: int, total: int, text: str) -> None:
        if done == 2:
            raise KeyboardInterrupt

    settings = {**SETTINGS, "network": SMALL["unet"]}
    with pytest.raises(KeyboardInterrupt):
        stellate.train("unet", folder, broken, settings=settings, progress=stop)
    resumed = stellate.train("unet", folder, broken, resume=True)
    whole = stellate.load(run)
    for name, weight in resumed.network.state_dict().items():
        np.testing.assert_array_equal(weight.numpy(), whole.network.state_dict()[name].numpy())


def test_fine_tuning_keeps_network_and_classes(run: Path, class_masks: Writer, tmp_path: Path) -> None:
    """The new data has other values for two of the three classes."""
    data = class_masks(tmp_path / "data", count=4, stored=lambda c, k: np.minimum(c, 1) * 7)
    (data / "mask_classes.csv").write_text("value,class\n7,class 1\n0,class 0\n", encoding="utf-8")
    settings = {k: v for k, v in SETTINGS.items() if k not in ("masks", "patch")}
    settings |= {"epochs": 1, "steps_per_epoch": 2, "learning_rate": 1e-6, "from_model": run}
    said: list[str] = []
    tuned = stellate.train("unet", data, tmp_path / "tuned", settings=settings, say=said.append)
    assert tuned.info.class_names == ("class 0", "class 1", "class 2")
    assert tuned.info.config == stellate.load(run).info.config
    assert tuned.info.masks["values"] == [0, 7]
    assert any("no pixel of class 2 in the masks to train on" in line for line in said)
    assert tuned.info.metrics["validation"]["by_class"]["class 0"]["iou"] > 0.8


def test_fine_tuning_on_other_classes_is_refused(run: Path, class_masks: Writer, tmp_path: Path) -> None:
    data = class_masks(tmp_path / "data", count=3)
    (data / "mask_classes.csv").write_text("value,class\n0,ground\n1,a\n2,b\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="class ground is not among class 0, class 1, class 2"):
        stellate.train("unet", data, tmp_path / "tuned", settings={"from_model": run, "device": "cpu"})


def test_volumes(class_masks: Writer, tmp_path: Path) -> None:
    data = class_masks(tmp_path / "data", shape=(12, 32, 32), count=4)
    settings = {**SETTINGS, "patch": (8, 16, 16), "network": {"depth": 1, "base_channels": 6}}
    trained = stellate.train("unet", data, tmp_path / "run", settings=settings)
    assert trained.info.axes == "ZYX"
    assert trained.info.metrics["validation"]["pixel_accuracy"] > 0.85


def test_volumes_need_a_unet(class_masks: Writer, tmp_path: Path) -> None:
    data = class_masks(tmp_path / "data", shape=(8, 16, 16), count=3)
    with pytest.raises(ConfigError, match=r"segnet is for images, but the data is volumes.*train a unet"):
        stellate.train("segnet", data, tmp_path / "run", settings={"masks": "classes", "device": "cpu"})


def test_objects_become_background_foreground_and_border(annotated_folder: Path, tmp_path: Path) -> None:
    said: list[str] = []
    task = {"border_weights": True, "class_weights": "balanced"}
    settings = {**SETTINGS, "masks": "auto", "epochs": 4, "network": SMALL["unet"], "task": task}
    trained = stellate.train("unet", annotated_folder, tmp_path / "run", settings=settings, say=said.append)
    assert said[0].startswith("masks hold instances: from ")
    assert trained.info.masks == {"kind": "instances"}
    assert trained.info.class_names == ("background", "foreground", "border")
    assert trained.info.settings["border_weights"] is True
    assert len(trained.info.settings["class_weights"]) == 3
    assert trained.info.metrics["validation"]["by_class"]["foreground"]["iou"] > 0.5
    evaluated = stellate.evaluate(trained, annotated_folder)
    assert evaluated.metrics.class_names == ("background", "foreground", "border")


def test_objects_that_never_touch_have_no_border(class_masks: Writer, tmp_path: Path) -> None:
    def apart(classes: np.ndarray, index: int) -> np.ndarray:
        labels = np.zeros_like(classes)
        for k in range(3 + index % 2):
            labels[4 + 14 * k : 12 + 14 * k, 10:40] = k + 1
        return labels

    data = class_masks(tmp_path / "data", stored=apart)
    said: list[str] = []
    settings = {**SETTINGS, "masks": "instances", "epochs": 1, "network": SMALL["unet"]}
    trained = stellate.train("unet", data, tmp_path / "run", settings=settings, say=said.append)
    assert trained.info.class_names == ("background", "foreground")
    assert any("no objects touch" in line for line in said)


def test_colours(class_masks: Writer, tmp_path: Path) -> None:
    colours = np.array([[0, 0, 0], [255, 0, 0], [0, 0, 255]], dtype=np.uint8)
    data = class_masks(tmp_path / "data", stored=lambda c, k: colours[c], suffix=".png")
    said: list[str] = []
    values = {"#ff0000": "cytoplasm", "#0000ff": "nucleus", "#000000": "ground"}
    settings = {**SETTINGS, "masks": "auto", "mask_values": values, "network": SMALL["unet"]}
    trained = stellate.train("unet", data, tmp_path / "run", settings=settings, say=said.append)
    assert trained.info.class_names == ("ground", "cytoplasm", "nucleus")
    assert trained.info.metrics["validation"]["mean_iou"] > 0.6
    assert json.loads((tmp_path / "run" / "run.json").read_text())["settings"]["mask_values"] == values
    assert stellate.evaluate(trained, data).metrics.pooled.mean("iou") > 0.6


def test_pixels_that_nobody_annotated_do_not_count(class_masks: Writer, tmp_path: Path) -> None:
    """Most pixels of the masks are left open; what was drawn there says the contrary."""

    def partly(classes: np.ndarray, index: int) -> np.ndarray:
        stored = np.full_like(classes, 255)
        stored[:, 16:48] = classes[:, 16:48]
        return stored

    data = class_masks(tmp_path / "data", stored=partly)
    settings = {**SETTINGS, "mask_ignore": 255, "network": SMALL["unet"]}
    said: list[str] = []
    trained = stellate.train("unet", data, tmp_path / "run", settings=settings, say=said.append)
    assert trained.info.class_names == ("class 0", "class 1", "class 2")
    assert any("50.0% of all are not annotated" in line for line in said)
    assert trained.info.metrics["validation"]["mean_iou"] > 0.6
    assert trained.info.metrics["validation"]["n_pixels"] == 2 * 64 * 32


def test_a_sliding_window_becomes_convolutions(folder: Path, tmp_path: Path) -> None:
    """It is trained as convolutions in any case, and gives the same either way."""
    network = {**SMALL["sliding-window"], "convolutional": False, "step": 2}
    settings = {**SETTINGS, "epochs": 2, "network": network}
    loop = stellate.train("sliding-window", folder, tmp_path / "run", settings=settings)
    assert not loop.network.config.convolutional
    twin = stellate.load(stellate.convert(tmp_path / "run", tmp_path / "twin.safetensors"))
    assert twin.network.config.convolutional
    image = imread(folder / "images" / "5.tif")
    found = loop.predict(image).result.classes
    assert np.unique(found).size > 1
    assert (twin.predict(image).result.classes != found).mean() < 1e-3  # ties by rounding
    with pytest.raises(ModelFileError, match="runs as convolutions over the image already"):
        stellate.convert(tmp_path / "twin.safetensors", tmp_path / "again.safetensors")


def test_there_is_nothing_to_convert_a_unet_to(run: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="a unet in stellate's own form"):
        stellate.convert(run, tmp_path / "x.safetensors")


class TestEncodersByName:
    @pytest.fixture(autouse=True)
    def there(self) -> None:
        pytest.importorskip("segmentation_models_pytorch", reason="an optional extra")

    def test_they_are_trained_and_blended(self, folder: Path, tmp_path: Path) -> None:
        network = {"encoder": "resnet18", "depth": 2, "base_channels": 8, "encoder_halo": 8}
        settings = {**SETTINGS, "epochs": 2, "weights": "none", "network": network}
        trained = stellate.train("unet", folder, tmp_path / "run", settings=settings)
        assert trained.info.metrics["validation"]["pixel_accuracy"] > 0.8
        assert trained.info.normalization.get("mean") is None
        image = imread(folder / "images" / "5.tif")
        whole, tiles = (trained.predict(image, tile=side).result.classes for side in (None, 32))
        assert (whole != tiles).mean() < 0.05

    def test_weights_are_asked_for_before_anything_else(
        self, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import segmentation_models_pytorch.encoders as encoders

        def offline(*_: Any, **__: Any) -> None:
            raise OSError("no route to host")

        monkeypatch.setattr(encoders, "get_encoder", offline)
        settings = {**SETTINGS, "network": {"encoder": "resnet18", "depth": 2, "base_channels": 4}}
        with pytest.raises(ConfigError, match=r"'imagenet'.*cannot be fetched.*weights none"):
            stellate.train("unet", folder, tmp_path / "run", settings=settings)
        assert not (tmp_path / "run" / "run.json").exists()


def test_masks_of_another_size_are_named(class_masks: Writer, tmp_path: Path) -> None:
    data = class_masks(tmp_path / "data", stored=lambda c, k: c[: 64 - 4 * (k == 3)])
    with pytest.raises(
        DataError, match=r"3.tif: the mask has shape \(60, 64\), but the image has \(64, 64\)"
    ):
        stellate.train("unet", data, tmp_path / "run", settings=SETTINGS)


def test_a_single_class_is_refused(class_masks: Writer, tmp_path: Path) -> None:
    data = class_masks(tmp_path / "data", stored=lambda c, k: 0 * c)
    with pytest.raises(
        DataError, match=r"all annotated pixels are class 0.*annotate the background as a class"
    ):
        stellate.train("unet", data, tmp_path / "run", settings=SETTINGS)


def test_colours_that_strayed_are_listed(class_masks: Writer, tmp_path: Path) -> None:
    """JPEG blurs the colours of classes; within a tolerance each is of the nearest class again."""
    colours = np.array([[0, 0, 0], [255, 0, 0], [0, 0, 255]], dtype=np.uint8)
    data = class_masks(tmp_path / "data", stored=lambda c, k: colours[c], suffix=".jpg")
    settings = {**SETTINGS, "epochs": 1, "steps_per_epoch": 2, "network": SMALL["unet"]}
    with pytest.raises(DataError, match=r"different values.*tolerance"):
        stellate.train("unet", data, tmp_path / "run", settings=settings)
    settings |= {"mask_values": {"#000000": "ground", "#ff0000": "cell", "#0000ff": "nucleus"}}
    with pytest.raises(DataError, match=r"colours of no class: #\w{6} \(\d+ px.*larger tolerance"):
        stellate.train("unet", data, tmp_path / "run", settings=settings)
    settings |= {"mask_tolerance": 200}
    trained = stellate.train("unet", data, tmp_path / "run", settings=settings)
    assert trained.info.class_names == ("ground", "cell", "nucleus")
    assert trained.info.masks["tolerance"] == 200


def test_a_value_to_ignore_that_is_a_class_is_refused(folder: Path, tmp_path: Path) -> None:
    settings = {**SETTINGS, "mask_values": {"0": "a", "1": "b", "2": "c"}, "mask_ignore": 2}
    with pytest.raises(ConfigError, match="2 is to be ignored, and the value of the class c"):
        stellate.train("unet", folder, tmp_path / "run", settings=settings)


def test_images_smaller_than_the_stride(class_masks: Writer, tmp_path: Path) -> None:
    """SegNet halves five times, so that its patches are twice as large as these images."""
    data = class_masks(tmp_path / "data", shape=(24, 20))
    settings = {k: v for k, v in SETTINGS.items() if k != "patch"}
    settings |= {"epochs": 1, "steps_per_epoch": 3, "network": {"base_channels": 2, "variant": "vgg16"}}
    said: list[str] = []
    trained = stellate.train("segnet", data, tmp_path / "run", settings=settings, say=said.append)
    assert any(line.startswith("patch") and "64 x 64" in line for line in said)
    assert trained.predict(imread(data / "images" / "0.tif")).result.classes.shape == (24, 20)


def test_outlines_are_not_learned_from_classes(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"masks classes: outlines are learned from objects.*unet"):
        stellate.train("stardist", folder, tmp_path / "run", settings={"masks": "classes", "device": "cpu"})


def test_stardist_refuses_masks_that_are_plainly_classes(class_masks: Writer, tmp_path: Path) -> None:
    colours = np.array([[0, 0, 0], [255, 0, 0], [0, 0, 255]], dtype=np.uint8)
    coloured = class_masks(tmp_path / "colour", stored=lambda c, k: colours[c], suffix=".png")
    named = class_masks(tmp_path / "named")
    (named / "mask_classes.csv").write_text("value,class\n0,ground\n1,cell\n2,nucleus\n", encoding="utf-8")
    for data, why in ((coloured, "is in colour"), (named, "mask_classes.csv names them")):
        with pytest.raises(DataError, match=rf"hold classes of pixels \(.*{why}.*--masks instances"):
            stellate.train("stardist", data, tmp_path / "run", settings={"device": "cpu"})


@pytest.mark.parametrize(
    ("values", "masks", "warned"),
    [((0, 128, 255), "auto", True), ((0, 128, 255), "instances", False), ((0, 1, 1), "auto", False)],
)
def test_stardist_warns_of_values_that_recur_like_classes(
    class_masks: Writer, tmp_path: Path, values: tuple[int, ...], masks: str, warned: bool
) -> None:
    stored = np.array(values, dtype=np.uint8)
    data = class_masks(tmp_path / "data", stored=lambda c, k: stored[c])
    said: list[str] = []
    settings = TrainSettings.from_mapping({"masks": masks, "device": "cpu"})
    planned(entry("stardist"), open_folder(data), settings, None, say=said.append)
    assert any("look like classes" in line and "--masks instances" in line for line in said) == warned


def test_masks_are_looked_at_once(
    class_masks: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether they are plainly classes, and whether they look like it, shows at one look."""
    read: list[str] = []

    def noted(path: Path) -> Any:
        read.append(path.name)
        return read_class_mask(path)

    monkeypatch.setattr("stellate.data.mask_kind.read_class_mask", noted)
    data = class_masks(tmp_path / "data")
    settings = TrainSettings.from_mapping({"device": "cpu"})
    planned(entry("stardist"), open_folder(data), settings, None, say=lambda line: None)
    assert sorted(read) == [f"{k}.tif" for k in range(6)]


def objects_of_which_some_look_like_classes(folder: Path, class_masks: Writer) -> Path:
    """Objects with numbers that differ from image to image; in ``val/`` they are the same two, as classes would be."""
    blocks = ((4, 20), (24, 40), (44, 60))

    def stored(labels: Sequence[tuple[int, ...]]) -> Callable[[np.ndarray, int], np.ndarray]:
        def draw(classes: np.ndarray, index: int) -> np.ndarray:
            drawn = np.zeros_like(classes)
            for (top, bottom), label in zip(blocks, labels[index], strict=False):
                drawn[top:bottom, 10:50] = label
            return drawn

        return draw

    class_masks(folder / "train", count=4, stored=stored([(1, 2, 3), (4, 5), (6,), (7, 8)]))
    class_masks(folder / "val", count=2, stored=stored([(100, 200), (100, 200)]))
    return folder


def test_validation_images_are_understood_as_the_whole_folder(class_masks: Writer, tmp_path: Path) -> None:
    data = objects_of_which_some_look_like_classes(tmp_path / "data", class_masks)
    whole = open_folder(data)
    assert as_they_look(whole, MaskOptions()) == "instances"
    assert as_they_look(whole.split("val"), MaskOptions()) == "classes"
    settings = {k: v for k, v in SETTINGS.items() if k not in ("masks", "validation")}
    settings |= {"epochs": 1, "steps_per_epoch": 2, "network": SMALL["unet"]}
    trained = stellate.train("unet", data, tmp_path / "run", settings=settings)
    assert trained.info.masks == {"kind": "instances"}
    assert trained.info.metrics["validation"]["n_pixels"] == 2 * 64 * 64
    with pytest.raises(DataError, match=r"learned its classes from objects.*--masks instances"):
        stellate.evaluate(trained, data, split="val")


def test_a_model_of_objects_is_not_tuned_on_classes(class_masks: Writer, tmp_path: Path) -> None:
    data = objects_of_which_some_look_like_classes(tmp_path / "data", class_masks)
    settings = {k: v for k, v in SETTINGS.items() if k not in ("masks", "validation")}
    settings |= {"epochs": 1, "steps_per_epoch": 2, "network": SMALL["unet"]}
    first = stellate.train("unet", data, tmp_path / "first", settings=settings)
    grey = np.array([0, 128, 255], dtype=np.uint8)
    classes = class_masks(tmp_path / "classes", stored=lambda c, k: grey[c])
    info, say = first.info, lambda line: None
    tuned = TrainSettings.from_mapping({"device": "cpu", "patch": (32, 32)})
    with pytest.raises(DataError, match=r"learned its classes from objects.*128, 255.*mask_values"):
        planned(entry("unet"), open_folder(classes), tuned, info, say=say)
    said: list[str] = []
    plan = planned(
        entry("unet"), open_folder(classes), replace(tuned, masks="instances"), info, say=said.append
    )
    assert plan.masks == MaskUse("instances", "as set")
    assert said[0] == "masks hold instances: as set"
    foreground = class_masks(tmp_path / "foreground", stored=lambda c, k: np.minimum(c, 1))
    plan = planned(entry("unet"), open_folder(foreground), tuned, info, say=say)
    assert plan.masks == MaskUse("instances", "as the model to start from was trained")


def test_generated_fields_hold_no_classes(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="generated fields hold objects, the masks classes"):
        stellate.train("unet", folder, tmp_path / "run", settings={**SETTINGS, "synthetic": 0.5})


def test_the_folder_is_looked_over_and_shown(class_masks: Writer, tmp_path: Path) -> None:
    grey = np.array([0, 128, 255], dtype=np.uint8)
    data = class_masks(tmp_path / "data", stored=lambda c, k: grey[c])
    report = stellate.check(data)
    assert report.can_train
    assert report.masks.startswith("classes: the values 128, 255 are far apart")
    assert report.class_names == ("class 0", "class 128", "class 255")
    assert imread(stellate.show(data, tmp_path / "sheet.png")).std() > 10
    summary: Any = stellate.info(data)
    assert summary.mask_pixels.names == report.class_names


def test_what_hinders_training_on_class_masks_is_found(class_masks: Writer, tmp_path: Path) -> None:
    values = MaskOptions(
        mask_values={"0": "ground", "1": "cell", "2": "nucleus", "9": "ghost"}, mask_ignore=7
    )

    def odd(classes: np.ndarray, index: int) -> np.ndarray:
        stored = classes.copy()
        stored[:] = 7 if index == 0 else stored
        return stored[:60] if index == 1 else stored

    data = class_masks(tmp_path / "data", stored=odd)
    found = {str(f.file and f.file.name): str(f) for f in stellate.check(data, masks=values).findings}
    assert "no pixel is annotated" in found["0.tif"]
    assert "shape (60, 64), but the image has (64, 64)" in found["1.tif"]
    assert "no pixel of ghost in the masks to train on" in found["masks"]
    stray = MaskOptions(mask_values={"0": "ground", "1": "cell"}, mask_ignore=7)
    report = stellate.check(data, masks=stray)
    assert not report.can_train
    assert "values of no class: 2" in str(report.findings[0])


def test_a_model_of_another_kind_is_no_start(run: Path, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a unet, not a segnet: train a unet, or start anew"):
        stellate.train("segnet", folder, tmp_path / "run", settings={**SETTINGS, "from_model": run})
    with pytest.raises(ConfigError, match="is a stardist, not a unet"):
        stellate.train("unet", folder, tmp_path / "run", settings={**SETTINGS, "from_model": "nuclei"})


def test_objects_in_volumes(class_masks: Writer, tmp_path: Path) -> None:
    """What nobody annotated, below 0 in the label volumes, counts nowhere."""

    def labels(classes: np.ndarray, index: int) -> np.ndarray:
        found = ndimage.label(classes > 0)[0].astype(np.int16)
        right = np.indices(found.shape)[2] >= 16
        found[(found > 0) & right] += 10  # those in the middle are cut in two, so that they touch
        found[:, :4] = -1
        return found

    data = class_masks(tmp_path / "data", shape=(12, 32, 32), count=4, stored=labels)
    network = {"depth": 1, "base_channels": 6}
    settings = {**SETTINGS, "masks": "instances", "patch": (8, 16, 16), "network": network}
    trained = stellate.train("unet", data, tmp_path / "run", settings=settings)
    assert trained.info.class_names == ("background", "foreground", "border")
    assert trained.info.object_diameter_px is not None
    scores = trained.info.metrics["validation"]
    assert scores["n_pixels"] == 12 * 28 * 32
    assert scores["by_class"]["foreground"]["iou"] > 0.4
