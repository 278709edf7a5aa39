"""Measuring a model on annotated images."""

from __future__ import annotations

import json
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..axes import Image
from ..data.annotations import pixel_ids
from ..data.box_dataset import BoxDataset
from ..data.class_dataset import ClassDataset
from ..data.dataset import ImageRecord
from ..data.folder import Dataset
from ..data.mask_options import MaskOptions
from ..errors import DataError, InputError, OutputError
from ..io import write_table
from ..io.atomic import atomic
from ..metrics.instances import score_instances
from ..reports.evaluation_page import write_evaluation_page
from ..reports.evaluation_report import Metrics, report_of
from ..results import Annotation, Instances, Mask, Result
from .annotated_labels import with_names_of_model
from .annotated_masks import as_model_reads_it
from .options import PredictOptions
from .pieces import pieces_of
from .predictor import Predictor

__all__ = ["Evaluation", "evaluate_dataset"]

WORST_SHOWN = 12

_OF_CLASSES = ("classes", "confusion")
"""Tables that an evaluation has only where there are classes."""

_KINDS: Mapping[str, type] = {
    "classification": ClassDataset,
    "localization": BoxDataset,
    "detection": BoxDataset,
}
"""What images are annotated by, of tasks for which it is no mask."""
_ANNOTATED: Mapping[type | None, str] = {ClassDataset: "classes", BoxDataset: "boxes", None: "masks"}

