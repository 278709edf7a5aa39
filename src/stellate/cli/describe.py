"""``stellate info`` and ``stellate models``: what a file or folder is, and which models ship."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from textwrap import indent
from typing import TYPE_CHECKING, Any

from .console import say, table, wrapped
from .scores import class_tables

if TYPE_CHECKING:
    from ..axes import Image

__all__ = ["info", "models"]

LONGEST_LINE = 60
"""Letters of a group of values that stand on one line; of a longer group each has its own."""

_OF_TABLES = "    "
"""What tables are set in by."""

EMPTY: tuple[object, ...] = (None, "", (), [], {})
"""What is not worth a line."""


def info(path: str, /, *, axes: str | None = None) -> int:
    """Describe an image, a model or annotated data.

    Parameters
    ----------
    path
        A file, a folder, or the name of a model that ships.
    axes
        Axes of the images, a letter of TPZCYX for each dimension, where their files do not say so or say it wrongly.
    """
    from .. import api

    rows = list(_rows(api.info(path, axes=axes)))
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        # tables have no name, and are not broken
        say(wrapped(f"{name.ljust(width)}  ", value) if name else indent(value, _OF_TABLES))
    return 0


def models(*, cards: bool = False) -> int:
    """List the models that ship.

    Parameters
    ----------
    cards
        Print the card of each model as well: data, licence, metrics, limits.
    """
    from .. import api

    known = api.models()
    if not known:
        say("no model ships with this installation")
        return 0
    say(
        table(
            ("name", "network", "finds", "licence"),
            [(m.name, m.model, m.description, m.license) for m in known],
        )
    )
    for model in known if cards else ():
        say(f"\n{model.card.strip()}")
    return 0


def _rows(known: Any) -> Iterator[tuple[str, str]]:
    """Names and values of what is known, without what is empty."""
    from ..axes import Image

    if isinstance(known, Image):
        yield from _image_rows(known)
        return
    if is_dataclass(known):
        known = {f.name: getattr(known, f.name) for f in fields(known)}
    if known.get("class_objects") and not known.get("class_pixels"):
        known = _of_whole_images(known)
    for name, value in known.items():
        if value in EMPTY or value is False or name in ("card", "format_version"):
            continue
        if is_dataclass(value):
            value = {f.name.replace("_", " "): getattr(value, f.name) for f in fields(value)}
        if name == "metrics":
            yield from _metric_rows(value)
        elif isinstance(value, Mapping) and len(_text(value)) > LONGEST_LINE:
            yield name.replace("_", " "), ""
            yield from ((f"  {key}", _text(inner)) for key, inner in value.items() if inner not in EMPTY)
        else:
            yield name.replace("_", " "), _text(value)


def _of_whole_images(known: Mapping[str, Any]) -> dict[str, Any]:
    """What is known of data in which each image is of a class, without what there is of objects."""
    left_out = (
        "n_objects",
        "objects_per_image",
        "images_without_objects",
        "foreground_share",
        "unknown_class",
    )
    kept = {name: value for name, value in known.items() if name not in left_out}
    return {
        "images of each class" if name == "class_objects" else name: value for name, value in kept.items()
    }


def _metric_rows(metrics: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The scores on each part of the data, those of classes as tables."""
    yield "metrics", ""
    for part, scores in metrics.items():
        if not isinstance(scores, Mapping):
            yield f"  {part}", _text(scores)
            continue
        rest, tables = class_tables(scores)
        yield f"  {part}", _text(rest)
        yield from (("", text) for text in tables)


def _image_rows(image: Image) -> Iterator[tuple[str, str]]:
    yield "image", str(image.path or image.name)
    yield "axes", image.axes
    yield "shape", " x ".join(str(n) for n in image.shape)
    bits = "" if image.bits is None else f" ({image.bits} bits used)"
    yield "type", f"{image.array.dtype}{bits}"
    sizes = [f"{axis} {size:.6g} um" for axis, size in image.spacing_um.items()]
    yield "pixel size", ", ".join(sizes) or "not stated"
    if image.channel_names:
        yield "channels", ", ".join(image.channel_names)


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k}: {_text(v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        if value and isinstance(value[0], list | tuple):
            return f"{len(value)} x {len(value[0])} values"
        return ", ".join(_text(v) for v in value)
    if is_dataclass(value):
        return _text({f.name: getattr(value, f.name) for f in fields(value)})
    return f"{value:.4g}" if isinstance(value, float) else str(value)
