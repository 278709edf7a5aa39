"""``stellate data`` and ``info`` of images of classes, and with boxes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from stellate.cli.main import main


@pytest.fixture
def data(tmp_path) -> Path:
    """Ten images, a table of their classes, and a table of boxes of which one has no area."""
    for k in range(10):
        pixels = np.random.default_rng(k).integers(0, 255, (20, 30), dtype=np.uint8)
        Picture.fromarray(pixels).save(tmp_path / f"{k}.png")
    classes = "".join(f"{k},{'long' if k % 2 else 'round'}\n" for k in range(10))
    (tmp_path / "classes.csv").write_text("image,class\n" + classes)
    boxes = "".join(f"{k},cell,1,2,{9 if k else 1},12\n" for k in range(10))
    (tmp_path / "boxes.csv").write_text("image,class,xmin,ymin,xmax,ymax\n" + boxes)
    return tmp_path


def test_check_counts_classes(data, capsys):
    assert main(["data", "check", str(data / "classes.csv")]) == 0
    out = capsys.readouterr().out
    assert "10 images (round 5, long 5)" not in out  # in the order of ids
    assert "10 images (long 5, round 5), 2 findings\ntraining can start\n" in out


def test_check_counts_boxes_and_says_that_bad_ones_can_be_left_out(data, capsys):
    assert main(["data", "check", str(data / "boxes.csv")]) == 1
    out = capsys.readouterr().out
    assert "error: " in out
    assert (
        "0.png, line 2 (cell): no area (x 1 to 1, y 2 to 12); mend or remove them, or leave them out" in out
    )
    assert "10 images, 9 boxes, at most 1 in an image (cell 9), " in out
    assert "training cannot start before the errors are mended, or what they are about is left out\n" in out


def test_what_can_be_read_in_two_ways(data, capsys):
    assert main(["data", "check", str(data)]) == 2
    err = capsys.readouterr().err
    assert (
        "a table of boxes (boxes.csv) or as a table of classes (classes.csv); name the file or folder" in err
    )


def test_info_and_show(data, capsys):
    assert main(["info", str(data / "classes.csv")]) == 0
    assert "long: 5, round: 5" in capsys.readouterr().out
    for table in ("classes.csv", "boxes.csv"):
        assert main(["data", "show", str(data / table), "-o", str(data / "sheet.png")]) == 0
        assert (data / "sheet.png").is_file()


def test_mask_options_say_nothing_of_images(data, capsys):
    assert main(["data", "check", str(data / "boxes.csv"), "--masks", "classes"]) == 2
    assert "has boxes and no masks, so that what masks hold says nothing here" in capsys.readouterr().err


def test_convert_says_what_was_written(data, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["data", "convert", str(data / "boxes.csv"), str(out), "--to", "yolo"]) == 2
    assert "0.png, line 2 (cell): no area" in capsys.readouterr().err
    arguments = ["data", "convert", str(data / "boxes.csv"), str(out), "--to", "yolo", "--bad-boxes", "drop"]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert said == f"note: left out: 1 bad boxes\nwrote {out} as YOLO: 10 images, 9 boxes (cell 9)\n"
    assert main(["data", "check", str(out)]) == 0
    assert "10 images, 9 boxes, at most 1 in an image (cell 9), " in capsys.readouterr().out
    assert main(arguments) == 2
    assert (
        "is there already, and not empty; name another folder, or replace it: --overwrite"
        in capsys.readouterr().err
    )
    assert main([*arguments, "--overwrite", "--images", "none"]) == 0
    assert "put them into images/ before the data are used" in capsys.readouterr().out


def test_convert_that_is_stopped_leaves_nothing(data, tmp_path, capsys, monkeypatch):
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("shutil.copyfile", stop)
    out = tmp_path / "out"
    assert (
        main(["data", "convert", str(data / "boxes.csv"), str(out), "--to", "csv", "--bad-boxes", "drop"])
        == 130
    )
    assert "stopped; nothing was written" in capsys.readouterr().err
    assert not out.exists()
