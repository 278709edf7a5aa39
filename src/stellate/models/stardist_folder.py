"""Model folders of the StarDist package (2D and 3D), read without TensorFlow.

A folder has ``config.json``, weights (``*.h5``) and perhaps ``thresholds.json``. Most layers have fixed
names. Those of the stem or ResNet (``conv3d_7``) and the batch norms (``batch_normalization_3``) do not: Keras
numbers them on through a session, in the order in which they were made, so that only their order counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ..errors import ModelFileError
from .file import ModelInfo
from .keras_weights import Layers, open_weights, read_weight
from .stardist import StarDist, StarDistConfig
from .stardist_settings import read_config, read_settings, read_thresholds

__all__ = ["read_stardist_folder"]

UNNAMED, BATCH_NORM = "conv", "batch_normalization"
CONV_WEIGHTS = (("kernel", "weight"), ("bias", "bias"))
NORM_WEIGHTS = (
    ("gamma", "weight"),
    ("beta", "bias"),
    ("moving_mean", "running_mean"),
    ("moving_variance", "running_var"),
)


def read_stardist_folder(folder: str | Path) -> tuple[StarDist, ModelInfo]:
    """Read a StarDist model folder.

    The newest weights with ``best`` in their name are taken, else the newest. Thresholds that are missing or
    make no sense become 0.5 (probability) and 0.4 (overlap), as in StarDist; ``info.training`` says so.

    Parameters
    ----------
    folder
        Folder with ``config.json`` and ``*.h5``.

    Returns
    -------
    network
        In evaluation mode, float32.
    info
        What is known of it. The folder does not say how images were normalised: StarDist's usual percentiles,
        1 and 99.8 of each channel, are entered.

    Raises
    ------
    ModelFileError
        If the folder is none of StarDist's, has a setting that is not known here, or its weights are damaged or
        do not fit.
    """
    folder = Path(folder)
    settings = read_settings(folder / "config.json")
    config = read_config(folder / "config.json", settings)
    weights_file = _find_weights(folder)
    with torch.device("meta"):
        network = StarDist(config)
    with open_weights(weights_file) as layers:
        places = _match(weights_file, network, layers, prefix=str(settings.get("unet_prefix", "")))
        state = _read_state(weights_file, network, layers, places)
    network.load_state_dict(state, assign=True)
    thresholds, origin = read_thresholds(folder / "thresholds.json")
    return network.eval(), _info(
        folder, config, thresholds, {"weights": weights_file.name, "thresholds": origin}
    )


def _info(
    folder: Path, config: StarDistConfig, thresholds: Mapping[str, float], source: dict[str, Any]
) -> ModelInfo:
    return ModelInfo(
        name=folder.resolve().name,
        model="stardist",
        task="instances",
        config=asdict(config),
        settings={"prob_threshold": thresholds["prob"], "nms_threshold": thresholds["nms"]},
        class_names=tuple(f"class {i + 1}" for i in range(config.n_classes)),
        axes="YX" if len(config.grid) == 2 else "ZYX",
        normalization={"low": 1.0, "high": 99.8, "channels": "separate"},
        training={"software": "StarDist", **source},
        description="Converted from a model folder of the StarDist package",
        limits="The folder does not say how images were normalised; percentiles 1 and 99.8 are assumed",
    )


def _find_weights(folder: Path) -> Path:
    files = [f for ending in ("*.h5", "*.hdf5") for f in folder.glob(ending)]
    if not files:
        raise ModelFileError(
            f"{folder}: no weights (*.h5) beside config.json; copy weights_best.h5 into the folder"
        )
    best = [f for f in files if "best" in f.name]
    return max(best or files, key=lambda f: (f.stat().st_mtime, f.name))


def _blocks(network: StarDist, prefix: str) -> Iterator[tuple[str, list[str] | None]]:
    """Each block of the network, with StarDist's names of its convolutions; None where they have only numbers."""
    config = network.config
    if config.backbone == "resnet":
        yield "backbone", None
    else:
        yield from _unet_blocks(network, prefix)
    heads = {"features": "features", "prob": "prob", "distances": "dist"}
    if config.n_classes:
        heads |= {"features_class": "features_class", "class_prob": "prob_class"}
    for ours, theirs in heads.items():
        yield ours, [theirs]


