"""Tables as CSV."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from ..errors import InputError
from .atomic import atomic
from .content import damaged_file_errors

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["read_table", "write_table"]


def write_table(path: str | os.PathLike[str], table: pd.DataFrame | Mapping[str, npt.ArrayLike]) -> None:
    """Write a table as CSV: UTF-8, a header, commas, decimal points, empty where a number is missing.

    Parameters
    ----------
    path
        The file; its folder is made where it is missing.
    table
        A data frame, or columns of equal length by name. Floats are written with 9 digits, which a float32
        needs.

    Raises
    ------
    OutputError
        If the disk is full or does not permit it.
    """
    import pandas as pd  # takes a third of a second to import, and reading images does not need it

    frame = table if isinstance(table, pd.DataFrame) else pd.DataFrame(dict(table))
    with atomic(path) as draft:
        frame.to_csv(draft, index=False, float_format="%.9g", lineterminator="\n", encoding="utf-8")


def read_table(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a CSV table that `write_table` wrote.

    Raises
    ------
    InputError
        If the file is missing, empty or no table.
    """
    import pandas as pd

    file = Path(path)
    with damaged_file_errors(file, remedy="write it again"):
        frame: Any = pd.read_csv(file)
    if frame.shape[1] == 0:
        raise InputError(f"{file}: a table without columns")
    result: pd.DataFrame = frame
    return result
