"""Tables of classes of images: headings, encodings, and that every slip is named with its line."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stellate.errors import InputError
from stellate.io.class_table import ImageClass, read_class_table, write_class_table

TEXT = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=12).filter(
    lambda text: text.isprintable() and unicodedata.is_normalized("NFC", text) and not {*text} & {*".\\"}
)


def read(path: Path, content: str | bytes) -> list[tuple[str, str, str | None, str]]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return [(row.file, row.name, row.split, row.group) for row in read_class_table(path)]


def refused(path: Path, content: str | bytes) -> str:
    with pytest.raises(InputError) as error:
        read(path, content)
    assert str(error.value).startswith(f"{path}: ")
    return str(error.value).removeprefix(f"{path}: ")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.dictionaries(TEXT, TEXT, min_size=1, max_size=5),
    split=st.sampled_from((None, "train", "val", "test")),
    group=st.sampled_from(("", "p,1")),
)
def test_what_is_written_is_read(tmp_path, names, split, group):
    rows = [ImageClass(file, name, split, group) for file, name in names.items()]
    write_class_table(tmp_path / "a.csv", rows)
    found = read_class_table(tmp_path / "a.csv")
    assert [(r.file, r.name, r.split, r.group) for r in found] == [
        (r.file, r.name, split, group) for r in rows
    ]
    assert [r.line for r in found] == list(range(2, len(rows) + 2))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_delimiters_ends_and_a_byte_order_mark(tmp_path, delimiter, end):
    lines = ["Image ID,remarks,CLASS_LABEL", "1,,2", "", "x.png,good,3.0"]
    text = "\ufeff" + end.join(lines).replace(",", delimiter) + end
    assert read(tmp_path / "a.csv", text) == [("1", "2", None, ""), ("x.png", "3", None, "")]


def test_names_with_delimiters_and_accents(tmp_path):
    text = 'file,class\n"a,1.png","T cell, CD8+"\ncafe\u0301.png,Ro\u0308hre\n'
    assert read(tmp_path / "a.csv", text) == [
        ("a,1.png", "T cell, CD8+", None, ""),
        ("caf\u00e9.png", "R\u00f6hre", None, ""),
    ]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "no line of headings; the first line names the columns"),
        (
            "image,area\na,1\n",
            "line 1: no column for class (there are: image, area); begin with a line such as image,class",
        ),
        ("a.png,2\nb.png,1\n", "line 1: no column for image, class (there are: a.png, 2); begin"),
        (
            "image,class,label\na,1,2\n",
            "line 1: the columns 'class' and 'label' may both be the class; keep one",
        ),
        ("image,class\n", "no rows below the headings; write a row for each image"),
        ("image,class\na,\n", "line 2: no class; name it"),
        ("image,class\n ,x\n", "line 2: no image; name its file"),
        ("image,class\na,x\nb,y\na,y\n", "line 4: a is stated in line 2 already; keep one of the two"),
        (
            "image,class,split\na,x,dev\n",
            "line 2: 'dev' is no part of the data; write one of train, training, val",
        ),
        (
            "image,class\na,b,c\n",
            "line 2: 3 cells, where the headings are 2; put names that hold a ',' into double",
        ),
        ("image,class\na,b\0\n", "line 2: "),
    ],
)
def test_tables_that_are_none(tmp_path, text, what):
    assert refused(tmp_path / "a.csv", text).startswith(what)


def test_other_encodings(tmp_path):
    text = "image,class\na,Röhre\n"
    assert (
        refused(tmp_path / "a.csv", text.encode("latin-1")) == "not a text in UTF-8; save it in that encoding"
    )
    assert (
        refused(tmp_path / "a.csv", text.encode("utf-16")) == "not a text in UTF-8; save it in that encoding"
    )
    # far from the beginning, where it is read piece by piece
    late = b"image,class\n" + b"".join(b"%d,x\n" % k for k in range(20_000)) + "a,é\n".encode("latin-1")
    assert refused(tmp_path / "a.csv", late) == "not a text in UTF-8; save it in that encoding"
    with pytest.raises(InputError, match=r"b\.csv: no such file"):
        read_class_table(tmp_path / "b.csv")


def test_real_data(shared_data):
    found = read_class_table(shared_data / "wbc_zheng2018" / "class_labels.csv")
    assert (len(found), found[0]) == (300, ImageClass("1", "2", line=2))
