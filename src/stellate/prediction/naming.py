"""Which files are meant, and what their outputs are called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from .. import io
from ..errors import InputError
from .outputs import read_run

__all__ = ["find_images", "is_output", "output_names"]


def find_images(images: str | Path | Iterable[str | Path]) -> list[Path]:
    """Files from files, folders and patterns, as `stellate.io.list_images` reads them; each once.

    What stands for no image is kept as it is, so that it can be reported beside the others. Of several files,
    those that an earlier run wrote (the label images, when results lie beside their images) are passed over.
    """
    given = [images] if isinstance(images, str | Path) else images
    found: dict[Path, Path] = {}
    for entry in given:
        try:
            paths = io.list_images(entry)
        except InputError:
            paths = [Path(entry)]
        for path in paths:
            found.setdefault(path.resolve(), path)
    paths = list(found.values())
    return [path for path in paths if not is_output(path)] if len(paths) > 1 else paths


def is_output(path: Path) -> bool:
    """Whether a file was written by an earlier run, into the folder where it still is."""
    stem, _, _ = path.name.rpartition("_")
    while stem:
        run = read_run(path.parent, stem)
        if run is not None:
            return path.name in run.outputs
        stem, _, _ = stem.rpartition("_")
    return False


def output_names(paths: Sequence[Path]) -> list[str]:
    """A name for the outputs of each file; no two alike, even to a disk for which a and A are the same.

    A file's name without its suffix, where that is its own. Files that share it are told apart by the suffix
    (``a_tif``, ``a_png``), else by the folder (``left_a``, ``right_a``), else by both, else by a number.
    """
    ways: list[Callable[[Path], str]] = [
        _stem,
        lambda p: f"{_stem(p)}_{_suffix(p)}",
        lambda p: f"{p.resolve().parent.name}_{_stem(p)}",
        lambda p: f"{p.resolve().parent.name}_{_stem(p)}_{_suffix(p)}",
    ]
    groups: dict[str, list[int]] = {}
    for k, path in enumerate(paths):
        groups.setdefault(_stem(path).casefold(), []).append(k)
    names = [_stem(path) for path in paths]
    for members in groups.values():
        if len(members) > 1:
            way = next((w for w in ways[1:] if _all_differ([w(paths[k]) for k in members])), ways[-1])
            for k in members:
                names[k] = way(paths[k])
    return _numbered(names)


def _stem(path: Path) -> str:
    name = path.name
    fitting = [s for s in io.SUFFIXES if name.lower().endswith(s) and len(name) > len(s)]
    return name[: -max(map(len, fitting))] if fitting else path.stem


def _suffix(path: Path) -> str:
    return path.name[len(_stem(path)) :].strip(".").replace(".", "_")


def _all_differ(names: list[str]) -> bool:
    return len({n.casefold() for n in names}) == len(names)


def _numbered(names: list[str]) -> list[str]:
    counts = Counter(n.casefold() for n in names)
    taken = {n for n, count in counts.items() if count == 1}
    result = []
    for name in names:
        chosen, number = name, 1
        while counts[name.casefold()] > 1 and chosen.casefold() in taken:
            number += 1
            chosen = f"{name}_{number}"
        taken.add(chosen.casefold())
        result.append(chosen)
    return result
