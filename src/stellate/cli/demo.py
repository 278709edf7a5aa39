"""``stellate demo``: the sample image, outlined by the model that ships."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from .console import say, show_progress
from .predict import show_outcomes

__all__ = ["demo"]


def demo(*, output: Annotated[Path, Parameter(name=["--output", "-o"])] = Path("demo")) -> int:
    """Outline the nuclei of the sample image that ships with stellate.

    Parameters
    ----------
    output
        Folder for the results.
    """
    from .. import api
    from ..data.sample import sample_path

    with show_progress() as progress:
        outcomes = api.predict([sample_path()], "nuclei", output, overwrite=True, progress=progress)
    status = show_outcomes(outcomes, output)
    for path in (p for o in outcomes for p in o.outputs):
        say(f"  {path.name}")
    if status == 0:
        say("next: stellate predict YOUR_IMAGES -o results")
    return status
