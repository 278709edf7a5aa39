"""Measuring a model on annotated images."""

from __future__ import annotations

import json
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..axes import Image
from ..data.annotations import PixelAnnotation, pixel_ids
from ..data.folder import Dataset
from ..data.mask_options import MaskOptions
from ..errors import DataError, InputError, OutputError
from ..io import write_table
from ..io.atomic import atomic
from ..metrics.instances import score_instances
from ..reports.evaluation_page import write_evaluation_page
from ..reports.evaluation_report import Metrics, report_of
from ..results import Mask
from .annotated_masks import as_model_reads_it
from .options import PredictOptions
from .pieces import pieces_of
from .predictor import Predictor

__all__ = ["Evaluation", "evaluate_dataset"]

WORST_SHOWN = 12

_OF_CLASSES = ("classes", "confusion")
"""Tables that an evaluation has only where there are classes."""

Picture = npt.NDArray[np.uint8]
Pictures = tuple[str, *tuple[Picture, ...]]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """How well a model does on a dataset.

    Attributes
    ----------
    metrics
        Scores per image and pooled: of objects at each IoU threshold, or of classes of pixels.
    model, data
        What was measured, on what.
    worst
        Of the worst images, worst first: name, and pictures ``(h, w, 3)`` uint8: annotation and prediction, or of
        classes also the image, and where both differ.
    warning
        What speaks against what the masks were taken for; empty if nothing does.
    """

    metrics: Metrics
    model: str
    data: str
    worst: tuple[Pictures, ...] = field(default=(), repr=False)
    warning: str = ""

    def table(self) -> pd.DataFrame:
        """The scores of all images together: a row for each IoU threshold; of classes, one pooled and one by image."""
        return pd.DataFrame(next(iter(self._tables.values())))

    def image_table(self) -> pd.DataFrame:
        """A row for each image."""
        return pd.DataFrame(self._tables["images"])

    def class_table(self) -> pd.DataFrame:
        """A row for each class, of objects and IoU threshold; empty where objects are not told apart."""
        return pd.DataFrame(self._tables.get("classes", []))

    def confusion_table(self) -> pd.DataFrame:
        """A row for each annotated class: how many objects, or pixels, were found as which; empty as above."""
        return pd.DataFrame(self._tables.get("confusion", []))

    def save(self, folder: str | Path) -> dict[str, Path]:
        """Write ``evaluation.csv`` (all images together), ``evaluation_images.csv``, ``.json`` and ``.html``.

        Where there are classes, also ``evaluation_classes.csv`` and ``evaluation_confusion.csv`` (which class was found
        as which); where there are none, those of an earlier evaluation are removed from the folder.

        Returns
        -------
        dict
            Paths by what they hold: ``images``, ``summary``, ``page``, perhaps ``classes`` and ``confusion``, and
            ``evaluation.csv``, of objects as ``thresholds`` and of classes as ``means``.

        Raises
        ------
        OutputError
            If the folder cannot be written to.
        """
        folder = Path(folder)
        _remove(folder / f"evaluation_{name}.csv" for name in _OF_CLASSES if name not in self._tables)
        paths: dict[str, Path] = {}
        for name, rows in self._tables.items():
            paths[name] = folder / (f"evaluation_{name}.csv" if paths else "evaluation.csv")
            write_table(paths[name], pd.DataFrame(rows))
        paths |= {"summary": folder / "evaluation.json", "page": folder / "evaluation.html"}
        warning = {"warning": self.warning} if self.warning else {}
        summary = {"model": self.model, "data": self.data, **warning, **self.metrics.summary()}
        with atomic(paths["summary"]) as draft:
            draft.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
        title = f"{self.model} on {self.data}"
        write_evaluation_page(self.metrics, self.worst, paths["page"], title=title)
        return paths

    @cached_property
    def _tables(self) -> dict[str, Any]:
        return dict(report_of(self.metrics).tables())


