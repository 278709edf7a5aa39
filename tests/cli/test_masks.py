"""The command line on folders of class masks."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from stellate.cli.main import main
from stellate.data.folder import open_folder
from stellate.models import entry
from stellate.models.file import read_info
from stellate.training.plan import planned
from stellate.training.settings import TrainSettings

Writer = Callable[..., Path]
STARDIST = Path(__file__).parents[1] / "fixtures" / "stardist" / "trained_grid22"
GREY = np.array([0, 128, 255], dtype=np.uint8)


@pytest.fixture(scope="module")
def folder(class_masks: Writer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return class_masks(tmp_path_factory.mktemp("grey"), count=4, stored=lambda c, k: GREY[c])


def run(capsys: pytest.CaptureFixture[str], *words: object, status: int = 0) -> str:
    assert main([str(word) for word in words]) == status
    out, err = capsys.readouterr()
    return out + err


def test_what_masks_hold_is_told(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    text = run(capsys, "data", "check", folder)
    assert "masks hold classes: the values 128, 255 are far apart" in text
    assert "4 pairs, 3 classes" in text
    assert "training can start" in text
    assert "class 0, class 128, class 255" in run(capsys, "info", folder)
    named = run(capsys, "data", "check", folder, "--mask-values.0", "ground", status=1)
    assert "values of no class: 128" in named
    assert "training cannot start" in named


def test_training_from_a_file_of_settings(
    capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "run.toml").write_text(
        "[train]\nepochs = 1\nsteps_per_epoch = 2\nbatch_size = 2\nvalidation_patches = 2\npatch = [32, 32]\n"
        'device = "cpu"\nmask_ignore = [7]\n'
        '[train.network]\ndepth = 1\nbase_channels = 4\n[train.task]\nloss = "dice"\n'
        '[train.mask_values]\n0 = "ground"\n128 = "cell"\n255 = "cell"\n',
        encoding="utf-8",
    )
    out = tmp_path / "out"
    text = run(capsys, "--config", tmp_path / "run.toml", "train", "unet", folder, "-o", out)
    assert "masks hold classes: as set" in text
    assert "mean IoU of the classes" in text
    info = read_info(out / "model.safetensors")
    assert info.class_names == ("ground", "cell")
    assert info.masks["ignore"] == [7]
    assert info.settings["loss"] == "dice"
    assert "unet" in run(capsys, "info", out)


def test_colours_on_the_command_line(
    capsys: pytest.CaptureFixture[str], class_masks: Writer, tmp_path: Path
) -> None:
    colours = np.array([[0, 0, 0], [255, 0, 0], [0, 0, 255]], dtype=np.uint8)
    data = class_masks(tmp_path / "data", count=3, stored=lambda c, k: colours[c], suffix=".png")
    names = ["--mask-values.#ff0000", "cell", "--mask-values.#0000ff", "nucleus", "--mask-ignore", "#000000"]
    text = run(capsys, "data", "check", data, *names)
    assert "3 pairs, 2 classes" in text
    sheet = tmp_path / "sheet.png"
    assert "wrote" in run(capsys, "data", "show", data, "-o", sheet, *names)
    assert sheet.stat().st_size > 1000


def test_a_table_of_classes_that_cannot_be_read_is_named_by_every_command(
    capsys: pytest.CaptureFixture[str], class_masks: Writer, tmp_path: Path
) -> None:
    data = class_masks(tmp_path / "data", count=3, stored=lambda c, k: GREY[c])
    (data / "mask_classes.csv").write_text("value;class\n0;ground\n128\n0;cell\n", encoding="utf-8")
    broken = "mask_classes.csv: line 4: the value 0 for the second time; write for example 128,cytoplasm"
    text = run(capsys, "data", "check", data, status=1)
    assert broken in text
    assert "training cannot start" in text
    assert broken in run(capsys, "data", "show", data, "-o", tmp_path / "sheet.png", status=2)
    assert broken in run(capsys, "info", data, status=2)
    assert broken in run(capsys, "train", "unet", data, "-o", tmp_path / "run", status=2)
    assert broken in run(capsys, "train", "stardist", data, "-o", tmp_path / "run", status=2)


def test_what_can_be_trained_where_masks_are_open(
    capsys: pytest.CaptureFixture[str], class_masks: Writer, tmp_path: Path
) -> None:
    """The words are those of the training itself."""

    def two_blocks(classes: np.ndarray, index: int) -> np.ndarray:
        stored = np.zeros_like(classes)
        stored[5:20, 5:20], stored[30:50, 30:50] = 1, 2
        return stored

    data = class_masks(tmp_path / "data", count=3, stored=two_blocks)
    text = run(capsys, "data", "check", data)
    assert "training can start for stardist; models for classes of pixels need --masks classes or" in text
    refused = run(capsys, "train", "unet", data, "-o", tmp_path / "run", status=2)
    assert "it is open whether" in refused
    said: list[str] = []
    settings = TrainSettings.from_mapping({"device": "cpu"})
    planned(entry("stardist"), open_folder(data), settings, None, say=said.append)
    assert not said
    for kind in ("classes", "instances"):
        assert "\ntraining can start\n" in run(capsys, "data", "check", data, "--masks", kind)


def test_masks_are_warned_of_where_a_model_finds_objects(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    assert main(["evaluate", str(STARDIST), str(folder), "--device", "cpu"]) == 0
    out, err = capsys.readouterr()
    assert "warning: the masks look like classes of pixels" in err
    assert "4 images" in out
    assert main(["evaluate", str(STARDIST), str(folder), "--device", "cpu", "--masks", "instances"]) == 0
    assert "warning" not in capsys.readouterr().err


def test_an_evaluation_offers_what_it_has_a_use_for(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    assert "--probabilities" in run(capsys, "predict", "--help")
    offered = run(capsys, "evaluate", "--help")
    assert "--instances" in offered
    assert "probabilities" not in offered
    assert "Unknown option" in run(capsys, "evaluate", STARDIST, folder, "--probabilities", status=2)


def test_classes_are_printed_as_they_are_written(
    capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path
) -> None:
    network = ["--network.depth", "1", "--network.base-channels", "4", "--patch", "32", "32"]
    short = ["--epochs", "1", "--steps-per-epoch", "2", "--validation-patches", "2", "--device", "cpu"]
    run(capsys, "train", "unet", folder, "-o", tmp_path / "run", *network, *short)
    text = run(capsys, "evaluate", tmp_path / "run", folder, "-o", tmp_path / "out", "--device", "cpu")
    scores = json.loads((tmp_path / "out" / "evaluation.json").read_text(encoding="utf-8"))
    heading = next(line for line in text.splitlines() if line.startswith("class "))
    shown = ["annotated", "found", "IoU", "Dice", "accuracy", "boundary F1", "IoU by image"]
    assert heading.split() == ["class", *" ".join(shown).split()]
    mean = next(line for line in text.splitlines() if line.startswith("mean ")).split()
    named = ("mean_iou", "mean_dice", "class_accuracy", "mean_boundary_f1")
    assert mean[1:] == ["-", "-", *(f"{scores[name]:.3f}" for name in named), "-"]
    page = (tmp_path / "out" / "evaluation.html").read_text(encoding="utf-8")
    assert all(f"{words}</th>" in page for words in (*shown, "Dice by image"))
