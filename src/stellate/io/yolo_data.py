"""``data.yaml`` of YOLO: the names of classes, and where the images of each part lie."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import yaml

from ..errors import InputError
from .annotation_text import check_size, class_name, split_name
from .atomic import atomic
from .content import damaged_file_errors

__all__ = ["YoloData", "read_names", "read_yolo_data", "write_yolo_data"]

_MOST_BYTES = 2**18
_PARTS = ("train", "val", "valid", "validation", "test")
_HIGHEST = 10**6


class YoloData(NamedTuple):
    """What a file says.

    Attributes
    ----------
    names
        Class names by number, in the order of the numbers; some may be missing in between.
    parts
        For each part (``"train"``, ``"val"``, ``"test"``) what it states: folders of images, or texts that list them.
    path
        The folder that these are in, as the file has it; empty if it says nothing.
    """

    names: Mapping[int, str]
    parts: Mapping[str, tuple[str, ...]]
    path: str = ""


def read_yolo_data(path: str | os.PathLike[str]) -> YoloData:
    """Read the names of classes and the places of images.

    All values are taken as they are written: a class called ``no`` or ``1.0`` keeps its name.

    Parameters
    ----------
    path
        The YAML file. Its ``names`` are a list or a mapping from numbers, its ``train``, ``val`` and ``test`` a folder,
        a text that lists files, or a list of these.

    Raises
    ------
    InputError
        If the file is missing, too large, or no such YAML; if there are no names or parts, two classes have one number
        or name, or it is about key points.
    """
    file = Path(path)
    top = _mapping(_tree(file), file)
    if "kpt_shape" in top:
        raise InputError(f"{_at(file, top['kpt_shape'])}: key points, which are not read; export boxes")
    if "names" not in top:
        raise InputError(f"{file}: no names of classes; add a line such as names: [cell, nucleus]")
    parts: dict[str, tuple[str, ...]] = {}
    for key in _PARTS:
        if key in top and (places := _places(top[key], file)):
            part = split_name(key, str(file)) or key
            if part in parts:
                raise InputError(
                    f"{_at(file, top[key])}: {key} is another name of {part}, which is there; keep one"
                )
            parts[part] = places
    if not parts:
        raise InputError(
            f"{file}: names no images; add lines such as train: images/train and val: images/val"
        )
    return YoloData(_names(top["names"], file), parts, _text(top["path"], file) if "path" in top else "")


def read_names(path: str | os.PathLike[str]) -> dict[int, str]:
    """Read a list of class names, such as ``classes.txt`` of labelImg: a name a line, the first of number 0.

    Raises
    ------
    InputError
        If it is missing, no text in UTF-8, or has empty lines between names, or a name twice.
    """
    file = Path(path)
    with damaged_file_errors(file, remedy="save it again as text, a name a line"):
        check_size(file, _MOST_BYTES, "write a name a line")
        try:
            lines = file.read_text(encoding="utf-8-sig").rstrip().split("\n")
        except UnicodeDecodeError as error:
            raise InputError(f"{file}: not a text in UTF-8; save it in that encoding") from error
    names = {k: class_name(line, f"{file}: line {k + 1}") for k, line in enumerate(lines)}
    _once(names, file)
    return names


def write_yolo_data(
    path: str | os.PathLike[str], class_names: Sequence[str], parts: Mapping[str, str]
) -> None:
    """Write the names of classes, and the folder of images of each part, relative to the file.

    Raises
    ------
    OutputError
        If the disk is full or does not permit it.
    """
    content = {**parts, "names": dict(enumerate(class_names))}
    with atomic(path) as draft:
        text = yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=1000)
        draft.write_text(text, encoding="utf-8", newline="\n")


def _tree(file: Path) -> yaml.Node:
    """The nodes of the file. They are never made into objects, and what is repeated by reference is not unfolded."""
    with damaged_file_errors(file, remedy="export it again"):
        check_size(file, _MOST_BYTES, "keep names and the places of images only")
        try:
            tree = yaml.compose(file.read_text(encoding="utf-8-sig"), Loader=yaml.BaseLoader)
        except UnicodeDecodeError as error:
            raise InputError(f"{file}: not a text in UTF-8; save it in that encoding") from error
        except yaml.MarkedYAMLError as error:
            line = f" line {error.problem_mark.line + 1}:" if error.problem_mark else ""
            what = error.problem or "it cannot be parsed"
            raise InputError(
                f"{file}:{line} no whole YAML ({what}); put texts with : or # into quotes"
            ) from error
        except yaml.YAMLError as error:
            raise InputError(
                f"{file}: no whole YAML ({str(error).splitlines()[0]}); export it again"
            ) from error
        except RecursionError as error:
            raise InputError(f"{file}: nested too deeply to be YOLO's; export it again") from error
    if tree is None:
        raise InputError(f"{file}: the file is empty; write names and the folders of images")
    return tree


def _mapping(node: yaml.Node, file: Path) -> dict[str, yaml.Node]:
    if not isinstance(node, yaml.MappingNode):
        raise InputError(
            f"{_at(file, node)}: no names with values, such as train: images/train; export it again"
        )
    found: dict[str, yaml.Node] = {}
    for key, value in node.value:
        name = _text(key, file)
        if name in found:
            raise InputError(f"{_at(file, key)}: {name[:40]!r} is there twice; keep one of them")
        found[name] = value
    return found


def _names(node: yaml.Node, file: Path) -> dict[int, str]:
    if isinstance(node, yaml.SequenceNode):
        items = list(enumerate(node.value))
    else:
        items = [(_number(key, value, file), value) for key, value in _mapping(node, file).items()]
    names = {k: class_name(_text(value, file), _at(file, value)) for k, value in items}
    if not names:
        raise InputError(f"{_at(file, node)}: names no class; write one name for each number")
    if len(names) < len(items):
        raise InputError(f"{_at(file, node)}: two names have the same number; keep one of them")
    _once(names, file)
    return dict(sorted(names.items()))


def _number(key: str, value: yaml.Node, file: Path) -> int:
    number = int(key) if key.isdecimal() and key.isascii() and len(key) < 10 else -1
    if not 0 <= number <= _HIGHEST:
        raise InputError(
            f"{_at(file, value)}: {key[:40]!r} is no number of a class; write numbers from 0, or a list"
        )
    return number


def _once(names: Mapping[int, str], file: Path) -> None:
    first: dict[str, int] = {}
    for number, name in names.items():
        if first.setdefault(name, number) != number:
            raise InputError(
                f"{file}: classes {first[name]} and {number} are both called {name!r}; rename one of them"
            )


def _places(node: yaml.Node, file: Path) -> tuple[str, ...]:
    """Folders or texts that a part names; none where it is left empty."""
    nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
    texts = tuple(_text(item, file).strip() for item in nodes)
    return tuple(text for text in texts if text and text not in ("null", "~"))


def _text(node: yaml.Node, file: Path) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise InputError(f"{_at(file, node)}: a list or mapping, where a text is expected; export it again")
    text: str = node.value
    return text


def _at(file: Path, node: yaml.Node) -> str:
    return f"{file}: line {node.start_mark.line + 1}"
