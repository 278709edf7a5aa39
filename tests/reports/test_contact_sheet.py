from __future__ import annotations

import numpy as np
import pytest

from stellate.errors import ConfigError, InputError
from stellate.reports.contact_sheet import contact_sheet
from stellate.reports.lettering import fitted, font


def tile(colour: tuple[int, int, int], shape: tuple[int, int] = (20, 30)) -> np.ndarray:
    return np.full((*shape, 3), colour, np.uint8)


def boxes(sheet: np.ndarray, colour: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """Rows and columns that a colour covers, as top, bottom, left, right."""
    rows, columns = np.nonzero((np.abs(sheet.astype(int) - colour) <= 2).all(axis=-1))
    return int(rows.min()), int(rows.max()) + 1, int(columns.min()), int(columns.max()) + 1


def test_pictures_stand_in_rows_at_their_size():
    colours = [(200, 30, 30), (30, 200, 30), (30, 30, 200)]
    sheet = contact_sheet([("a", tile(c)) for c in colours], columns=2, side=60)
    first, second, third = (boxes(sheet, c) for c in colours)
    assert [(b - t, r - left) for t, b, left, r in (first, second, third)] == [(40, 60)] * 3
    assert first[0] == second[0] < first[1] < third[0]
    assert first[2] == third[2] < first[3] < second[2]


def test_high_and_large_pictures_are_fitted():
    sheet = contact_sheet([("", tile((200, 30, 30), (900, 300)))], side=60)
    top, bottom, left, right = boxes(sheet, (200, 30, 30))
    assert (bottom - top, right - left) == (60, 20)


def test_captions_are_written_below_and_titles_above():
    plain = contact_sheet([("", tile((200, 30, 30)))], side=120)
    captioned = contact_sheet([("nuclei_01\n12 objects", tile((200, 30, 30)))], side=120)
    titled = contact_sheet([("", tile((200, 30, 30)))], side=120, title="Validation")
    below = boxes(captioned, (200, 30, 30))[1]
    assert (captioned[below:] < 128).any()
    assert not (plain[boxes(plain, (200, 30, 30))[1] :] < 128).any()
    above = boxes(titled, (200, 30, 30))[0]
    assert (titled[:above] < 128).any()
    assert above > boxes(plain, (200, 30, 30))[0]


def test_long_captions_stay_in_their_column():
    sheet = contact_sheet([("x" * 500, tile((200, 30, 30))), ("", tile((30, 200, 30)))], columns=2, side=100)
    right = boxes(sheet, (200, 30, 30))[3]
    below = sheet[boxes(sheet, (200, 30, 30))[1] :]
    assert (below[:, :right] < 128).any()
    assert not (below[:, right:] < 200).any()


def test_a_long_name_loses_its_middle():
    name = "plate_B03_" + "x" * 80 + "_field_7"
    short = fitted(name, 150, 13)
    assert short.startswith("plate_B03")
    assert short.endswith("field_7")
    assert 130 < font(13).getlength(short) <= 150
    assert fitted("short", 150, 13) == "short"
    assert fitted("wide", 3, 13) == "…"


def test_bad_input():
    with pytest.raises(InputError, match="no pictures"):
        contact_sheet([])
    with pytest.raises(InputError, match=r"'grey'.*\(h, w, 3\).*\(5, 5\) and float64"):
        contact_sheet([("grey", np.zeros((5, 5)))])
    with pytest.raises(ConfigError, match="columns 0"):
        contact_sheet([("a", tile((1, 1, 1)))], columns=0)
    with pytest.raises(ConfigError, match="side 3"):
        contact_sheet([("a", tile((1, 1, 1)))], side=3)
