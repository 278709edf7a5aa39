"""The public verbs. The command line and every other face call these and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .axes import Image
    from .data.box_faults import BadBoxes
    from .data.converting import Converted, ImagesAs, To
    from .data.dataset import AnnotatedImages
    from .data.findings import CheckReport
    from .data.fingerprint import Fingerprint
    from .data.label_options import LabelOptions
    from .data.mask_options import MaskOptions
    from .experiments.folds import CrossValidation
    from .models.file import ModelInfo
    from .prediction.evaluation import Evaluation
    from .prediction.files import FileOutcome
    from .prediction.options import PredictOptions
    from .prediction.predictor import Predictor, Progress
    from .training.settings import TrainSettings

# What needs torch is imported where it is used, so that looking at an image or a model file stays quick.

__all__ = [
    "check",
    "convert",
    "convert_data",
    "evaluate",
    "info",
    "load",
    "models",
    "predict",
    "read",
    "show",
    "train",
]


_MODEL_FILES = ("model.safetensors", "config.json")
"""What folders of models hold, one or the other."""


def read(path: str | Path, *, axes: str | None = None) -> Image:
    """Read an image file.

    Parameters
    ----------
    path
        TIFF (plain, ImageJ, OME, BigTIFF), PNG, JPEG, BMP or NPY.
    axes
        One letter of ``TPZCYX`` per dimension, where the file does not say so itself.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    from . import io

    return io.read(path, axes=axes)


def load(model: str | Path) -> Predictor:
    """A model that is ready to be used.

    Parameters
    ----------
    model
        The name of one that ships (`models` lists them), a ``.safetensors`` file, the folder of a training
        run, or a model folder of the StarDist package.

    Raises
    ------
    ModelFileError
        If there is no such model, or its file is damaged.

    Examples
    --------
    >>> model = load("nuclei")  # doctest: +SKIP
    >>> model.predict("cells.tif").table()  # doctest: +SKIP
    """
    from .prediction.loading import load_predictor

    return load_predictor(model)


