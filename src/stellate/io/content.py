"""What a file really holds, whatever its name says."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import InputError, StellateError

__all__ = ["check_content", "check_declared_size", "damaged_file_errors", "identify"]

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x93NUMPY", "NPY"),
    (b"GIF8", "a GIF picture"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 picture"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive (or an .npz, .docx or similar file)"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"ZISRAWFILE", "a Zeiss CZI file"),
    (b"\xda\xce\xbe\x0a", "a Nikon ND2 file"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an OLE2 file (Olympus OIB, Zeiss ZVI or an old Office document)"),
    (b"\x70\0\0\0", "a Leica LIF file"),
    (b"\x80\x02", "a Python pickle"),
    (b"\x80\x03", "a Python pickle"),
    (b"\x80\x04", "a Python pickle"),
    (b"\x80\x05", "a Python pickle"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself (run: git lfs pull)"),
)
_BMP_HEADERS = (12, 40, 52, 56, 64, 108, 124)  # lengths of the second header; "BM" alone could begin a text
_EXPANSION = 1100  # deflate cannot expand more than 1032 times; the codecs of ordinary images stay below it
_ALWAYS_ALLOWED = 2**30  # bytes; below this even a bomb does no harm


def identify(path: Path) -> str:
    """Tell what a file is by its first bytes.

    Returns
    -------
    str
        ``"TIFF"``, ``"PNG"``, ``"JPEG"``, ``"BMP"`` or ``"NPY"``; for anything else a phrase that describes
        it.

    Raises
    ------
    InputError
        If the file is missing, a folder, not readable, or empty.
    """
    with damaged_file_errors(path), path.open("rb") as file:
        head = file.read(512)
    if not head:
        raise InputError(f"{path}: the file is empty (0 bytes); copy it again from its source")
    for signature, kind in _SIGNATURES:
        if head.startswith(signature):
            return kind
    if head[:2] == b"BM" and len(head) >= 18 and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "BMP"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "a WebP picture"
    if head[4:8] == b"ftyp":
        return "a HEIF picture or an MPEG-4 film"
    if not any(head):
        return "nothing but zero bytes (a copy or download that did not finish)"
    return _identify_text(head)


def _identify_text(head: bytes) -> str:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head")):
        return "a web page (HTML); often an error page saved in place of a download"
    if text.startswith((b"<?xml", b"<svg")):
        return "an XML or SVG document"
    if b"\0" not in head and all(byte >= 32 or byte in b"\t\r\n\f\x1b" for byte in head):
        return "a text file"
    return "of no kind that stellate knows"


def check_content(path: Path, expected: str) -> None:
    """Refuse a file whose content is not what its name says.

    Parameters
    ----------
    path
        The file.
    expected
        ``"TIFF"``, ``"PNG"``, ``"JPEG"``, ``"BMP"`` or ``"NPY"``.

    Raises
    ------
    InputError
        If the file cannot be read or is something else.
    """
    kind = identify(path)
    if kind == expected:
        return
    if kind.isupper():
        raise InputError(
            f"{path}: the name says {expected}, but the content is {kind}; rename it to .{kind.lower()}"
        )
    raise InputError(f"{path}: expected {expected}, but this is {kind}; export the image as TIFF or PNG")


def check_declared_size(path: Path, shape: tuple[int, ...], dtype: npt.DTypeLike) -> None:
    """Refuse a file that declares no pixels, or far more than its bytes can hold (a decompression bomb).

    Raises
    ------
    InputError
        If a dimension is 0, or the pixels take over 1 GiB and over 1100 times the size of the file.
    """
    if 0 in shape:
        raise InputError(f"{path}: the image has no pixels (shape {shape}); export it again")
    declared = math.prod(shape) * np.dtype(dtype).itemsize
    if declared > max(_ALWAYS_ALLOWED, _EXPANSION * path.stat().st_size):
        raise InputError(
            f"{path}: a file of {path.stat().st_size:,} bytes declares an image of shape {shape} "
            f"({declared / 2**30:.1f} GiB), more than it can hold; it is damaged or hostile"
        )


@contextmanager
def damaged_file_errors(
    path: Path, *, remedy: str = "copy it again, or export it as an uncompressed TIFF"
) -> Iterator[None]:
    """Turn whatever a decoder raises into an `InputError` that names the file and the remedy."""
    try:
        yield
    except StellateError:
        raise
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except IsADirectoryError as error:
        raise InputError(
            f"{path}: this is a folder; name the files in it, or give a pattern such as *.tif"
        ) from error
    except PermissionError as error:
        what = "this is a folder" if path.is_dir() else "no permission to read it"
        raise InputError(f"{path}: {what}") from error
    except MemoryError as error:
        raise InputError(
            f"{path}: does not fit into memory; save it as a tiled TIFF, which is read in parts"
        ) from error
    # A damaged or hostile file can make a decoder fail in any way, so there is no narrower list to name.
    except Exception as error:
        reason = str(error).split("\n")[0][:200] or type(error).__name__
        raise InputError(
            f"{path}: cannot be decoded ({reason}); it is truncated, damaged, or of a kind that is not "
            f"supported; {remedy}"
        ) from error
