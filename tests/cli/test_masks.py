"""The command line on folders of class masks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from stellate.cli.main import main
from stellate.models.file import read_info

Writer = Callable[..., Path]
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
