"""Model folders of the StarDist package (2D), read without TensorFlow.

A folder has ``config.json``, weights (``*.h5``) and perhaps ``thresholds.json``. Most layers have fixed
names. Those of the stem (``conv2d_7``) and the batch norms (``batch_normalization_3``) do not: Keras numbers
them on through a session, so that only their order counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ..errors import ConfigError, ModelFileError
from .file import ModelInfo
from .keras_weights import Layers, open_weights, read_weight
from .stardist import StarDist, StarDistConfig

__all__ = ["read_stardist_folder"]

STEM, BATCH_NORM = "conv2d", "batch_normalization"
CONV_WEIGHTS = (("kernel", "weight"), ("bias", "bias"))
NORM_WEIGHTS = (
    ("gamma", "weight"),
    ("beta", "bias"),
    ("moving_mean", "running_mean"),
    ("moving_variance", "running_var"),
)
DEFAULT_THRESHOLDS = {"prob": 0.5, "nms": 0.4}
KERAS_ACTIVATIONS = {None: "linear", "swish": "silu"}

# Fields of config.json by ours, with what StarDist takes where an older config lacks them.
FIELDS: dict[str, tuple[str, Any]] = {
    "in_channels": ("n_channel_in", 1),
    "n_rays": ("n_rays", 32),
    "grid": ("grid", (1, 1)),
    "n_classes": ("n_classes", 0),
    "depth": ("unet_n_depth", 3),
    "base_channels": ("unet_n_filter_base", 32),
    "expansion": ("unet_expansion", 2),
    "convs_per_level": ("unet_n_conv_per_depth", 2),
    "kernel_size": ("unet_kernel_size", (3, 3)),
    "pool": ("unet_pool", (2, 2)),
    "head_channels": ("net_conv_after_unet", 128),
    "batch_norm": ("unet_batch_norm", False),
    "activation": ("unet_activation", "relu"),
    "last_activation": ("unet_last_activation", "relu"),
}
WITHOUT_EFFECT = {"unet_dropout", "unet_prefix", "unet_kernel_init"}


def read_stardist_folder(folder: str | Path) -> tuple[StarDist, ModelInfo]:
    """Read a StarDist 2D model folder.

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
        If the folder is none of StarDist's, is of a 3D model, has a setting that is not known here, or its
        weights are damaged or do not fit.
    """
    folder = Path(folder)
    settings = _read_config(folder / "config.json")
    config = _translate(folder / "config.json", settings)
    weights_file = _find_weights(folder)
    with torch.device("meta"):
        network = StarDist(config)
    with open_weights(weights_file) as layers:
        places = _match(weights_file, network, layers, prefix=str(settings.get("unet_prefix", "")))
        state = _read_state(weights_file, network, layers, places)
    network.load_state_dict(state, assign=True)
    thresholds, origin = _read_thresholds(folder / "thresholds.json")
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
        normalization={"low": 1.0, "high": 99.8, "channels": "separate"},
        training={"software": "StarDist", **source},
        description="Converted from a model folder of the StarDist package",
        limits="The folder does not say how images were normalised; percentiles 1 and 99.8 are assumed",
    )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{path}: is no valid JSON ({error})") from error
    if not isinstance(content, dict):
        raise ModelFileError(f"{path}: expected a JSON object, got {str(content)[:40]!r}")
    return content


def _read_config(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ModelFileError(
            f"{path.parent} has no config.json; expected a StarDist 2D model folder, with config.json and "
            "weights_best.h5 in it"
        )
    settings = _read_json(path)
    axes = str(settings.get("axes", "YXC")).upper()
    if settings.get("n_dim", 2) != 2 or "Z" in axes:
        raise ModelFileError(
            f"{path}: a model for volumes (axes {axes}); stellate reads 2D models only, so far"
        )
    if axes.replace("C", "") != "YX":
        raise ModelFileError(f"{path}: a model for images with axes {axes}; expected YX or YXC")
    if str(settings.get("backbone", "unet")).lower() != "unet":
        raise ModelFileError(f"{path}: backbone {settings['backbone']!r}; 2D models with a U-Net can be read")
    if not ("n_rays" in settings or "net_conv_after_unet" in settings):
        raise ModelFileError(f"{path}: this is not the config of a StarDist model, for it has no n_rays")
    return settings


def _translate(path: Path, settings: Mapping[str, Any]) -> StarDistConfig:
    known = {theirs for theirs, _ in FIELDS.values()} | WITHOUT_EFFECT
    unknown = sorted(key for key in settings if key.startswith("unet_") and key not in known)
    if unknown:
        raise ModelFileError(f"{path}: settings that are not known here: {', '.join(unknown)}")
    values = {ours: settings.get(theirs, default) for ours, (theirs, default) in FIELDS.items()}
    values["n_classes"] = values["n_classes"] or 0
    values["batch_norm"] = bool(values["batch_norm"])
    if values["last_activation"] is None:
        values["last_activation"] = values["activation"]
    for name in ("activation", "last_activation"):
        values[name] = KERAS_ACTIVATIONS.get(values[name], values[name])
    try:
        return StarDistConfig(**values)
    except (ConfigError, TypeError) as error:
        raise ModelFileError(f"{path}: {error}") from error


def _find_weights(folder: Path) -> Path:
    files = [f for ending in ("*.h5", "*.hdf5") for f in folder.glob(ending)]
    if not files:
        raise ModelFileError(
            f"{folder}: no weights (*.h5) beside config.json; copy weights_best.h5 into the folder"
        )
    best = [f for f in files if "best" in f.name]
    return max(best or files, key=lambda f: (f.stat().st_mtime, f.name))


def _read_thresholds(path: Path) -> tuple[dict[str, float], str]:
    """Thresholds, and a word on where they are from."""
    if not path.is_file():
        return dict(DEFAULT_THRESHOLDS), "StarDist's defaults; the folder has no thresholds.json"
    try:
        content = _read_json(path)
    except ModelFileError:
        return dict(DEFAULT_THRESHOLDS), "StarDist's defaults; thresholds.json is damaged"
    given = {name: content.get(name) for name in DEFAULT_THRESHOLDS}
    valid = {name: float(v) for name, v in given.items() if isinstance(v, int | float) and 0 < v < 1}
    replaced = sorted(given.keys() - valid.keys())
    origin = (
        f"thresholds.json; StarDist's default for {', '.join(replaced)}" if replaced else "thresholds.json"
    )
    return DEFAULT_THRESHOLDS | valid, origin


def _blocks(network: StarDist, prefix: str) -> Iterator[tuple[str, list[str]]]:
    """Each block of the network, with StarDist's names of its convolutions (of the stem, unnumbered)."""
    config = network.config
    ordinals = list(range(config.convs_per_level))
    skipping = [
        *ordinals[:-1],
        config.convs_per_level,
    ]  # in the middle and on the way up, the last leaves one out
    for stage in range(len(network.stem)):
        yield f"stem.{stage}", [STEM] * config.convs_per_level
    for level in range(config.depth):
        yield f"down.{level}", [f"{prefix}down_level_{level}_no_{i}" for i in ordinals]
    yield "middle", [f"{prefix}middle_{i}" for i in skipping]
    for i, level in enumerate(reversed(range(config.depth))):
        yield f"up.{i}", [f"{prefix}up_level_{level}_no_{i}" for i in skipping]
    heads = {"features": "features", "prob": "prob", "distances": "dist"}
    if config.n_classes:
        heads |= {"features_class": "features_class", "class_prob": "prob_class"}
    for ours, theirs in heads.items():
        yield ours, [theirs]


