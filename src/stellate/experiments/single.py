"""One model: fitted, then made ready for use and measured on the images that it was validated on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..models.file import ModelInfo
from ..prediction.finishing import finish
from ..prediction.loading import load_predictor
from ..prediction.predictor import Predictor
from ..prediction.shipped import find_model
from ..training.fit import EpochReport
from ..training.run import train_network
from ..training.settings import TrainSettings

__all__ = ["train_one", "weights_file"]

_WORDS = (None, "none", "imagenet")


def train_one(
    model: str,
    dataset: Any,
    folder: Path,
    *,
    settings: TrainSettings,
    resume: bool = False,
    say: Callable[[str], None] | None = None,
    report: EpochReport | None = None,
) -> Predictor:
    """Train a model; parameters and errors are those of `stellate.training.run.train_network`.

    Returns
    -------
    Predictor
        The trained model, as it is read from the folder.
    """
    run = train_network(
        model,
        dataset,
        folder,
        settings=settings,
        start=_start(settings),
        resume=resume,
        say=say,
        report=report,
    )
    return finish(
        run.network, run.info, run.validation, folder, device=settings.device, fixed=settings.task, say=say
    )


def weights_file(weights: str | Path | None) -> str | Path | None:
    """The file of the weights to begin with, where the name or the folder of a model is given for it.

    Raises
    ------
    ModelFileError
        If there is no such model.
    """
    if weights in _WORDS or Path(str(weights)).is_file():
        return weights
    path = Path(str(weights))
    if path.suffix:  # a file that is not there; said where it is read
        return weights
    found = find_model(path)
    return found / "model.safetensors" if found.is_dir() else found


def _start(settings: TrainSettings) -> tuple[Any, ModelInfo] | None:
    if not settings.from_model:
        return None
    first = load_predictor(settings.from_model)
    return first.network, first.info