def evaluate_dataset(
    predictor: Predictor,
    dataset: Dataset,
    *,
    options: PredictOptions | None = None,
    masks: MaskOptions | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> Evaluation:
    """Predict every image of a dataset and compare with its annotation.

    Parameters
    ----------
    predictor
        The model.
    dataset
        Annotated images. Where a model gives classes of pixels, their masks are read as those that it was trained on,
        unless the dataset has been told what they hold.
    options
        How to predict. With ``instances`` the connected pieces of classes are matched as objects, with those that are
        annotated, or with the pieces of the classes that are.
    masks
        What is said of the masks; of a model that finds objects, only that they hold instances.
    progress
        Called as ``progress(images_done, images, name)``.

    Raises
    ------
    ConfigError
        If `masks` says something that cannot be, or that the model has no use for.
    DataError
        If a pair cannot be used, the model is for images and the data is volumes or the other way round, the masks are
        plainly classes of pixels where objects are found, or the classes of the data have none in common with those of
        the model.
    InputError
        If an image cannot be predicted, or a file cannot be read.
    """
    task = predictor.task(options)
    of_objects = bool(options and options.instances)
    dataset, warning = as_model_reads_it(predictor.info, dataset, masks, of_objects=of_objects)
    _check_kind(predictor, dataset)
    names = [record.name for record in dataset.records]
    # until the last image it is open which are the worst; kept in memory, label volumes would fill it
    with TemporaryDirectory(prefix="stellate-") as kept:
        images = _Images(predictor, dataset, options, Path(kept))
        score: Any = score_instances if of_objects else task.score
        metrics = score(images.found(progress), images.annotated(), names=names)
        report = report_of(metrics)
        worst = metrics.worst(WORST_SHOWN)
        pictures = tuple((names[k], *report.draw(*images.again(k))) for k in worst)
    return Evaluation(metrics, predictor.info.name, dataset.root.name, pictures, warning)


class _Images:
    """The images of a dataset, what is annotated in them and what was found, one at a time and once more."""

    def __init__(
        self, predictor: Predictor, dataset: Dataset, options: PredictOptions | None, folder: Path
    ) -> None:
        self._predictor, self._dataset, self._options, self._folder = predictor, dataset, options, folder
        self._compared = _comparison(predictor, options)
        self._truths: deque[PixelAnnotation] = deque()
        self._as_found: list[Callable[..., PixelAnnotation]] = []

    def found(self, progress: Callable[[int, int, str], None] | None) -> Iterator[PixelAnnotation]:
        """What the model finds in each image; of what it says of each pixel a copy is kept in the folder."""
        for index, record in enumerate(self._dataset.records):
            image, truth = self._dataset.pair(index)
            try:
                prediction = self._predictor.predict(image, self._options)
            except InputError as error:
                raise InputError(f"{record.image_path}: {error}") from error
            result: Any = prediction.pieces[0] if prediction.pieces else prediction.result
            del prediction
            values: Any = np.ascontiguousarray(pixel_ids(result))
            (self._folder / str(index)).write_bytes(zlib.compress(values, level=1))
            del values
            self._as_found.append(partial(result.__class__, class_names=result.class_names))
            self._truths.append(self._compared(truth))
            del image, truth
            yield result
            del result
            if progress is not None:
                progress(index + 1, len(self._dataset.records), record.name)

    def annotated(self) -> Iterator[PixelAnnotation]:
        """The annotations of the same images; each is asked for after what was found in its image."""
        while self._truths:
            yield self._truths.popleft()

    def again(self, index: int) -> tuple[Image, PixelAnnotation, PixelAnnotation]:
        """An image, its annotation as it is compared, and what was found of its pixels."""
        image, truth = self._dataset.pair(index)
        values = zlib.decompress((self._folder / str(index)).read_bytes())
        ids = np.frombuffer(values, dtype=np.int32).reshape(pixel_ids(truth).shape)
        return image, self._compared(truth), self._as_found[index](ids)


def _comparison(
    predictor: Predictor, options: PredictOptions | None
) -> Callable[[PixelAnnotation], PixelAnnotation]:
    """What annotations are compared as: they themselves, classes made of objects, or objects made of classes."""
    task = predictor.task(options)
    if options is None or not options.instances:
        mask: Callable[[PixelAnnotation], PixelAnnotation] = getattr(task, "mask", lambda truth: truth)
        return mask
    return lambda truth: (
        pieces_of(truth, border_width=task.border_width) if isinstance(truth, Mask) else truth
    )


def _check_kind(predictor: Predictor, dataset: Dataset) -> None:
    if predictor.for_volumes != dataset.volumes:
        kinds = ("images (axes YX)", "volumes (axes ZYX)")
        raise DataError(
            f"{dataset.root}: the model is for {kinds[predictor.for_volumes]}, but the data is "
            f"{kinds[dataset.volumes]}; evaluate a model for data of this kind"
        )


def _remove(files: Iterable[Path]) -> None:
    """Remove files that are there.

    Raises
    ------
    OutputError
        If one cannot be removed.
    """
    for file in filter(Path.exists, files):
        try:
            file.unlink()
        except OSError as error:
            raise OutputError(
                error.errno,
                f"cannot remove {file.name} of an earlier evaluation from {file.parent}: close the program that holds "
                "it open, or choose another folder",
            ) from error
