"""The header of a safetensors file, read as if everything in it were a lie.

The format: 8 bytes with the length of a JSON header (little-endian), the header, the weights. The header says
the type, shape and place of each weight, and has free text under ``__metadata__``.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import ModelFileError

__all__ = ["read_header", "refuse_constant"]

# A header with a thousand weights and a long model card takes a tenth of a megabyte.
LARGEST_HEADER = 16 * 2**20
BYTES_OF = {
    "F64": 8,
    "F32": 4,
    "F16": 2,
    "BF16": 2,
    "I64": 8,
    "I32": 4,
    "I16": 2,
    "I8": 1,
    "U8": 1,
    "BOOL": 1,
}


def read_header(path: Path) -> dict[str, Any]:
    """Read and check the JSON header of a safetensors file.

    Returns
    -------
    dict
        ``dtype``, ``shape`` and ``data_offsets`` by weight, and ``__metadata__`` if there is any.

    Raises
    ------
    ModelFileError
        If the file is something else (pickles are named as such and never loaded), or is damaged.
    """
    if path.is_dir():
        raise ModelFileError(
            f"{path} is a folder, not a model file; a StarDist folder needs `stellate convert` first"
        )
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            start = file.read(8)
            length = int.from_bytes(start, "little")
            if len(start) < 8 or not 2 <= length <= LARGEST_HEADER:
                raise ModelFileError(
                    f"{path}: {_what_else(start)}; expected a .safetensors file made by stellate"
                )
            text = file.read(length)
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read ({error.strerror or error})") from error
    if len(text) < length:
        raise ModelFileError(
            f"{path}: its header should have {length} bytes, the file ends before; fetch it again"
        )
    try:
        header = json.loads(text.decode(), parse_constant=refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{path}: {_what_else(start)}; its header is no JSON ({error})") from error
    if not isinstance(header, dict):
        raise ModelFileError(f"{path}: its header is no JSON object; the file is not a model")
    _check_extents(path, header, size - 8 - length)
    return header


def _what_else(start: bytes) -> str:
    """Say what a file is that begins with `start`, in words that follow its name."""
    if not start:
        return "the file is empty"
    never = "stellate never loads pickles, for they can run code; save the weights as .safetensors instead"
    known = {
        b"PK\x03\x04": f"this is a zip, perhaps PyTorch weights (.pt), which hold a pickle: {never}",
        b"\x89HDF": "this is an HDF5 file, perhaps Keras weights; give the StarDist folder around it instead",
        b"\x89PNG": "this is a PNG image",
        b"II*\x00": "this is a TIFF image",
        b"MM\x00*": "this is a TIFF image",
    }
    known |= {bytes([0x80, protocol]): f"this is a Python pickle: {never}" for protocol in range(2, 6)}
    return next((what for magic, what in known.items() if start.startswith(magic)), "this is no model file")


def refuse_constant(text: str) -> None:
    """Refuse ``NaN`` and ``Infinity``, which Python's JSON reader would let pass."""
    raise ValueError(f"{text} is not allowed")


def _check_extents(path: Path, header: Mapping[str, Any], available: int) -> None:
    """Every weight's bytes must be as many as its shape asks for, and lie inside the file."""
    end = 0
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        try:
            start, stop = (int(i) for i in entry["data_offsets"])
            shape = [int(n) for n in entry["shape"]]
            wanted = math.prod(shape) * BYTES_OF[entry["dtype"]]
        except (TypeError, KeyError, ValueError) as error:
            raise ModelFileError(f"{path}: the header's entry for weight {name!r} makes no sense") from error
        if min(shape, default=0) < 0 or start < 0 or stop - start != wanted:
            raise ModelFileError(
                f"{path}: weight {name!r} has {stop - start} bytes, its shape asks for {wanted}"
            )
        end = max(end, stop)
    if end != available:
        what = (
            "the file was cut off; fetch it again"
            if end > available
            else "something was appended to the file"
        )
        raise ModelFileError(f"{path}: its weights should take {end} bytes, there are {available}: {what}")
