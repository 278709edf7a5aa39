"""What makes a fitted network a model: thresholds, a measurement, and a picture, all on the validation images."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from ..axes import Image
from ..data.box_dataset import BoxDataset
from ..data.folder import Dataset
from ..data.mask_options import MaskOptions
from ..models.file import ModelInfo, save_model
from ..reports.overview import MOST_SHOWN, draw_overview, evenly
from ..results import Instances
from .box_threshold import tune_box_threshold
from .evaluation import evaluate_dataset
from .loading import load_predictor
from .options import PredictOptions
from .predictor import Predictor
from .tuning import tune_thresholds

__all__ = ["finish"]


def finish(
    network: nn.Module,
    info: ModelInfo,
    validation: Any,
    folder: Path,
    *,
    device: str = "auto",
    fixed: Collection[str] = (),
    say: Callable[[str], None] | None = None,
) -> Predictor:
    """Tune, measure and keep a network that was trained.

    The folder gets ``model.safetensors``, at once and again with thresholds and metrics; ``evaluation.csv``, ``.json``
    and ``.html``; and ``validation.png``.

    Parameters
    ----------
    network
        With its last weights.
    info
        What is known of it.
    validation
        Images that it was not trained on.
    folder
        Of the run.
    device
        Where the network runs.
    fixed
        Settings of the task that the user set, which are left as they are.
    say
        Called when thresholds are about to be chosen, which takes a while.

    Returns
    -------
    Predictor
        The model, as it is read from the folder.

    Raises
    ------
    InputError, OutputError
        If an image cannot be read, or the folder cannot be written to.
    """
    file, options = folder / "model.safetensors", PredictOptions(device=device)
    save_model(file, network, info)  # whatever happens to what is left to do
    # whole images, as the model will meet them: it knows itself which channels it was trained on
    validation = replace(validation, channels=())
    thresholds = _thresholds(Predictor(network, info), validation, device, say)
    chosen = {name: value for name, value in thresholds.items() if name not in fixed}
    info = replace(info, settings={**info.settings, **chosen})
    # which of both they are, the whole folder said; a few of its masks may look otherwise
    of_objects = isinstance(validation, Dataset) and validation.mask_classes is None
    masks = MaskOptions("instances") if of_objects else None
    evaluation = evaluate_dataset(Predictor(network, info), validation, options=options, masks=masks)
    save_model(file, network, replace(info, metrics={"validation": evaluation.metrics.summary()}))
    evaluation.save(folder)
    predictor = load_predictor(folder)
    _draw(predictor, validation, options, folder / "validation.png")
    return predictor


def _thresholds(
    fitted: Predictor, validation: Any, device: str, say: Callable[[str], None] | None
) -> dict[str, float]:
    """Those that suit best; none where the task has none, or nothing is there to be found."""
    if not hasattr(fitted.task(), "prob_threshold"):
        return {}
    if isinstance(validation, BoxDataset):
        return tune_box_threshold(fitted, validation, device=device)
    if not _has_objects(validation):
        return {}
    if say is not None:
        say("thresholds     are now chosen on the validation images")
    return tune_thresholds(fitted, validation, device=device)[0]


def _has_objects(dataset: Dataset) -> bool:
    annotations = (dataset.annotation(k) for k in range(len(dataset)))
    return any(isinstance(a, Instances) and bool((a.labels > 0).any()) for a in annotations)


def _draw(predictor: Predictor, dataset: Any, options: PredictOptions, path: Path) -> None:
    def found() -> Iterator[tuple[str, Image, Any]]:
        for k in evenly(len(dataset), MOST_SHOWN):
            image = dataset.image(k)
            yield dataset[k].name, image, predictor.predict(image, options).results[0]

    draw_overview(found(), path, title=f"{predictor.info.name} on validation images")