def _unet_blocks(network: StarDist, prefix: str) -> Iterator[tuple[str, list[str] | None]]:
    config = network.config
    ordinals = list(range(config.convs_per_level))
    # in the middle and on the way up, the last number leaves one out
    skipping = [*ordinals[:-1], config.convs_per_level]
    for stage in range(len(network.stem)):
        yield f"stem.{stage}", None
    for level in range(config.depth):
        yield f"down.{level}", [f"{prefix}down_level_{level}_no_{i}" for i in ordinals]
    yield "middle", [f"{prefix}middle_{i}" for i in skipping]
    for i, level in enumerate(reversed(range(config.depth))):
        yield f"up.{i}", [f"{prefix}up_level_{level}_no_{i}" for i in skipping]


def _wanted(network: StarDist, prefix: str) -> Iterator[tuple[str, str]]:
    """Every layer that has weights, in the order in which StarDist makes them: its name or kind, its place here."""
    for block, names in _blocks(network, prefix):
        remaining = iter(names or ())
        for place, layer in network.get_submodule(block).named_modules(prefix=block):
            if isinstance(layer, nn.Conv2d | nn.Conv3d):
                yield (UNNAMED if names is None else next(remaining)), place
            elif isinstance(layer, nn.BatchNorm2d | nn.BatchNorm3d):
                yield BATCH_NORM, place


def _match(path: Path, network: StarDist, layers: Layers, *, prefix: str) -> dict[str, str]:
    """Places in the network by the names of the layers in the file."""
    wanted = list(_wanted(network, prefix))
    queues = {}
    for kind, theirs in ((UNNAMED, f"conv{len(network.config.grid)}d"), (BATCH_NORM, BATCH_NORM)):
        names = sorted(
            (n for n in layers if re.fullmatch(rf"{theirs}(_v\d)?(_\d+)?", n)), key=_running_number
        )
        expected = sum(name == kind for name, _ in wanted)
        if len(names) != expected:
            raise ModelFileError(
                f"{path}: has {len(names)} layers {theirs!r}, config.json asks for {expected}"
            )
        queues[kind] = iter(names)
    places = {next(queues[name]) if name in queues else name: place for name, place in wanted}
    missing, extra = sorted(places.keys() - layers.keys()), sorted(layers.keys() - places.keys())
    if missing or extra:
        raise ModelFileError(
            f"{path}: its layers are not those of config.json (missing: {', '.join(missing[:4]) or 'none'}; "
            f"unknown: {', '.join(extra[:4]) or 'none'}); the two files are not of the same model"
        )
    return places


def _running_number(name: str) -> int:
    """Keras' number at the end of a layer's name; the first of a session has none."""
    number = re.search(r"(?<=_)\d+$", name)
    return int(number.group()) if number else 0


def _read_state(
    path: Path, network: StarDist, layers: Layers, places: Mapping[str, str]
) -> dict[str, torch.Tensor]:
    state = {}
    for name, place in places.items():
        layer = network.get_submodule(place)
        is_conv = isinstance(layer, nn.Conv2d | nn.Conv3d)
        for theirs, ours in CONV_WEIGHTS if is_conv else NORM_WEIGHTS:
            weight = getattr(layer, ours)
            if weight is None:  # the bias of a convolution before a batch norm
                continue
            if theirs not in layers[name]:
                raise ModelFileError(f"{path}: layer {name} lacks its {theirs}; the file is damaged")
            shape = tuple(weight.shape)
            if theirs == "kernel":  # Keras: sides, in, out
                shape = (*shape[2:], shape[1], shape[0])
            values = read_weight(path, f"{name}/{theirs}", layers[name][theirs], shape)
            if theirs == "kernel":
                values = np.ascontiguousarray(np.moveaxis(values, (-1, -2), (0, 1)))
            state[f"{place}.{ours}"] = torch.from_numpy(values)
        if not is_conv:
            state[f"{place}.num_batches_tracked"] = torch.tensor(0)
    return state
