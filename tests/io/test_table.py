"""Tables as CSV."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from stellate.errors import InputError
from stellate.io import read_table, write_table


def test_what_is_written_is_read_again(tmp_path):
    columns = {
        "label": np.arange(1, 4),
        "area_um2": np.array([1 / 3, np.nan, 1e12], np.float32),
        "touches_border": np.array([True, False, True]),
        "class": np.array(["Zelle, groß", "b", 'say "c"'], dtype=object),
    }
    write_table(tmp_path / "sub" / "t.csv", columns)
    table = read_table(tmp_path / "sub" / "t.csv")
    for name, values in columns.items():
        assert table[name].dtype.kind == pd.Series(values).dtype.kind
        if values.dtype.kind == "f":
            np.testing.assert_array_equal(table[name].astype(np.float32), values)
        else:
            assert table[name].tolist() == values.tolist()


def test_bytes_are_the_same_on_every_system(tmp_path):
    write_table(tmp_path / "t.csv", pd.DataFrame({"a": [1, 2], "b": [0.1, np.nan], "c": ["µ", "x"]}))
    assert (tmp_path / "t.csv").read_bytes() == "a,b,c\n1,0.1,µ\n2,,x\n".encode()


def test_no_objects_still_have_a_header(tmp_path):
    write_table(tmp_path / "t.csv", {"label": np.zeros(0, int), "area_px": np.zeros(0)})
    assert (tmp_path / "t.csv").read_text() == "label,area_px\n"
    assert list(read_table(tmp_path / "t.csv").columns) == ["label", "area_px"]


def test_refuses(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_table(tmp_path / "t.csv")
    (tmp_path / "t.csv").write_bytes(b"")
    with pytest.raises(InputError, match=r"t\.csv: cannot be decoded"):
        read_table(tmp_path / "t.csv")
