"""``stellate data``: look over annotated data before training, and bring boxes into other formats."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from ..data.mask_options import MaskOptions
from .console import as_options, counted, say, show_progress, warn

if TYPE_CHECKING:
    from ..data.findings import CheckReport

__all__ = ["data"]

data = App(
    name="data",
    sort_key=3.5,
    help="Look over annotated data: masks, boxes, or classes of images; bring boxes into another format.",
)


@data.command
def check(
    folder: Path,
    /,
    *,
    model: str | None = None,
    axes: str | None = None,
    masks: Annotated[MaskOptions, Parameter(name="*")] = MaskOptions(),  # noqa: B008 - frozen
) -> int:
    """Find what hinders training; the exit code is 0 if training can start, of some model at least, and 1 if not.

    Parameters
    ----------
    folder
        The annotated folder, or its table (.csv), COCO file (.json) or YOLO file (.yaml).
    model
        Model whose field of view objects in masks are held against.
    axes
        Axes of the images, a letter of TPZCYX for each dimension, where their files do not say so or say it wrongly.
    """
    from .. import api

    with show_progress() as progress:
        report = api.check(folder, model=model, axes=axes, masks=masks, progress=progress)
    if report.masks:
        say(f"masks hold {report.masks}")
    for finding in report.findings:
        say(as_options(str(finding)))
    say(f"{_numbers(report)}, {counted(len(report.findings), 'finding')}")
    say(_verdict(report))
    return 0 if report.can_train else 1


def _numbers(report: CheckReport) -> str:
    """How much there is of what."""
    if report.kind == "pixels":
        names = report.class_names
        what = f"{len(names)} classes" if names else counted(report.n_objects, "object")
        return f"{counted(report.n_images, 'pair')}, {what}"
    boxes = ""
    if report.kind == "boxes":
        number = f"{report.n_objects} box{'es'[: 2 * (report.n_objects != 1)]}"
        boxes = f", {number}, at most {report.most_objects} in an image"
    classes = ", ".join(f"{name} {count}" for name, count in report.class_counts.items())
    return f"{counted(report.n_images, 'image')}{boxes} ({classes})"


def _verdict(report: CheckReport) -> str:
    if not report.can_train:
        # of images and boxes, what cannot be used may be left out by options that the errors name
        left = "" if report.kind == "pixels" else ", or what they are about is left out"
        return f"training cannot start before the errors are mended{left}"
    if report.masks_open:
        return "training can start for stardist; models for classes of pixels need --masks classes or --masks instances"
    return "training can start"


@data.command
def show(
    folder: Path,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])] = Path("contact_sheet.png"),
    axes: str | None = None,
    masks: Annotated[MaskOptions, Parameter(name="*")] = MaskOptions(),  # noqa: B008 - frozen
) -> int:
    """Draw annotated images with outlines of objects, tints of classes of pixels, boxes or names, on one sheet.

    Parameters
    ----------
    folder
        The annotated folder, or its table (.csv), COCO file (.json) or YOLO file (.yaml).
    output
        The PNG to write.
    axes
        Axes of the images, a letter of TPZCYX for each dimension, where their files do not say so or say it wrongly.
    """
    from .. import api

    say(f"wrote {api.show(folder, output, axes=axes, masks=masks)}")
    return 0


@data.command
def convert(
    folder: Path,
    output: Path,
    /,
    *,
    to: Literal["voc", "coco", "yolo", "csv", "masks"],
    images: Literal["copy", "link", "none"] = "copy",
    axes: str | None = None,
    bad_boxes: Literal["refuse", "drop"] = "refuse",
    overwrite: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Write images with boxes in another format: Pascal VOC, COCO, YOLO, a table, or label images.

    Classes keep their names and order, images their parts. What a format cannot say is printed. The output appears when
    all is written, or not at all.

    Parameters
    ----------
    folder
        The annotated folder, of boxes or of objects in masks, or its table (.csv), COCO file (.json) or YOLO file
        (.yaml).
    output
        The folder to make.
    to
        The format. Masks are label images in which each box is filled, and are refused where boxes overlap.
    images
        Copy the images, link to them, or write the annotation alone.
    axes
        Axes of the images, a letter of TPZCYX for each dimension, where their files do not say so or say it wrongly.
    bad_boxes
        What to do about boxes without area, outside of their image, or twice in it.
    overwrite
        Replace the folder of an earlier conversion, with all that is in it.
    """
    from .. import api
    from .main import INTERRUPTED

    try:
        with show_progress() as progress:
            done = api.convert_data(
                folder,
                output,
                to,
                images=images,
                axes=axes,
                bad_boxes=bad_boxes,
                overwrite=overwrite,
                progress=progress,
            )
    except KeyboardInterrupt:
        warn("stopped; nothing was written")
        return INTERRUPTED
    for note in done.notes:
        say(f"note: {note}")
    classes = ", ".join(f"{name} {count}" for name, count in done.class_counts.items())
    boxes = f"{done.n_boxes} box{'es'[: 2 * (done.n_boxes != 1)]}"
    say(f"wrote {done.folder} as {done.title}: {counted(done.n_images, 'image')}, {boxes} ({classes})")
    return 0
