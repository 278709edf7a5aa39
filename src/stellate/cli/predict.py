"""``stellate predict``: outline the cells of images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from ..prediction.options import PredictOptions
from .console import say, show_progress, table, warn

__all__ = ["predict", "show_outcomes"]

MOST_CLASSES = 8
"""With more classes than this their shares are in the files only."""

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
    """Outline the cells of images, or tell the classes of their pixels; measure them, and write both.

    For every image: NAME_labels.tif, NAME_overlay.png, NAME_objects.csv (measurements), NAME_rois.zip
    (ImageJ) and NAME_objects.geojson (QuPath); for every volume also NAME_planes.png (three planes) and
    NAME_meshes.glb, .ply and .obj (surfaces). Of a model for classes of pixels: NAME_classes.tif,
    NAME_overlay.png and NAME_areas.csv; --instances adds what there is for objects, but for surfaces.
    Images that were done before are skipped.

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
        say(_outcome_table(done))
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


def _outcome_table(done: list[Any]) -> str:
    """A row for each image: how many objects, the share of each class, and how long it took."""
    classes = list(dict.fromkeys(name for outcome in done for name in outcome.shares))
    shown = classes if len(classes) <= MOST_CLASSES else []
    counted = not classes or any(outcome.n_objects is not None for outcome in done)
    header = ("image", *(["objects"] if counted else []), *shown, "seconds")
    rows = []
    for outcome in done:
        objects = [outcome.n_objects] if counted else []
        shares = [f"{outcome.shares[c]:.1%}" if c in outcome.shares else None for c in shown]
        rows.append((outcome.path.name, *objects, *shares, round(outcome.seconds, 1)))
    return table(header, rows)
