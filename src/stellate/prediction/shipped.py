"""Where a model lies: with stellate, in a file, a training run or a StarDist folder. Without torch."""

from __future__ import annotations

from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path

from ..errors import ModelFileError
from ..models.file import ModelInfo, read_info

__all__ = ["find_model", "shipped_models"]

SUFFIX = ".safetensors"


def weights_folder() -> Path:
    """The folder of the models that ship."""
    return Path(str(files("stellate"))) / "weights"


def shipped_models() -> list[ModelInfo]:
    """What is known of the models that ship, by name."""
    return [read_info(path) for path in sorted(weights_folder().glob(f"*{SUFFIX}"))]


def find_model(model: str | Path) -> Path:
    """The ``.safetensors`` file, or the StarDist folder, that is meant.

    Parameters
    ----------
    model
        A path, or the name of a model that ships. What exists as a path is meant as one, unless it is a bare
        word.

    Raises
    ------
    ModelFileError
        If there is none; the message names the nearest and those that ship.
    """
    path = Path(model)
    if str(model) == path.name and not path.suffix:
        shipped = weights_folder() / f"{path.name}{SUFFIX}"
        if shipped.is_file():
            return shipped
    if path.is_dir():
        return _in_folder(path)
    if path.exists():
        return path
    names = [p.stem for p in sorted(weights_folder().glob(f"*{SUFFIX}"))]
    near = get_close_matches(path.name, names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ModelFileError(
        f"{model}: there is no such file or folder, and no model of this name ships with stellate "
        f"({', '.join(names) or 'none does'}){hint}"
    )


def _in_folder(folder: Path) -> Path:
    run = folder / f"model{SUFFIX}"
    if run.is_file():
        return run
    if (folder / "config.json").is_file():
        return folder
    raise ModelFileError(
        f"{folder}: expected a training run (model{SUFFIX}) or a StarDist model (config.json, *.h5) in it"
    )
