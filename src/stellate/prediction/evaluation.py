"""Measuring a model on annotated images."""

from __future__ import annotations

import json
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..data.folder import Dataset
from ..errors import DataError, InputError
from ..io import write_table
from ..io.atomic import atomic
from ..metrics.instances import InstanceMetrics
from ..reports.agreement import draw_agreement
from ..reports.evaluation_page import write_evaluation_page
from ..results import Instances, Result
from .options import PredictOptions
from .predictor import Predictor

__all__ = ["Evaluation", "evaluate_dataset"]

WORST_SHOWN = 12

Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """How well a model does on a dataset.

    Attributes
    ----------
    metrics
        Scores at each IoU threshold, per image and pooled.
    model, data
        What was measured, on what.
    worst
        Of the worst images, worst first: name, annotation and prediction as pictures ``(h, w, 3)`` uint8.
    """

    metrics: InstanceMetrics
    model: str
    data: str
    worst: tuple[tuple[str, Picture, Picture], ...] = field(default=(), repr=False)

    def table(self) -> pd.DataFrame:
        """A row for each IoU threshold."""
        return pd.DataFrame(self.metrics.table())

    def image_table(self) -> pd.DataFrame:
        """A row for each image."""
        return pd.DataFrame(self.metrics.image_table())

    def class_table(self) -> pd.DataFrame:
        """A row for each class and IoU threshold; empty where objects are not told apart."""
        return pd.DataFrame(self.metrics.classes.table() if self.metrics.classes else [])

    def confusion_table(self) -> pd.DataFrame:
        """A row for each annotated class: how many objects were found as which; empty as above."""
        return pd.DataFrame(self.metrics.classes.confusion_table() if self.metrics.classes else [])

    def save(self, folder: str | Path) -> dict[str, Path]:
        """Write ``evaluation.csv`` (by threshold), ``evaluation_images.csv``, ``.json`` and ``.html``.

        Where objects are told apart, also ``evaluation_classes.csv`` (by class and threshold) and
        ``evaluation_confusion.csv`` (which class was found as which).

        Raises
        ------
        OutputError
            If the folder cannot be written to.
        """
        folder = Path(folder)
        paths = {
            "thresholds": folder / "evaluation.csv",
            "images": folder / "evaluation_images.csv",
            "summary": folder / "evaluation.json",
            "page": folder / "evaluation.html",
        }
        write_table(paths["thresholds"], self.table())
        write_table(paths["images"], self.image_table())
        if self.metrics.classes is not None:
            paths |= {name: folder / f"evaluation_{name}.csv" for name in ("classes", "confusion")}
            write_table(paths["classes"], self.class_table())
            write_table(paths["confusion"], self.confusion_table())
        summary = {"model": self.model, "data": self.data, **self.metrics.summary()}
        with atomic(paths["summary"]) as draft:
            draft.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
        title = f"{self.model} on {self.data}"
        write_evaluation_page(self.metrics, self.worst, paths["page"], title=title)
        return paths


def evaluate_dataset(
    predictor: Predictor,
    dataset: Dataset,
    *,
    options: PredictOptions | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> Evaluation:
    """Predict every image of a dataset and compare with its annotation.

    Parameters
    ----------
    predictor
        The model.
    dataset
        Annotated images.
    options
        How to predict.
    progress
        Called as ``progress(images_done, images, name)``.

    Raises
    ------
    DataError
        If a pair cannot be used, the model is for images and the data is volumes or the other way round, or the classes
        of the data have none in common with those of the model.
    InputError
        If an image cannot be predicted.
    """
    _check_kind(predictor, dataset)
    _check_classes(predictor.info.class_names, dataset)
    names = [record.name for record in dataset.records]
    truths: deque[Instances] = deque()

    def found(folder: Path) -> Iterator[Result]:
        for index, name in enumerate(names):
            image, truth = dataset.pair(index)
            try:
                result = predictor.predict(image, options).result
            except InputError as error:
                raise InputError(f"{dataset[index].image_path}: {error}") from error
            _keep(folder, index, result)
            truths.append(truth)
            del image, truth
            yield result
            del result
            if progress is not None:
                progress(index + 1, len(names), name)

    def annotated() -> Iterator[Instances]:
        while truths:  # each is asked for after what was found in its image
            yield truths.popleft()

    # until the last image it is open which are the worst; kept in memory, label volumes would fill it
    with TemporaryDirectory(prefix="stellate-") as kept:
        metrics = predictor.task(options).score(found(Path(kept)), annotated(), names)
        worst = metrics.worst(WORST_SHOWN)
        pictures = tuple((names[k], *_pictures(dataset, k, Path(kept))) for k in worst)
    return Evaluation(metrics, predictor.info.name, dataset.root.name, pictures)


def _check_kind(predictor: Predictor, dataset: Dataset) -> None:
    if predictor.for_volumes != dataset.volumes:
        kinds = ("images (axes YX)", "volumes (axes ZYX)")
        raise DataError(
            f"{dataset.root}: the model is for {kinds[predictor.for_volumes]}, but the data is "
            f"{kinds[dataset.volumes]}; evaluate a model for data of this kind"
        )


def _check_classes(known: Sequence[str], dataset: Dataset) -> None:
    if known and dataset.class_names and not set(known) & set(dataset.class_names):
        raise DataError(
            f"{dataset.root}: its classes are {', '.join(dataset.class_names)}, those of the model {', '.join(known)}; "
            "name them alike: where files have numbers, class_names.txt lists what they stand for"
        )


def _keep(folder: Path, index: int, result: Result) -> None:
    if isinstance(result, Instances):
        values: Any = np.ascontiguousarray(result.labels)
        (folder / str(index)).write_bytes(zlib.compress(values, level=1))


def _pictures(dataset: Dataset, index: int, kept: Path) -> tuple[Picture, Picture]:
    image, truth = dataset.pair(index)
    labels = np.frombuffer(zlib.decompress((kept / str(index)).read_bytes()), dtype=np.int32)
    return draw_agreement(image, truth.labels, labels.reshape(truth.labels.shape))
