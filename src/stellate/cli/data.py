"""``stellate data``: look over an annotated folder before training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from .console import counted, say, show_progress

__all__ = ["data"]

data = App(name="data", sort_key=3.5, help="Look over an annotated folder: images/ and masks/.")


@data.command
def check(folder: Path, /, *, model: str | None = None, axes: str | None = None) -> int:
    """Find what hinders training; the exit code is 0 if training can start and 1 if not.

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
        report = api.check(folder, model=model, axes=axes, progress=progress)
    for finding in report.findings:
        say(str(finding))
    counts = {"pair": report.n_images, "object": report.n_objects, "finding": len(report.findings)}
    say(", ".join(counted(number, noun) for noun, number in counts.items()))
    say("training can start" if report.can_train else "training cannot start before the errors are mended")
    return 0 if report.can_train else 1


@data.command
def show(
    folder: Path,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])] = Path("contact_sheet.png"),
    axes: str | None = None,
) -> int:
    """Draw images of the folder with the outlines of their objects on one sheet.

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

    say(f"wrote {api.show(folder, output, axes=axes)}")
    return 0
