"""``stellate data``: look over an annotated folder before training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from ..data.mask_options import MaskOptions
from .console import counted, say, show_progress

if TYPE_CHECKING:
    from ..data.findings import CheckReport

__all__ = ["data"]

data = App(name="data", sort_key=3.5, help="Look over an annotated folder: images/ and masks/.")


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
        The annotated folder.
    model
        Model whose field of view objects are held against.
    axes
        Axes of the images, a letter of TPZCYX for each dimension, where their files do not say so or say it wrongly.
    """
    from .. import api

    with show_progress() as progress:
        report = api.check(folder, model=model, axes=axes, masks=masks, progress=progress)
    if report.masks:
        say(f"masks hold {report.masks}")
    for finding in report.findings:
        say(str(finding))
    names = report.class_names
    what = f"{len(names)} classes" if names else counted(report.n_objects, "object")
    say(f"{counted(report.n_images, 'pair')}, {what}, {counted(len(report.findings), 'finding')}")
    say(_verdict(report))
    return 0 if report.can_train else 1


def _verdict(report: CheckReport) -> str:
    if not report.can_train:
        return "training cannot start before the errors are mended"
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
    """Draw images of the folder with the outlines of their objects, or tints of their classes, on one sheet.

    Parameters
    ----------
    folder
        The annotated folder.
    output
        The PNG to write.
    axes
        Axes of the images, a letter of TPZCYX for each dimension, where their files do not say so or say it wrongly.
    """
    from .. import api

    say(f"wrote {api.show(folder, output, axes=axes, masks=masks)}")
    return 0
