"""What a table says of the values of masks, and tables that are refused."""

from __future__ import annotations

import pytest

from stellate.errors import InputError
from stellate.io.mask_class_file import read_mask_classes


@pytest.mark.parametrize(
    ("text", "names", "ignore"),
    [
        ("value,class\n0,ground\n128,plasma\n255,\n", {0: "ground", 128: "plasma"}, (255,)),
        ("Class;Value\nnucleus;#FF0010\n\n;#ffffff\n", {(255, 0, 16): "nucleus"}, ((255, 255, 255),)),
        ('\ufeffvalue\tclass\tnote\r\n3\t"a, b"\tx\r\n1\ta\r\n0\r\n', {3: "a, b", 1: "a"}, (0,)),
        ("value,class\n1,cell\n2,cell\n", {1: "cell", 2: "cell"}, ()),
    ],
)
def test_tables_are_read_in_their_order(tmp_path, text, names, ignore):
    path = tmp_path / "mask_classes.csv"
    path.write_text(text, encoding="utf-8")
    rows = read_mask_classes(path)
    assert list(rows.names.items()) == list(names.items())
    assert rows.ignore == ignore


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "line 1: expected a header with the columns value and class, got ''"),
        (b"number,name\n", "line 1: expected a header with the columns value and class, got 'number,name'"),
        (b"value,class\n", "line 1: no value has the name of a class"),
        (b"value,class\n7,\n", "line 1: no value has the name of a class"),
        (b"value,class\n0,a\nred,b\n", "line 3: 'red' is neither a number from 0 nor a colour"),
        (b"value,class\n-1,a\n", "line 2: '-1' is neither a number from 0"),
        (b"value,class\n#ff00,a\n", "line 2: '#ff00' is neither"),
        (b"value,class\n1,a\n1,b\n", "line 3: the value 1 for the second time"),
        (b"value,class\n1,a\n1,\n", "line 3: the value 1 for the second time"),
        (b"value,class\n1,a\x07\n", "line 2: 'a\\x07' is no name"),
        (b"value,class\n1,\xff\n", "not a text in UTF-8"),
        (b"value,class\n" + b"1" * 2**20, "more than 1,048,576 bytes"),
    ],
)
def test_what_is_no_such_table_is_refused(tmp_path, content, message):
    path = tmp_path / "mask_classes.csv"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_mask_classes(path)
    assert f"{path}: " in str(caught.value)
    assert message in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"mask_classes\.csv: no such file"):
        read_mask_classes(tmp_path / "mask_classes.csv")
