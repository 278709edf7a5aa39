"""COCO: one JSON for many images, boxes as x, y, width and height, x and y at pixel edges.

Ids of categories are any numbers, often from 1; here classes have ids from 0, in the order of the file's, and keep
their names. Regions of crowds (``iscrowd``) are no single objects, and are left out.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

import numpy as np

from ..errors import InputError
from .annotation_text import check_size, class_name, finite
from .atomic import atomic
from .content import damaged_file_errors
from .image_boxes import ImageBoxes

__all__ = ["CocoBoxes", "read_coco", "write_coco"]

_MOST_BYTES = 2**29
_PARTS = ("images", "annotations", "categories")


class CocoBoxes(NamedTuple):
    """What a file says.

    Attributes
    ----------
    images
        All images, those without boxes too, in the order of the file.
    class_names
        Names of all categories, by class id from 0.
    n_crowds
        Regions of crowds that were left out.
    """

    images: tuple[ImageBoxes, ...]
    class_names: tuple[str, ...]
    n_crowds: int = 0


def read_coco(path: str | os.PathLike[str]) -> CocoBoxes:
    """Read the boxes of all images.

    Parameters
    ----------
    path
        The JSON file.

    Raises
    ------
    InputError
        If the file is missing, truncated, too large or of another kind; if ids or files occur twice, an annotation is
        of an image or category that is not there, or its ``bbox`` is not four finite numbers.
    """
    file = Path(path)
    content = _content(file)
    categories = _by_id(file, "category", content["categories"])
    names = {
        key: class_name(str(categories[key].get("name", "")), f"{file}: category {key}") for key in categories
    }
    ordered = tuple(names[key] for key in sorted(names))
    if twice := {name for name in ordered if ordered.count(name) > 1}:
        raise InputError(f"{file}: two categories are called {min(twice)!r}; give each a name of its own")
    images = _by_id(file, "image", content["images"])
    boxes: dict[int, list[tuple[str, list[float], str]]] = {key: [] for key in images}
    n_crowds = 0
    for number, item in enumerate(content["annotations"], start=1):
        where = f"{file}: annotation {number}"
        if not isinstance(item, dict):
            raise InputError(f"{where}: expected an object, got {_short(item)}; export the file again")
        image = _known(item, "image", images, where)
        category = _known(item, "category", categories, where)
        if item.get("iscrowd"):
            n_crowds += 1
            continue
        boxes[image].append((names[category], _box(item.get("bbox"), where), f"annotation {number}"))
    return CocoBoxes(
        tuple(_image_boxes(file, images[key], found) for key, found in boxes.items()), ordered, n_crowds
    )


def write_coco(
    path: str | os.PathLike[str], images: Sequence[ImageBoxes], class_names: Sequence[str]
) -> None:
    """Write the boxes of images; ids count from 1, as most programs expect.

    Parameters
    ----------
    path
        The JSON file; its folder is made where it is missing.
    images
        With their sizes, which the format demands.
    class_names
        All names, by class id from 0.

    Raises
    ------
    InputError
        If the size of an image is not known, or a class is not among the names.
    OutputError
        If the disk is full or does not permit it.
    """
    ids = {name: number for number, name in enumerate(class_names, start=1)}
    listed: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, image in enumerate(images, start=1):
        if image.size is None:
            raise InputError(f"{image.file}: COCO states the size of each image, which is not known; give it")
        listed.append(
            {"id": number, "file_name": image.file, "height": image.size[0], "width": image.size[1]}
        )
        for name, box in zip(image.names, image.boxes_xyxy.tolist(), strict=True):
            if name not in ids:
                raise InputError(f"{image.file}: of the class {name!r}, which is not among the names; add it")
            width, height = box[2] - box[0], box[3] - box[1]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": ids[name],
                    "bbox": [box[0], box[1], width, height],
                    "area": width * height,
                    "iscrowd": 0,
                }
            )
    content = {
        "images": listed,
        "annotations": annotations,
        "categories": [{"id": number, "name": name} for name, number in ids.items()],
    }
    with atomic(path) as draft:
        draft.write_text(json.dumps(content, ensure_ascii=False, allow_nan=False), encoding="utf-8")


def _content(file: Path) -> dict[str, list[Any]]:
    with damaged_file_errors(file, remedy="export it again"):
        check_size(file, _MOST_BYTES, "export parts of the data apart")
        try:
            content = json.loads(file.read_text(encoding="utf-8-sig"))
        except UnicodeDecodeError as error:
            raise InputError(f"{file}: not a text in UTF-8; export it again") from error
        except json.JSONDecodeError as error:
            raise InputError(
                f"{file}: line {error.lineno}: no whole JSON ({error.msg}); export it again"
            ) from error
        except RecursionError as error:
            raise InputError(f"{file}: nested too deeply to be COCO; export it again") from error
    found = content if isinstance(content, dict) else {}
    missing = [part for part in _PARTS if not isinstance(found.get(part), list)]
    if missing:
        raise InputError(
            f"{file}: no list called {', '.join(missing)}; COCO files have {', '.join(_PARTS)}, so export it as COCO "
            "for detection"
        )
    return found


def _by_id(file: Path, kind: str, items: list[Any]) -> dict[int, Mapping[str, Any]]:
    found: dict[int, Mapping[str, Any]] = {}
    for number, item in enumerate(items, start=1):
        key = item.get("id") if isinstance(item, dict) else None
        if not _is_id(key):
            raise InputError(
                f"{file}: {kind} {number} has no id that is a whole number; export the file again"
            )
        if key in found:
            raise InputError(f"{file}: two of kind {kind} have the id {key}; export the file again")
        found[key] = item
    return found


def _known(item: Mapping[str, Any], kind: str, known: Mapping[int, Any], where: str) -> int:
    key = item.get(f"{kind}_id")
    if not _is_id(key) or key not in known:
        raise InputError(f"{where}: of the {kind} {_short(key)}, which is not in the file; export it again")
    return int(key)


def _is_id(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _box(value: Any, where: str) -> list[float]:
    if not isinstance(value, list) or len(value) != 4:
        raise InputError(
            f"{where}: bbox is {_short(value)}, where x, y, width and height are expected; add it"
        )
    x, y, width, height = (
        finite(v, where, n) for v, n in zip(value, ("x", "y", "width", "height"), strict=True)
    )
    return [x, y, x + width, y + height]


def _image_boxes(
    file: Path, item: Mapping[str, Any], found: list[tuple[str, list[float], str]]
) -> ImageBoxes:
    name = item.get("file_name")
    if not isinstance(name, str) or not name.strip():
        raise InputError(f"{file}: image {item['id']} has no file_name; export the file again")
    height, width = item.get("height"), item.get("width")
    stated = (height, width) if _is_id(height) and _is_id(width) and min(height, width) > 0 else None
    return ImageBoxes(
        name,
        np.array([box for _, box, _ in found], dtype=np.float64).reshape(-1, 4),
        tuple(of for of, _, _ in found),
        size=stated,
        places=tuple(place for _, _, place in found),
    )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 40 else f"{text[:37]}..."