AnyDataset = Dataset | ClassDataset | BoxDataset
Picture = npt.NDArray[np.uint8]
Pictures = tuple[str, *tuple[Picture, ...]]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """How well a model does on a dataset.

    Attributes
    ----------
    metrics
        Scores per image and of all: of objects at each IoU threshold, of classes of pixels, of classes of whole images,
        or of the one box of each image.
    model, data
        What was measured, on what.
    worst
        Of the worst images, worst first: name, and pictures ``(h, w, 3)`` uint8: annotation and prediction, of classes
        of pixels also the image, and where both differ. Of classes of whole images the mistaken images; of boxes one
        picture with both.
    warning
        What speaks against what the masks were taken for, or which classes the model does not know; empty if nothing
        does.
    """

    metrics: Metrics
    model: str
    data: str
    worst: tuple[Pictures, ...] = field(default=(), repr=False)
    warning: str = ""

    def table(self) -> pd.DataFrame:
        """The scores of all images together: a row for each IoU threshold; of classes of pixels pooled and by image."""
        return pd.DataFrame(next(iter(self._tables.values())))

    def image_table(self) -> pd.DataFrame:
        """A row for each image."""
        return pd.DataFrame(self._tables["images"])

    def class_table(self) -> pd.DataFrame:
        """A row for each class, of objects and IoU threshold; empty where objects are not told apart."""
        return pd.DataFrame(self._tables.get("classes", []))

    def confusion_table(self) -> pd.DataFrame:
        """A row for each annotated class: how many objects, pixels or images were found as which; empty as above."""
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
    dataset: AnyDataset,
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
        unless the dataset has been told what they hold. Classes of whole images, and of boxes, are compared by name.
    options
        How to predict. With ``instances`` the connected pieces of classes are matched as objects, with those that are
        annotated, or with the pieces of the classes that are.
    masks
        What is said of the masks; of a model that finds objects, only that they hold instances. Where there are none,
        nothing can be said.
    progress
        Called as ``progress(images_done, images, name)``.

    Raises
    ------
    ConfigError
        If `masks` says something that cannot be, or that the model has no use for.
    DataError
        If a pair cannot be used, the model is for images and the data is volumes or the other way round, the masks are
        plainly classes of pixels where objects are found, what is annotated is not what the model gives, or the classes
        of the data have none in common with those of the model.
    InputError
        If an image cannot be predicted, or a file cannot be read.
    """
    task = predictor.task(options)
    of_objects = bool(options and options.instances)
    dataset, warning = _as_model_names_it(predictor, dataset, masks, of_objects=of_objects)
    _check_kind(predictor, dataset)
    names = [record.name for record in dataset.records]
    # until the last image it is open which are the worst; kept in memory, label volumes would fill it
    with TemporaryDirectory(prefix="stellate-") as kept:
        images = _Images(predictor, dataset, _for_scoring(task, options), Path(kept))
        score: Any = score_instances if of_objects else task.score
        metrics = score(images.found(progress), images.annotated(), names=names)
        report = report_of(metrics)
        worst = metrics.worst(WORST_SHOWN)
        pictures = tuple((names[k], *report.draw(*images.again(k))) for k in worst)
    return Evaluation(metrics, predictor.info.name, dataset.root.name, pictures, warning)


def _for_scoring(task: Any, options: PredictOptions | None) -> PredictOptions | None:
    """The options, with what a task changes where a model is measured."""
    change = getattr(task, "for_scoring", None)
    return (options or PredictOptions()).changed(change()) if change else options


class _Images:
    """The images of a dataset, what is annotated in them and what was found, one at a time and once more."""

    def __init__(
        self, predictor: Predictor, dataset: AnyDataset, options: PredictOptions | None, folder: Path
    ) -> None:
        self._predictor, self._dataset, self._options, self._folder = predictor, dataset, options, folder
        self._compared = _comparison(predictor, options)
        self._truths: deque[Annotation] = deque()
        self._again: list[Callable[[], Result]] = []

    def found(self, progress: Callable[[int, int, str], None] | None) -> Iterator[Result]:
        """What the model finds in each image; of what it says of each pixel a copy is kept in the folder."""
        records: Sequence[ImageRecord] = self._dataset.records
        for index, record in enumerate(records):
            image, truth = self._dataset.pair(index)
            try:
                prediction = self._predictor.predict(image, self._options)
            except InputError as error:
                raise InputError(f"{record.image_path}: {error}") from error
            result: Any = prediction.pieces[0] if prediction.pieces else prediction.result
            del prediction
            self._again.append(self._kept(index, result))
            self._truths.append(self._compared(truth))
            del image, truth
            yield result
            del result
            if progress is not None:
                progress(index + 1, len(records), record.name)

    def _kept(self, index: int, result: Any) -> Callable[[], Result]:
        """What gives a result once more. Classes of whole images and boxes are small, and are kept as they are."""
        if not isinstance(result, Instances | Mask):
            return lambda: result
        file, shape = self._folder / str(index), pixel_ids(result).shape
        values: Any = np.ascontiguousarray(pixel_ids(result))
        file.write_bytes(zlib.compress(values, level=1))
        again: Any = partial(result.__class__, class_names=result.class_names)
        return lambda: again(np.frombuffer(zlib.decompress(file.read_bytes()), dtype=np.int32).reshape(shape))

    def annotated(self) -> Iterator[Annotation]:
        """The annotations of the same images; each is asked for after what was found in its image."""
        while self._truths:
            yield self._truths.popleft()

    def again(self, index: int) -> tuple[Image, Annotation, Result]:
        """An image, its annotation as it is compared, and what was found; of objects or classes, of its pixels."""
        image, truth = self._dataset.pair(index)
        return image, self._compared(truth), self._again[index]()


def _comparison(predictor: Predictor, options: PredictOptions | None) -> Callable[[Annotation], Annotation]:
    """What annotations are compared as: they themselves, classes made of objects, or objects made of classes."""
    task = predictor.task(options)
    if options is None or not options.instances:
        mask: Callable[[Annotation], Annotation] = getattr(task, "mask", lambda truth: truth)
        return mask
    return lambda truth: (
        pieces_of(truth, border_width=task.border_width) if isinstance(truth, Mask) else truth
    )


def _as_model_names_it(
    predictor: Predictor, dataset: AnyDataset, masks: MaskOptions | None, *, of_objects: bool
) -> tuple[AnyDataset, str]:
    """The dataset with its classes as the model calls them, and what speaks against it."""
    info, kind = predictor.info, _KINDS.get(predictor.info.task)
    has = next((kind for kind in _KINDS.values() if isinstance(dataset, kind)), None)
    if has is not kind:
        raise DataError(
            f"{dataset.root}: {info.name}, a model for {info.task}, is measured on images with {_ANNOTATED[kind]}, and "
            f"these have {_ANNOTATED[has]}; open the data for this task, or evaluate another model"
        )
    if isinstance(dataset, ClassDataset):
        return with_names_of_model(info, dataset, masks)
    if isinstance(dataset, BoxDataset):
        return with_names_of_model(info, dataset, masks)
    return as_model_reads_it(info, dataset, masks, of_objects=of_objects)


def _check_kind(predictor: Predictor, dataset: AnyDataset) -> None:
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
