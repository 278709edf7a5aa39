"""The public verbs. The command line and every other face call these and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .axes import Image
    from .models.file import ModelInfo
    from .prediction.files import FileOutcome
    from .prediction.options import PredictOptions
    from .prediction.predictor import Predictor, Progress

# What needs torch is imported where it is used, so that looking at an image or a model file stays quick.

__all__ = ["convert", "info", "load", "models", "predict", "read"]


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
    """Find the objects in image files; write labels, overlay, measurements and outlines into a folder.

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


def models() -> list[ModelInfo]:
    """The models that ship."""
    from .prediction.shipped import shipped_models

    return shipped_models()


def info(path: str | Path) -> ModelInfo | Image:
    """What is known of a model (a name, a file or a folder) or an image, without its weights or pixels.

    Raises
    ------
    ModelFileError, InputError
        If it is neither, or cannot be read.
    """
    from . import io
    from .models.file import read_info
    from .prediction.shipped import find_model

    if Path(path).suffix.lower() in io.SUFFIXES:
        return io.open_lazy(path)
    found = find_model(path)
    return load(found).info if found.is_dir() else read_info(found)


def convert(folder: str | Path, output: str | Path) -> Path:
    """Turn a model folder of the StarDist package (2D) into one stellate file.

    Raises
    ------
    ModelFileError
        If the folder is none of StarDist's or cannot be used, or the file cannot be written.
    """
    from .models.file import save_model
    from .models.stardist_folder import read_stardist_folder

    network, known = read_stardist_folder(folder)
    return save_model(output, network, known)
