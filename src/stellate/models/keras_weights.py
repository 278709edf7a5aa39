"""Weights that Keras wrote to HDF5, read without Keras: of versions 2 and 3, with either ending.

``.h5`` has a group for each layer, with datasets such as ``conv2d_1/kernel`` in it; Keras 2 wrote
``conv2d_1/kernel:0``. ``.weights.h5`` (Keras 3) has ``layers/*/vars`` with datasets ``0``, ``1``, ...; the
layer's name is an attribute.
Links are not followed, for they can lead to other files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from ..errors import ModelFileError

__all__ = ["Layers", "open_weights", "read_weight"]

Layers = Mapping[str, Mapping[str, h5py.Dataset]]
"""Datasets by layer, and by what they are: ``kernel`` and ``bias``, or ``gamma``, ``beta``, ``moving_mean``
and ``moving_variance`` of a batch norm."""

IN_ORDER = {1: ("kernel",), 2: ("kernel", "bias"), 4: ("gamma", "beta", "moving_mean", "moving_variance")}


@contextmanager
def open_weights(path: Path) -> Iterator[Layers]:
    """Open a file of weights; the datasets can be read while it is open.

    Raises
    ------
    ModelFileError
        If it is not HDF5, is damaged, or has neither layout.
    """
    try:
        with h5py.File(path, "r") as file:
            own = _own_groups(file)
            if "layers" in own:
                layers = _numbered(path, own["layers"])
            else:
                groups = _own_groups(own["model_weights"]) if "model_weights" in own else own
                layers = {name: _named(group) for name, group in groups.items()}
            layers = {name: weights for name, weights in layers.items() if weights}
            if not layers:
                raise ModelFileError(f"{path}: this HDF5 file has no weights of a Keras network in it")
            yield layers
    except (OSError, KeyError, RuntimeError, AttributeError) as error:
        raise ModelFileError(f"{path}: cannot be read as HDF5 ({error}); copy the file again") from error


def _own_groups(parent: h5py.Group) -> dict[str, h5py.Group]:
    own = {n: parent[n] for n in parent if isinstance(parent.get(n, getlink=True), h5py.HardLink)}
    return {name: item for name, item in own.items() if isinstance(item, h5py.Group)}


def _named(group: h5py.Group) -> dict[str, h5py.Dataset]:
    """Datasets of one layer, however deep, by the last part of their names."""
    found: dict[str, h5py.Dataset] = {}

    def keep(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found[name.rsplit("/", 1)[-1].removesuffix(":0")] = item

    group.visititems(keep)
    return found


def _numbered(path: Path, layers: h5py.Group) -> dict[str, dict[str, h5py.Dataset]]:
    found = {}
    for group in _own_groups(layers).values():
        variables = _own_groups(group).get("vars")
        weights = _named(variables) if variables is not None else {}
        if variables is None or not weights:
            continue
        name = variables.attrs.get("name")
        if not isinstance(name, str):
            raise ModelFileError(
                f"{path}: its layers have no names; save the weights as .h5 with StarDist instead"
            )
        kinds = IN_ORDER.get(len(weights), tuple(weights))
        found[name] = {kind: weights[str(i)] for i, kind in enumerate(kinds)}
    return found


def read_weight(
    path: Path, name: str, dataset: h5py.Dataset, shape: tuple[int, ...]
) -> npt.NDArray[np.float32]:
    """Read one dataset as float32, after checking that it has the shape that is expected.

    Raises
    ------
    ModelFileError
        If its shape is another, its values lie outside the file, or are not finite numbers.
    """
    if dataset.shape != shape:
        raise ModelFileError(
            f"{path}: {name} has shape {dataset.shape}, config.json asks for {shape}; "
            "the two files are not of the same model"
        )
    if dataset.external or dataset.is_virtual or dataset.dtype.kind != "f":
        raise ModelFileError(
            f"{path}: {name} is no plain array of floats; save the weights again with StarDist"
        )
    values = np.asarray(dataset[()], dtype=np.float32)
    if not np.isfinite(values).all():
        raise ModelFileError(
            f"{path}: {name} has values that are not finite; take other weights of this model"
        )
    return values
