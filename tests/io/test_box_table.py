"""Tables of boxes: what people call columns, images without boxes, and that every slip is named with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from stellate.errors import InputError
from stellate.io.box_table import read_box_table

HEADER = "image,class,xmin,ymin,xmax,ymax"


def read(path: Path, *lines: str):
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read_box_table(path)


def refused(path: Path, *lines: str) -> str:
    with pytest.raises(InputError) as error:
        read(path, *lines)
    assert str(error.value).startswith(f"{path}: ")
    return str(error.value).removeprefix(f"{path}: ")


def test_columns_may_be_called_otherwise(tmp_path):
    found = read(
        tmp_path / "a.csv", "File Name;X1;Y1;X2;Y2;Cell_Type;height;width", "a\\b.png;1,5;2;3;4;T cell;9;8"
    )
    assert [(i.file, i.names, i.boxes_xyxy.tolist(), i.size) for i in found] == [
        ("a/b.png", ("T cell",), [[1.5, 2, 3, 4]], (9, 8))
    ]


def test_rows_of_an_image_need_not_follow_one_another(tmp_path):
    found = read(tmp_path / "a.csv", HEADER, "a,x,0,0,1,1", "b,,,,,", "a,y,2,2,3,3")
    assert [(i.file, i.names, i.places) for i in found] == [
        ("a", ("x", "y"), ("line 2", "line 4")),
        ("b", (), ()),
    ]


def test_without_classes_all_are_objects(tmp_path):
    assert read(tmp_path / "a.csv", "image,xmin,ymin,xmax,ymax", "a,0,0,1,1")[0].names == ("object",)


def test_parts_and_groups(tmp_path):
    found = read(
        tmp_path / "a.csv", HEADER + ",Set,Patient ID", "a,x,0,0,1,1,Validation,p 1", "b,x,0,0,1,1,,"
    )
    assert [(i.split, i.group) for i in found] == [("val", "p 1"), (None, "")]
    what = refused(tmp_path / "a.csv", HEADER + ",split", "a,x,0,0,1,1,train", "a,x,1,1,2,2,test")
    assert what == "line 3: a is of another split or group than in line 2; write both alike"


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ("a,x,0,0,1,nan", "line 2: ymax is 'nan', where a finite number is expected"),
        ("a,x,0,,1,1", "line 2: ymin is '', where a finite number is expected"),
        ("a,x,0,zero,1,1", "line 2: ymin is 'zero', where a finite number is expected"),
        ("a,,0,0,1,1", "line 2: no class; name it"),
        (",x,0,0,1,1", "line 2: no image; name its file"),
        ("a,x,0,0,1", "line 2: 5 cells, where the headings are 6"),
        ("a,x,0,0,1,1,9", "line 2: 7 cells, where the headings are 6"),
        ('a,"x,0,0,1,1', "line 2: no row of a table (unexpected end of data)"),
    ],
)
def test_rows_that_are_none(tmp_path, row, what):
    assert refused(tmp_path / "a.csv", HEADER, row).startswith(what)


def test_an_image_with_and_without_boxes(tmp_path):
    what = "line 3: a has boxes, and a row without any; take that row out"
    assert refused(tmp_path / "a.csv", HEADER, "a,x,0,0,1,1", "a,,,,,") == what
    assert refused(tmp_path / "a.csv", HEADER, "a,,,,,", "a,x,0,0,1,1") == what


def test_a_column_that_is_missing(tmp_path):
    assert refused(tmp_path / "a.csv", "image,class,xmin,ymin,xmax", "a,x,0,0,1") == (
        "line 1: no column for ymax (there are: image, class, xmin, ymin, xmax); begin with a line such as "
        "image,class,xmin,ymin,xmax,ymax"
    )
    assert refused(tmp_path / "a.csv", HEADER) == "no rows below the headings; write a row for each box"


def test_real_data(shared_data):
    found = read_box_table(shared_data / "bccd" / "single_cell.csv")
    assert len(found) == 277
    assert (found[0].names, found[0].split, found[0].boxes_xyxy.tolist()) == (
        ("NEUTROPHIL",),
        "val",
        [[260, 177, 491, 376]],
    )