def _wanted(network: StarDist, prefix: str) -> Iterator[tuple[str, str]]:
    """Every layer that has weights, in StarDist's order: its name in the file, its place in the network."""
    for block, names in _blocks(network, prefix):
        remaining = iter(names)
        for place, layer in network.get_submodule(block).named_modules(prefix=block):
            if isinstance(layer, nn.Conv2d):
                yield next(remaining), place
            elif isinstance(layer, nn.BatchNorm2d):
                yield BATCH_NORM, place


def _match(path: Path, network: StarDist, layers: Layers, *, prefix: str) -> dict[str, str]:
    """Places in the network by the names of the layers in the file."""
    wanted = list(_wanted(network, prefix))
    queues = {}
    for kind in (STEM, BATCH_NORM):
        names = sorted((n for n in layers if re.fullmatch(rf"{kind}(_v\d)?(_\d+)?", n)), key=_running_number)
        expected = sum(name == kind for name, _ in wanted)
        if len(names) != expected:
            raise ModelFileError(f"{path}: has {len(names)} layers {kind!r}, config.json asks for {expected}")
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
        for theirs, ours in CONV_WEIGHTS if isinstance(layer, nn.Conv2d) else NORM_WEIGHTS:
            if theirs not in layers[name]:
                raise ModelFileError(f"{path}: layer {name} lacks its {theirs}; the file is damaged")
            shape = tuple(getattr(layer, ours).shape)
            if theirs == "kernel":  # Keras: rows, columns, in, out
                shape = (shape[2], shape[3], shape[1], shape[0])
            values = read_weight(path, f"{name}/{theirs}", layers[name][theirs], shape)
            if theirs == "kernel":
                values = np.ascontiguousarray(values.transpose(3, 2, 0, 1))
            state[f"{place}.{ours}"] = torch.from_numpy(values)
        if isinstance(layer, nn.BatchNorm2d):
            state[f"{place}.num_batches_tracked"] = torch.tensor(0)
    return state
