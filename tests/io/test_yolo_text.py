"""YOLO's texts: what programs write, and that every slip is named with its line."""

from __future__ import annotations

import pytest

from stellate.errors import InputError
from stellate.io.yolo_text import read_yolo

NAMES = {0: "cell", 2: "T cell"}


@pytest.fixture
def read(tmp_path):
    """Reads a text as that of an image of 10 rows and 20 columns."""

    def of(text: str | bytes):
        (tmp_path / "a.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_yolo(tmp_path / "a.txt", "a.png", (10, 20), NAMES)

    return of


@pytest.fixture
def refused(read, tmp_path):
    def of(text: str | bytes) -> str:
        with pytest.raises(InputError) as error:
            read(text)
        assert str(error.value).startswith(f"{tmp_path / 'a.txt'}: ")
        return str(error.value).removeprefix(f"{tmp_path / 'a.txt'}: ")

    return of


def test_boxes_are_shares_of_the_sides(read):
    found, n_outlines = read("0 0.5 0.5 1 1\n\n2.0\t.25 0.25 0.1 0.2 \r\n")
    assert found.boxes_xyxy.tolist() == [[0, 0, 20, 10], [4, 1.5, 6, 3.5]]
    assert (found.names, found.size, found.places) == (("cell", "T cell"), (10, 20), ("line 1", "line 3"))
    assert n_outlines == 0


def test_an_empty_text_says_that_there_are_no_boxes(read):
    for text in ("", "\n\n", "\ufeff"):
        assert read(text).boxes.boxes_xyxy.shape == (0, 4)


def test_of_outlines_the_box_around(read):
    found, n_outlines = read("0 0.1 0.1 0.5 0.2 0.3 0.9\n2 0.5 0.5 0.2 0.2\n0 .1 .1 .2 .1 .2 .4 .1 .4\n")
    assert found.boxes_xyxy.tolist() == [
        pytest.approx(b) for b in ([2, 1, 10, 9], [8, 4, 12, 6], [2, 1, 4, 4])
    ]
    assert n_outlines == 2


def test_rounding_to_six_decimals_leads_to_no_box_beyond_the_image(tmp_path):
    # a box of columns 0 to 1 of 3, as nearly all programs write it
    (tmp_path / "a.txt").write_text(f"0 {0.5 / 3:.6f} 0.5 {1 / 3:.6f} 1.000000\n0 0.833333 0.5 0.333335 1\n")
    found = read_yolo(tmp_path / "a.txt", "a.png", (4, 3), NAMES).boxes.boxes_xyxy
    assert found[0].tolist() == pytest.approx([0, 0, 1, 4], abs=1e-5)
    assert found[0].min() >= 0
    assert found[1, 2:].tolist() == [3, 4]
    # more than that is not rounding, and is left to who holds boxes against images
    (tmp_path / "a.txt").write_text("0 0.5 0.5 1.00005 1")
    assert read_yolo(tmp_path / "a.txt", "a.png", (4, 3), NAMES).boxes.boxes_xyxy[0, 0] < 0


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("1 .5 .5 .1 .1", "class 1 has no name (2 are named, 0 to 2); name it, or mend the number"),
        ("-1 .5 .5 .1 .1", "the class is '-1', where its number, a whole one from 0, is expected; mend it"),
        ("0.5 .5 .5 .1 .1", "the class is '0.5', where its number, a whole one from 0, is expected; mend it"),
        (
            "cell .5 .5 .1 .1",
            "the class is 'cell', where its number, a whole one from 0, is expected; mend it",
        ),
        ("0 nan .5 .1 .1", "the centre's x is 'nan', where a finite number is expected; mend or remove it"),
        ("0 .5 inf .1 .1", "the centre's y is 'inf', where a finite number is expected; mend or remove it"),
        (
            "0 .5 .5 .1 -0.1",
            "the height is -0.1, where a share of the image between 0 and 1 is expected; divide pixels by the image's "
            "width or height",
        ),
        (
            "0 .5 .5 320 .1",
            "the width is 320, where a share of the image between 0 and 1 is expected; divide pixels by the image's "
            "width or height",
        ),
        (
            "0 .1 .1 .5 .2 1.3 .9",
            "a corner's x or y is 1.3, where a share of the image between 0 and 1 is expected; divide pixels by the "
            "image's width or height",
        ),
        (
            "0 .5 .5 .1",
            "4 numbers, where a class and the centre's x, y, the width and the height of a box, or x and y of an "
            "outline's corners are expected; mend or remove the line",
        ),
        (
            "0 .5 .5 .1 .1 .98",
            "6 numbers, where a class and the centre's x, y, the width and the height of a box, or x and y of an "
            "outline's corners are expected; the sixth may be how sure a prediction is: export what was annotated",
        ),
    ],
)
def test_lines_that_are_none(refused, line, what):
    assert refused(f"0 .5 .5 .1 .1\n{line}\n") == f"line 2: {what}"


def test_files_that_are_none(refused, tmp_path):
    assert refused(b"\xff\xfe0\x00") == "not a text in UTF-8; export it again"
    assert refused(b"0 1 1 1 1\n" * 6_710_887).startswith(
        "67,108,870 bytes, where at most 67,108,864 are read"
    )
    with pytest.raises(InputError, match=r"b\.txt: no such file"):
        read_yolo(tmp_path / "b.txt", "b.png", (1, 1), NAMES)
    (tmp_path / "c.txt").write_text("0 .5 .5 .1 .1")
    with pytest.raises(InputError, match=r"line 1: class 0 has no name \(none is named\)"):
        read_yolo(tmp_path / "c.txt", "c.png", (1, 1), {})
