"""Settings in model folders of the StarDist package: ``config.json`` and ``thresholds.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import ConfigError, ModelFileError
from .stardist_config import StarDistConfig
from .stardist_rays import read_rays

__all__ = ["read_config", "read_settings", "read_thresholds"]

DEFAULT_THRESHOLDS = {"prob": 0.5, "nms": 0.4}
KERAS_ACTIVATIONS = {None: "linear", "swish": "silu"}

# Fields of config.json by ours, with what StarDist takes where an older config lacks them.
FIELDS: dict[str, tuple[str, Any]] = {
    "in_channels": ("n_channel_in", 1),
    "n_classes": ("n_classes", 0),
    "backbone": ("backbone", "unet"),
}
BACKBONE_FIELDS: dict[str, dict[str, tuple[str, Any]]] = {
    "unet": {
        "depth": ("unet_n_depth", 3),
        "base_channels": ("unet_n_filter_base", 32),
        "expansion": ("unet_expansion", 2),
        "convs_per_level": ("unet_n_conv_per_depth", 2),
        "kernel_size": ("unet_kernel_size", 3),
        "pool": ("unet_pool", 2),
        "head_channels": ("net_conv_after_unet", 128),
        "batch_norm": ("unet_batch_norm", False),
        "activation": ("unet_activation", "relu"),
        "last_activation": ("unet_last_activation", "relu"),
    },
    "resnet": {
        "n_blocks": ("resnet_n_blocks", 4),
        "base_channels": ("resnet_n_filter_base", 32),
        "convs_per_block": ("resnet_n_conv_per_block", 3),
        "kernel_size": ("resnet_kernel_size", 3),
        "head_channels": ("net_conv_after_resnet", 128),
        "batch_norm": ("resnet_batch_norm", False),
        "activation": ("resnet_activation", "relu"),
    },
}
OTHERWISE_IN_3D = {"unet_n_depth": 2}
WITHOUT_EFFECT = {"unet_dropout", "unet_prefix", "unet_kernel_init", "resnet_kernel_init"}


def read_settings(path: Path) -> dict[str, Any]:
    """Read ``config.json``, after checking that it is of a StarDist model.

    Raises
    ------
    ModelFileError
        If it is missing, damaged, or of another kind of model.
    """
    if not path.is_file():
        raise ModelFileError(
            f"{path.parent} has no config.json; expected a StarDist model folder, with config.json and "
            "weights_best.h5 in it"
        )
    settings = _read_json(path)
    if not settings.keys() & {"n_rays", "rays_json", "net_conv_after_unet"}:
        raise ModelFileError(f"{path}: this is not the config of a StarDist model, for it has no n_rays")
    axes = str(settings.get("axes", "ZYXC" if settings.get("n_dim") == 3 else "YXC")).upper()
    if axes.replace("C", "") not in ("YX", "ZYX"):
        raise ModelFileError(f"{path}: a model for images with axes {axes}; expected YX(C) or ZYX(C)")
    n_axes = len(axes.replace("C", ""))
    if settings.get("n_dim", n_axes) != n_axes:
        raise ModelFileError(f"{path}: n_dim is {settings['n_dim']!r}, but axes are {axes}")
    backbone = settings.get("backbone", "unet")
    if backbone not in (("unet",) if n_axes == 2 else tuple(BACKBONE_FIELDS)):
        known = "a U-Net" if n_axes == 2 else "a U-Net or a ResNet"
        raise ModelFileError(f"{path}: backbone {backbone!r}; {n_axes}D models with {known} can be read")
    return settings | {"axes": axes}


def read_config(path: Path, settings: Mapping[str, Any]) -> StarDistConfig:
    """The network's config, from what `read_settings` returned.

    Raises
    ------
    ModelFileError
        If a setting is not known here, or out of range.
    """
    backbone, is_volume = settings.get("backbone", "unet"), "Z" in settings["axes"]
    fields = FIELDS | BACKBONE_FIELDS[backbone]
    known = {theirs for theirs, _ in fields.values()} | WITHOUT_EFFECT
    unknown = sorted(key for key in settings if key.startswith(f"{backbone}_") and key not in known)
    if unknown:
        raise ModelFileError(f"{path}: settings that are not known here: {', '.join(unknown)}")
    defaults = dict(fields.values()) | (OTHERWISE_IN_3D if is_volume else {})
    values = {ours: settings.get(theirs, defaults[theirs]) for ours, (theirs, _) in fields.items()}
    values["n_classes"] = values["n_classes"] or 0
    values["batch_norm"] = bool(values["batch_norm"])
    values.setdefault("last_activation", "relu")
    if values["last_activation"] is None:
        values["last_activation"] = values["activation"]
    for name in ("activation", "last_activation"):
        values[name] = KERAS_ACTIVATIONS.get(values[name], values[name])
    try:
        rays = read_rays(settings) if is_volume else {"n_rays": settings.get("n_rays", 32)}
        return StarDistConfig(grid=_grid(settings.get("grid"), 3 if is_volume else 2), **values, **rays)
    except (ConfigError, TypeError, OverflowError) as error:
        raise ModelFileError(f"{path}: {error}") from error


def read_thresholds(path: Path) -> tuple[dict[str, float], str]:
    """Thresholds ``prob`` and ``nms``, StarDist's where the file has none that make sense; and their origin."""
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


def _grid(grid: Any, n_axes: int) -> Any:
    """A sequence of one number per axis, if it is a sequence at all."""
    if isinstance(grid, list) and len(grid) != n_axes:
        raise ConfigError(f"grid {grid}: expected {n_axes} numbers, one per image axis")
    return (1,) * n_axes if grid is None else (grid,) * n_axes if isinstance(grid, int) else grid


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
