"""Files and folders appear whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import OutputError

__all__ = ["atomic", "atomic_folder", "check_writable"]

# What the folder or the disk is to blame for; any other OSError is passed on as it is.
_REMEDIES = {
    errno.ENOSPC: "the disk is full; free some space or choose another folder",
    errno.EDQUOT: "your share of the disk is used up; free some space or choose another folder",
    errno.EFBIG: "the file is larger than the disk or your limits allow; choose another folder",
    errno.EACCES: "no permission to write there, or another program holds the file open",
    errno.EPERM: "no permission to write there",
    errno.EROFS: "the disk is read-only; choose another folder",
    errno.ENOTDIR: "part of the path is a file, not a folder",
    errno.ENAMETOOLONG: "the name is too long",
}
_NO_FOLDER = {
    errno.EEXIST: _REMEDIES[errno.ENOTDIR],
    errno.ENOENT: "the folder cannot be made; choose another",
}


@contextmanager
def atomic(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Write a file through a temporary one beside it.

    The folder is made where it is missing. What the block wrote to the temporary path takes the place of
    `path` when the block ends, in one step; if it ends with any exception, Ctrl-C included, the temporary
    file is removed and an older `path` stays as it was.

    Parameters
    ----------
    path
        The file to write.

    Yields
    ------
    Path
        The temporary path, with the suffix of `path`.

    Raises
    ------
    OutputError
        If the disk is full or read-only, or the folder does not permit it.
    """
    target = Path(path)
    # The suffix stays last (libraries choose a format by it), and the name stays within the limit of 255
    # bytes.
    draft = target.with_name(f".{secrets.token_hex(6)}.part{target.suffix}")
    try:
        _make_folder(target)
        yield draft
        draft.replace(target)
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0)
        if remedy is None or isinstance(error, OutputError):
            raise
        raise OutputError(
            error.errno, f"cannot write {target.name} into {target.parent}: {remedy}"
        ) from error
    finally:
        with suppress(OSError):  # already in its place, or never made
            draft.unlink()


@contextmanager
def atomic_folder(path: str | os.PathLike[str], *, replace: bool = False) -> Iterator[Path]:
    """Write a folder through a temporary one beside it.

    What the block wrote into the temporary folder takes the place of `path` when the block ends; if it ends with any
    exception, Ctrl-C included, the temporary folder is removed and an older `path` stays as it was.

    Parameters
    ----------
    path
        The folder to make; folders above it are made where they are missing.
    replace
        Whether it takes the place of a folder that is there and not empty, with all that is in it.

    Yields
    ------
    Path
        The temporary folder.

    Raises
    ------
    OutputError
        If the disk is full or read-only, the folder above does not permit it, or there is a file, or a folder that is
        not to be replaced.
    """
    target = Path(os.path.abspath(path))  # noqa: PTH100 - a link stays what it is
    draft = target.with_name(f".{secrets.token_hex(6)}.part")
    try:
        _make_folder(target)
        draft.mkdir()
        yield draft
        _put_in_place(draft, target, replace)
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0)
        if remedy is None or isinstance(error, OutputError):
            raise
        raise OutputError(
            error.errno, f"cannot write {target.name}/ into {target.parent}: {remedy}"
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)  # in its place already, or never made


def _put_in_place(draft: Path, target: Path, replace: bool) -> None:
    if not target.exists():
        draft.rename(target)
        return
    if not target.is_dir() or (any(target.iterdir()) and not replace):
        raise OutputError(errno.EEXIST, f"{target}: is there already; name another folder, or replace it")
    aside = target.with_name(f".{secrets.token_hex(6)}.old")
    target.rename(aside)
    try:
        draft.rename(target)
    except BaseException:
        aside.rename(target)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _make_folder(target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if (remedy := _NO_FOLDER.get(error.errno or 0)) is None:
            raise
        raise OutputError(
            error.errno, f"cannot write {target.name} into {target.parent}: {remedy}"
        ) from error


def check_writable(folder: str | os.PathLike[str]) -> None:
    """See that a folder, or one that is to be made, can be written into, before long work begins. Leaves nothing.

    Raises
    ------
    OutputError
        If it cannot.
    """
    folder = Path(folder)
    there = next((p for p in (folder, *folder.absolute().parents) if p.exists()), folder)
    trial = there / f".{secrets.token_hex(6)}.trial"
    try:
        trial.touch()
        trial.unlink()
    except OSError as error:
        code = error.errno or 0
        remedy = {**_REMEDIES, **_NO_FOLDER}.get(code, "choose another folder")
        raise OutputError(code, f"cannot write into {folder}: {remedy}") from error