def predict(
    images: str | Path | Iterable[str | Path],
    model: str | Path | Predictor = "nuclei",
    output: str | Path = "results",
    *,
    options: PredictOptions | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> list[FileOutcome]:
    """Find the objects in image files; write labels, pictures, measurements, outlines and meshes into a folder.

    Parameters
    ----------
    images
        Files, folders and patterns.
    model
        What `load` takes or gives.
    output
        Folder for the results; made where it is missing.
    options
        How; see `PredictOptions`.
    overwrite
        Whether to do again what was done before. Without, an image is skipped if all its outputs are there
        and were made from the same file, by the same model, with the same options.
    progress
        Called as ``progress(files_done, files, text)``.

    Returns
    -------
    list of FileOutcome
        One for each file. A file that cannot be done is reported there and does not stop the others.

    Raises
    ------
    InputError
        If there are no images.
    ModelFileError
        If the model cannot be read.
    ConfigError
        If an option cannot be met.
    """
    from .errors import InputError
    from .prediction.files import predict_files
    from .prediction.naming import find_images
    from .prediction.predictor import Predictor

    paths = find_images(images)
    if not paths:
        raise InputError(f"no images in {images!s}; name image files, folders that hold some, or patterns")
    predictor = model if isinstance(model, Predictor) else load(model)
    return predict_files(
        predictor, paths, Path(output), options=options, overwrite=overwrite, progress=progress
    )


def train(
    model: str,
    data: str | Path,
    output: str | Path,
    *,
    settings: TrainSettings | Mapping[str, Any] | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    say: Callable[[str], None] | None = None,
) -> Predictor | CrossValidation:
    """Train a model on annotated data.

    The run's folder gets ``model.safetensors``, ``run.json`` (settings, choices and images), ``history.csv``,
    ``curves.png``, ``validation.png`` (predictions of validation images), ``evaluation.csv``, ``.json`` and ``.html``
    on the validation images, and ``checkpoints/``. With ``folds`` it gets such a run for each, ``folds.csv``, and the
    evaluation of all images; with ``sweep`` a run for each value, ``sweep.csv``, and what belongs to the best.

    Parameters
    ----------
    model
        What to train, e.g. ``"stardist"`` for the outlines of objects, ``"unet"`` for the class of every pixel,
        ``"classifier"`` for the class of every image, or ``"localizer"`` for the box and class of the one object.
    data
        Folder with ``images/`` and ``masks/``, or with ``train/`` and ``val/`` that hold such a pair each; masks hold
        labels of objects or classes of pixels. For classes of whole images, and for boxes, what
        `stellate.data.opening` reads: class folders, tables, Pascal VOC, COCO, YOLO, or objects in masks.
    output
        The run's folder.
    settings
        See `TrainSettings`; what is not set is chosen from the data.
    resume
        Go on with an interrupted run in `output`, at the end of its last complete epoch. The outcome is that of a run
        that was not interrupted; so it is refused where images or masks have changed since.
    progress
        Called as ``progress(epochs_done, epochs, losses)``.
    say
        Called with each line of what was chosen and why.

    Returns
    -------
    Predictor
        The trained model, as `load` gives it for `output`; with ``folds`` the scores, a `CrossValidation`.

    Raises
    ------
    ConfigError, DataError, InputError, ModelFileError, OutputError
        If settings, data, the model to start from or the output folder cannot be used.
    """
    from .experiments.train import train as train_as_set
    from .training.settings import TrainSettings

    chosen = settings if isinstance(settings, TrainSettings) else TrainSettings.from_mapping(settings or {})
    return train_as_set(model, data, Path(output), settings=chosen, resume=resume, progress=progress, say=say)


def evaluate(
    model: str | Path | Predictor,
    data: str | Path,
    output: str | Path | None = None,
    *,
    split: str | None = None,
    options: PredictOptions | None = None,
    masks: MaskOptions | None = None,
    labels: LabelOptions | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Measure a model on annotated images.

    Parameters
    ----------
    model
        What `load` takes or gives.
    data
        Annotated folder.
    output
        Folder for ``evaluation.csv``, ``.json`` and ``.html``; nothing is written if None.
    split
        Part of the folder to use (``"train"``, ``"val"`` or ``"test"``); all if None.
    options
        How to predict; with ``instances`` the connected pieces of classes are matched as objects.
    masks
        What the masks hold; where nothing is said, what those that the model was trained on held. Where these were
        objects, and the masks look like classes, that is refused, or `Evaluation.warning` says so.
    labels
        How annotations of whole images and of boxes are used; the margin of pieces is that of the model where nothing
        else is said.
    progress
        Called as ``progress(images_done, images, name)``.

    Raises
    ------
    DataError, InputError, ModelFileError, ConfigError, OutputError
        If data, model, options or the output folder cannot be used.
    """
    from .io.atomic import check_writable
    from .prediction.annotated_data import open_for_model
    from .prediction.evaluation import evaluate_dataset
    from .prediction.predictor import Predictor

    predictor = model if isinstance(model, Predictor) else load(model)
    dataset: Any = open_for_model(predictor.info, data, axes=options.axes if options else None, labels=labels)
    if split is not None:
        dataset = dataset.split(split)
    if output is not None:
        check_writable(output)
    evaluation = evaluate_dataset(predictor, dataset, options=options, masks=masks, progress=progress)
    if output is not None:
        evaluation.save(output)
    return evaluation


def check(
    data: str | Path,
    *,
    model: str | Path | None = None,
    axes: str | None = None,
    masks: MaskOptions | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> CheckReport:
    """Look over annotated data before training.

    Parameters
    ----------
    data
        A folder with ``images/`` and ``masks/``, or what `stellate.data.opening` reads: images of classes, or with
        boxes.
    model
        Model whose receptive field the objects in masks are held against; by default the largest that training may
        choose.
    axes
        Axes of the images, where their files do not say so or say it wrongly.
    masks
        What masks hold, where they leave it open; see `MaskOptions`.
    progress
        Called as ``progress(images_done, images)``.

    Raises
    ------
    ConfigError
        If a model or what masks hold is named, and there are no masks.
    DataError
        If there are no such data, they are laid out differently, or can be understood in several ways.
    """
    from .data.check import check as check_folder
    from .data.check_labels import check_labels
    from .data.mask_options import MaskOptions
    from .data.opening import kind_of
    from .training.choices import widest_field

    if (kind := kind_of(data)) != "pixels":
        _refuse_mask_options(data, kind, model, masks)
        return check_labels(data, axes=axes, progress=progress)
    fields = [widest_field(2), widest_field(3)]
    if model is not None:
        config: Any = load(model).network.config
        fields = [config.receptive_field]
    sees = {len(field): field for field in fields}
    return check_folder(
        Path(data), axes=axes, receptive_fields=sees, masks=masks or MaskOptions(), progress=progress
    )


def show(
    data: str | Path,
    output: str | Path = "contact_sheet.png",
    *,
    axes: str | None = None,
    masks: MaskOptions | None = None,
) -> Path:
    """Draw annotated images with outlines of objects, tints of classes of pixels, boxes or names, on one sheet.

    Volumes are seen along their depth.

    Parameters
    ----------
    data
        The folder or file, as for `check`.
    output
        The picture.
    axes
        Axes of the images, where their files do not say so or say it wrongly.
    masks
        What masks hold, where they leave it open; see `MaskOptions`.

    Raises
    ------
    ConfigError, DataError, InputError, OutputError
        If the data cannot be read, or the picture cannot be written.
    """
    from .reports.overview import MOST_SHOWN, draw_overview, evenly

    dataset = _understood(data, axes, masks)
    images = ((dataset[k].name, *dataset.pair(k)) for k in evenly(len(dataset), MOST_SHOWN))
    return draw_overview(images, Path(output), title=dataset.root.name)


def convert_data(
    data: str | Path,
    output: str | Path,
    to: To,
    *,
    images: ImagesAs = "copy",
    axes: str | None = None,
    bad_boxes: BadBoxes = "refuse",
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Converted:
    """Write images with boxes in another layout. Names of classes keep their order, and images their parts.

    Parameters
    ----------
    data
        What `stellate.data.opening.open_boxes` reads: Pascal VOC, COCO, YOLO, a table, or objects in masks.
    output
        The folder to make. It appears when all is written, or not at all.
    to
        ``"voc"``, ``"coco"``, ``"yolo"``, ``"csv"`` (a table), or ``"masks"`` (label images of filled boxes, where none
        overlap).
    images
        Whether images are copied, linked to (``"link"``), or left where they are (``"none"``).
    axes
        Axes of the images, where their files do not say so or say it wrongly.
    bad_boxes
        Whether boxes without area, outside of their image, or twice in it are refused, or dropped and counted.
    overwrite
        Whether an earlier conversion in `output` is replaced.
    progress
        Called as ``progress(images_done, images)``.

    Returns
    -------
    Converted
        What was written, and what of the annotation is changed by it or has no place in the layout.

    Raises
    ------
    ConfigError, DataError, InputError, OutputError
        If an argument is none, the data cannot be read or expressed in the layout, or the folder cannot be written.
    """
    from .data.converting import check_words, write_boxes
    from .data.opening import usable_boxes

    check_words(to, images, bad_boxes)
    dataset, findings = usable_boxes(data, axes=axes, bad_boxes=bad_boxes)
    converted = write_boxes(dataset, output, to, images=images, overwrite=overwrite, progress=progress)
    return replace(converted, notes=(*(f.what for f in findings), *converted.notes))


def models() -> list[ModelInfo]:
    """The models that ship."""
    from .prediction.shipped import shipped_models

    return shipped_models()


def info(path: str | Path, *, axes: str | None = None) -> ModelInfo | Image | Fingerprint:
    """What is known of a model (its name, file or folder), an image file, or annotated data.

    Parameters
    ----------
    path
        The model, file or folder.
    axes
        Axes of the images, where their files do not say so or say it wrongly.

    Raises
    ------
    ModelFileError, InputError, DataError
        If it is none of these, or cannot be read.
    """
    from . import io
    from .models.file import read_info
    from .prediction.shipped import find_model

    path = Path(path)
    if path.suffix.lower() in io.SUFFIXES:
        return io.open_lazy(path, axes=axes)
    listed = path.suffix.lower() in (".csv", ".json", ".yaml", ".yml")
    if listed or (path.is_dir() and not any((path / name).is_file() for name in _MODEL_FILES)):
        from .data.fingerprint import fingerprint

        return fingerprint(_understood(path, axes))
    found = find_model(path)
    return load(found).info if found.is_dir() else read_info(found)


def convert(model: str | Path, output: str | Path) -> Path:
    """Turn a model into one stellate file that gives the same, faster or without another program.

    - A model folder of the StarDist package, 2D or 3D: TensorFlow is no longer needed.
    - A sliding window that classifies the patch around every pixel: the same weights become dilated convolutions over
      the image, which compute once what neighbouring patches have in common.

    Parameters
    ----------
    model
        The folder, or what `load` takes.
    output
        The ``.safetensors`` file to write.

    Raises
    ------
    ModelFileError
        If there is no such model, it is one of stellate's that nothing is gained for, or the file cannot be written.
    """
    from .models.convolutional import as_convolutions
    from .models.file import save_model
    from .models.stardist_folder import read_stardist_folder

    path = Path(model)
    if path.is_dir() and not (path / "model.safetensors").is_file():
        return save_model(output, *read_stardist_folder(path))
    first = load(model)
    return save_model(output, *as_convolutions(first.network, first.info))


def _understood(
    data: str | Path, axes: str | None = None, masks: MaskOptions | None = None
) -> AnnotatedImages[Any, Any]:
    """Annotated data, of masks as they are meant; objects where it is open. Boxes that cannot be used are left out."""
    from .data.folder import open_folder
    from .data.mask_options import MaskOptions
    from .data.mask_use import as_they_look, understand
    from .data.opening import kind_of, open_boxes, open_classes

    if (kind := kind_of(data)) != "pixels":
        _refuse_mask_options(data, kind, None, masks)
        return (
            open_classes(data, axes=axes)
            if kind == "classes"
            else open_boxes(data, axes=axes, bad_boxes="drop")
        )
    dataset, options = open_folder(data, axes=axes), masks or MaskOptions()
    if as_they_look(dataset, options) != "classes":
        return dataset
    return understand(dataset, options).applied(dataset)


def _refuse_mask_options(data: str | Path, kind: str, model: Any, masks: MaskOptions | None) -> None:
    from .data.mask_options import MaskOptions
    from .errors import ConfigError

    if model is not None or masks not in (None, MaskOptions()):
        what = "a model's field of view" if model is not None else "what masks hold"
        annotated = "classes of images" if kind == "classes" else "boxes"
        raise ConfigError(
            f"{data}: has {annotated} and no masks, so that {what} says nothing here; leave it out"
        )
