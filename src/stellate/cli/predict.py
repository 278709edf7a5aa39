"""``stellate predict``: outline the cells of images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from ..prediction.options import PredictOptions
from .console import say, show_progress, table, warn

__all__ = ["predict", "show_outcomes"]

Options = Annotated[PredictOptions, Parameter(name="*")]


def predict(
    images: Annotated[list[str], Parameter(negative=())],
    /,
    *,
    model: Annotated[str, Parameter(name=["--model", "-m"])] = "nuclei",
    output: Annotated[Path, Parameter(name=["--output", "-o"])] = Path("results"),
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    options: Options = PredictOptions(),  # noqa: B008 - frozen
) -> int:
    """Outline the cells of images, measure them, and write both.

    For every image: NAME_labels.tif, NAME_overlay.png, NAME_objects.csv (measurements), NAME_rois.zip
    (ImageJ) and NAME_objects.geojson (QuPath); for every volume also NAME_planes.png (three planes) and
    NAME_meshes.glb, .ply and .obj (surfaces). Images that were done before are skipped.

    Parameters
    ----------
    images
        Files, folders and patterns such as "scans/*.tif".
    model
        A model that ships (see: stellate models), a .safetensors file, or a folder of StarDist.
    output
        Folder for the results.
    overwrite
        Do images again that were done before.
    """
    from .. import api

    with show_progress() as progress:
        outcomes = api.predict(images, model, output, options=options, overwrite=overwrite, progress=progress)
    return show_outcomes(outcomes, output)


def show_outcomes(outcomes: list[Any], output: Path) -> int:
    """Say what came of each image and where the results are; 0 if all went well, else 1."""
    done = [o for o in outcomes if o.status == "done"]
    skipped = [o for o in outcomes if o.status == "skipped"]
    failed = [o for o in outcomes if o.status == "failed"]
    if done:
        say(
            table(
                ("image", "objects", "seconds"),
                [(o.path.name, o.n_objects, round(o.seconds, 1)) for o in done],
            )
        )
    for outcome in done:
        if outcome.message:
            say(f"{outcome.path.name}: {outcome.message}")
    if skipped:
        say(f"{len(skipped)} done before and skipped; --overwrite does them again")
    for outcome in failed:
        warn(f"failed: {outcome.path}: {outcome.message}")
    if done or skipped:
        say(f"results are in {output.resolve()}")
    return 1 if failed else 0
