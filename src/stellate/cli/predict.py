"""``stellate predict``: outline the cells of images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from ..prediction.options import PredictOptions
from .console import counted, say, show_progress, table, warn

__all__ = ["predict", "show_outcomes"]

MOST_CLASSES = 8
"""With more classes than this their shares are in the files only."""

MOST_ROWS = 50
"""More images, or messages, than this are summed up."""

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
    """Outline the cells of images, or tell the classes of their pixels or of whole images; measure and write them.

    For every image: NAME_labels.tif, NAME_overlay.png, NAME_objects.csv (measurements), NAME_rois.zip
    (ImageJ) and NAME_objects.geojson (QuPath); for every volume also NAME_planes.png (three planes) and
    NAME_meshes.glb, .ply and .obj (surfaces). Of a model for classes of pixels: NAME_classes.tif,
    NAME_overlay.png and NAME_areas.csv; --instances adds what there is for objects, but for surfaces.
    Of a classifier: NAME_scores.csv, and scores.csv for all images. Of a localizer or a detector:
    NAME_boxes.csv, NAME_overlay.png, and boxes.csv for all images. Images that were done before are skipped.

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
    for line in _messages(done):
        say(line)
    if skipped:
        say(f"{len(skipped)} done before and skipped; --overwrite does them again")
    for outcome in failed[:MOST_ROWS]:
        warn(f"failed: {outcome.path}: {outcome.message}")
    if len(failed) > MOST_ROWS:
        warn(f"failed: {len(failed) - MOST_ROWS} more")
    if done or skipped:
        say(f"results are in {output.resolve()}{_of_all_images([*done, *skipped], output)}")
    return 1 if failed else 0


def _messages(done: Sequence[Any]) -> list[str]:
    """What is to be said of images: of each, or of many that have the same in common, of these."""
    told = [o for o in done if o.message]
    if len(done) <= MOST_ROWS:
        return [f"{o.path.name}: {o.message}" for o in told]
    common = Counter(o.message for o in told).most_common()
    more = [f"{len(common) - MOST_ROWS} more messages are in the files _run.json"] * (len(common) > MOST_ROWS)
    return [f"{counted(n, 'image')}: {message}" for message, n in common[:MOST_ROWS]] + more


def _of_all_images(outcomes: Sequence[Any], output: Path) -> str:
    """That there is a table of all images, if there is one."""
    names = {"scores.csv" if o.n_objects is None else "boxes.csv" for o in outcomes if o.counts}
    there = [name for name in sorted(names) if (output / name).is_file()]
    return f"; all images are in {there[0]}" if there else ""


def _outcome_table(done: Sequence[Any]) -> str:
    """A row for each image, or where there are many, one for each class or all."""
    if any(o.counts for o in done):
        return _class_table(done)
    classes = list(dict.fromkeys(name for outcome in done for name in outcome.shares))
    shown = classes if len(classes) <= MOST_CLASSES else []
    with_objects = not classes or any(outcome.n_objects is not None for outcome in done)
    header = ("image", *(["objects"] if with_objects else []), *shown, "seconds")
    rows = [_row(o.path.name, [o], with_objects, shown) for o in done]
    if len(done) > MOST_ROWS:
        rows = [_row(f"all {len(done)}", done, with_objects, shown)]
    return table(header, rows)


def _row(name: str, of: Sequence[Any], with_objects: bool, shown: Sequence[str]) -> tuple[Any, ...]:
    """The number of objects in some images, the mean share of each class, and how long they took."""
    found = [o.n_objects for o in of if o.n_objects is not None]
    objects = [sum(found) if found else None] if with_objects else []
    shares = [[o.shares[c] for o in of if c in o.shares] for c in shown]
    means = [f"{sum(s) / len(s):.1%}" if s else None for s in shares]
    return name, *objects, *means, round(sum(o.seconds for o in of), 1)


def _class_table(done: Sequence[Any]) -> str:
    """The class of each image, and its box if it has one; of many images, how often each class was found."""
    if len(done) > MOST_ROWS:
        counts: Counter[str] = Counter()
        for outcome in done:
            counts.update(outcome.counts)
        rows: list[tuple[Any, ...]] = [(name, n) for name, n in counts.most_common(MOST_ROWS)]
        rest = len(counts) - len(rows)
        total = (f"all {len(done)} images" + f", {rest} more classes" * (rest > 0), sum(counts.values()))
        return table(("class", "found"), [*rows, total])
    boxed = any(o.n_objects is not None for o in done)
    header = ("image", "class", "probability", *(["box"] if boxed else []), "seconds")
    return table(header, [_class_row(o, boxed) for o in done])


def _class_row(outcome: Any, boxed: bool) -> tuple[Any, ...]:
    one, seconds = outcome.finding, round(outcome.seconds, 1)
    if one is None:
        found = ", ".join(f"{name} ({n})" for name, n in outcome.counts.items()) or "none"
        return outcome.path.name, found, None, *([None] if boxed else []), seconds
    sure = None if one.probability is None else f"{one.probability:.1%}"
    box = [None if one.box is None else ", ".join(f"{side:.0f}" for side in one.box)] if boxed else []
    return outcome.path.name, one.name, sure, *box, seconds
