"""Tables and JSON of classes: what is read, and that every slip is named with its line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stellate.errors import InputError
from stellate.io.class_file import read_class_file, read_class_names


def rows(path: Path, content: str | bytes, *, images: bool = False) -> list[tuple]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return [tuple(row) for row in read_class_file(path, images=images)]


def refused(path: Path, content: str | bytes, *, images: bool = False) -> str:
    with pytest.raises(InputError) as error:
        rows(path, content, images=images)
    assert str(error.value).startswith(f"{path}: ")
    return str(error.value).removeprefix(f"{path}: ")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_table_with_columns_of_its_own(tmp_path, delimiter, end):
    lines = ["Class,area,LABEL", "tumour,1.5,7", "", ",2.5,8", "3.0, 4,9.0"]
    text = "\ufeff" + end.join(lines).replace(",", delimiter) + end
    assert rows(tmp_path / "a.csv", text) == [("", 7, "tumour", 2), ("", 8, None, 4), ("", 9, 3, 5)]


def test_names_may_hold_the_delimiter_and_any_script(tmp_path):
    text = 'label,class\n1,"T cell, CD8+"\n2,cafe\u0301\n'
    assert rows(tmp_path / "a.csv", text) == [("", 1, "T cell, CD8+", 2), ("", 2, "caf\u00e9", 3)]


def test_a_table_that_pandas_writes(tmp_path):
    """Whole numbers beside a gap become floats."""
    table = pd.DataFrame({"label": [1.0, 70_000.0, 3e6], "class": [2.0, np.nan, 11.0]})
    assert rows(tmp_path / "a.csv", table.to_csv()) == [
        ("", 1, 2, 2),
        ("", 70_000, None, 3),
        ("", 3_000_000, 11, 4),
    ]


def test_a_table_of_many_images(tmp_path):
    text = "image,label,class\na.tif,1,2\ntrain/b,1,\n"
    assert rows(tmp_path / "classes.csv", text, images=True) == [("a.tif", 1, 2, 2), ("train/b", 1, None, 3)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("label,class\n1,2\n2,0\n", "line 3: class 0 is the background"),
        ("label,class\n0,2\n", "line 2: '0' is no label of an object"),
        ("label,class\n-4,2\n", "line 2: '-4' is no label"),
        ("label,class\n1.5,2\n", "line 2: '1.5' is no label"),
        ("label,class\n99999999999999999999,2\n", "line 2: '99999999999999999999' is no label"),
        ("label,class\n1,-1\n", "line 2: -1 is no number of a class"),
        (
            "label,class\n1,T cell, CD8\n",
            "line 2: 3 cells, where the header has 2; put names that hold a ','",
        ),
        ("label,class\n1\n", "line 2: 1 cells, where the header has 2"),
        ("id,class\n1,2\n", "line 1: expected a header with the columns label, class, got 'id,class'"),
        ("1,2\n3,4\n", "line 1: expected a header"),
        ("label,class,Class\n1,2,3\n", "line 1: two columns are called class"),
        ("", "line 1: expected a header with the columns label, class, got ''"),
        ('label,class\n1,"a\n', "line 2: no row of a table"),
        (f"label,class\n1,{'x' * 101}\n", r"line 2: 'x+'... is no name of a class"),
        ("label,class\n1,a\0b\n", "line 2: .* is no name of a class"),
        ('label,class\n1,"a\nb"\n', "line 3: .* is no name of a class"),
        (f"label,class\n1,{'x' * 200_000}\n", "line 2: no row of a table"),
        ("label,class\n1,t\u00fcmor\n".encode("latin-1"), "not a text in UTF-8; save it in that encoding"),
        ("label,class\n1,2\n".encode("utf-16"), "not a text in UTF-8"),
        (b"PK\x03\x04\x14\0\x06\0", "line 1: expected a header"),
    ],
)
def test_a_slip_in_a_table_is_named_with_its_line(tmp_path, text, message):

    assert re.match(message, refused(tmp_path / "a.csv", text))


def test_the_class_dict_of_stardist(tmp_path):
    text = '{"1": 2,\n "2": null,\n "7": "round", "9": " 3 ",\n "11": 4.0, "12": ""}'
    assert rows(tmp_path / "a.json", text) == [
        ("", 1, 2, 1),
        ("", 2, None, 2),
        ("", 7, "round", 3),
        ("", 9, 3, 3),
        ("", 11, 4, 4),
        ("", 12, None, 4),
    ]


def test_a_json_of_many_images(tmp_path):
    text = '{"a": {"1": ": \\"2\\": ",\n "3": 1},\n "b.tif": {},\n "c": {"1": null}}'
    assert rows(tmp_path / "classes.json", text, images=True) == [
        ("a", 1, ': "2":', 1),
        ("a", 3, 1, 2),
        ("c", 1, None, 4),
    ]


@pytest.mark.parametrize(
    ("text", "images", "message"),
    [
        ('{"1": 1,\n "2": 0}', False, "line 2: class 0 is the background"),
        ('{"0": 1}', False, "line 1: '0' is no label of an object"),
        ('{"one": 1}', False, "line 1: 'one' is no label of an object"),
        ('{"1": -2}', False, "line 1: -2 is no number of a class"),
        ('{"1": 1,\n\n"2": true}', False, "line 3: label 2: true is no class"),
        ('{"1": 1.5}', False, "line 1: label 1: 1.5 is no class"),
        ('{"1": NaN}', False, "line 1: label 1: NaN is no class"),
        ('{"1": [1, 2]}', False, "line 1: label 1: a list is no class"),
        ('{"1": {"2": 3}}', False, "line 1: label 1: an object is no class"),
        ('{"1": 1e30}', False, "line 1: 1000000000000000019884624838656 is no number of a class"),
        ('{"1": 2,\n "2": }', False, "line 2: no JSON"),
        ("", False, "line 1: no JSON"),
        ("[1, 2]", False, "line 1: expected an object, label to class, got a list"),
        (
            '{"a": {"1": 1},\n "b": 3}',
            True,
            "line 2: expected an object, label to class, for the image 'b', got 3",
        ),
        ("[" * 100_000, False, "nested too deeply"),
        (f'{{"1": {"9" * 5000}}}', False, "cannot be decoded"),
    ],
)
def test_a_slip_in_a_json_is_named_with_its_line(tmp_path, text, images, message):
    assert refused(tmp_path / "a.json", text, images=images).startswith(message)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.integers(1, 2**40).map(str),
        st.none() | st.integers(1, 99) | st.sampled_from(['"', ":", '": {', "\\", "a b", "{}"]),
    ),
    st.sampled_from([None, 1]),
)
def test_lines_and_values_are_those_of_the_json(tmp_path, content, indent):
    text = json.dumps(content, indent=indent)
    found = rows(tmp_path / "a.json", text)
    assert [(str(label), value) for _, label, value, _ in found] == list(content.items())
    for _, label, _, line in found:
        assert f'"{label}":' in text.splitlines()[line - 1]


def test_a_file_too_large_is_not_read(tmp_path):
    path = tmp_path / "a.json"
    with path.open("wb") as file:
        file.truncate(2**26 + 1)
    with pytest.raises(InputError, match="67,108,865 bytes, where at most 67,108,864 are read"):
        list(read_class_file(path))


def test_a_file_that_is_gone(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        list(read_class_file(tmp_path / "a.csv"))


def test_the_list_of_names(tmp_path):
    path = tmp_path / "class_names.txt"
    path.write_bytes("\ufeffround\r\n long \r\ncafe\u0301\r\n\r\n".encode())
    assert read_class_names(path) == ("round", "long", "caf\u00e9")
    for text, message in (
        ("a\n\nb\n", "line 2: an empty line"),
        ("\n\n", "names no class"),
        ("a\tb", "line 1: "),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=message):
            read_class_names(path)
    path.write_bytes(b"\xff\xfea\0")
    with pytest.raises(InputError, match="not a text in UTF-8"):
        read_class_names(path)
