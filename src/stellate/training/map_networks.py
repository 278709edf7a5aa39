"""The networks that name the class of every pixel, chosen by how large what they are to see is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..data.fingerprint import Fingerprint
from ..errors import ConfigError
from ..models import configure
from ..models.sliding_window import repetition
from .reasons import Choices, Fields, by_axis, text
from .run_choices import is_volumes, kind_of
from .volume_choices import pooling

__all__ = ["SHOWN", "choose_network"]

MOST_DEPTH, LEAST_DEPTH = 5, 2
# Half the width of the papers': a quarter of the weights, for data sets that are far smaller than theirs.
WIDTH, VOLUME_WIDTH = 32, 16
CHANNEL_LIMIT = {2: 512, 3: 256}
ENCODER_DEPTH = 5
# A window of so many pixels before its first pooling, twice as many for each; 64 with three is Ciresan's, but for one.
WINDOW = 8
CONVS = 6

SHOWN = {
    "sliding-window": ("in_channels", "patch_size", "depth", "convolutional"),
    "fully-convolutional": ("in_channels", "n_layers", "dilations", "channels"),
    "encoder-decoder": ("in_channels", "depth", "upscaling", "base_channels"),
    "segnet": ("in_channels", "variant", "base_channels"),
    "unet": ("in_channels", "depth", "base_channels", "encoder"),
}
"""Fields of each that are told where a network is kept."""


def choose_network(model: str, choices: Choices, data: Fingerprint, fields: Fields) -> None:
    """Choose what channels and classes leave open of a network.

    Raises
    ------
    ConfigError
        If the data is volumes, and the network is for images.
    """
    if is_volumes(data) and model != "unet":
        raise ConfigError(f"{model} is for images, but the data is {kind_of(data)}; train a unet")
    NETWORKS[model](choices, data, fields)


def _sliding_window(choices: Choices, data: Fingerprint, fields: Fields) -> None:
    span = max(data.median_extent, default=0.0)
    depth = fields.pick("depth", 2 if span <= WINDOW * 2**2 else 3, _why_spans(data))
    fields.pick("patch_size", WINDOW * 2**depth, f"room for {depth} poolings")
    loop = configure("sliding-window", {**choices.network, **fields.given, "convolutional": False})
    why = f"gives the same as a patch for each pixel, and computes {repetition(loop):.0f} times less"
    fields.pick("convolutional", True, why)


def _fully_convolutional(choices: Choices, data: Fingerprint, fields: Fields) -> None:
    layers = fields.pick("n_layers", CONVS, "each sees a pixel farther, or as many as its dilation")
    usual = (1,) * layers
    if max(_reach(data)) > 2 * layers + 1:  # what they see undilated
        usual = tuple(2 ** max(0, k - 1) for k in range(layers - 1)) + (1,) * min(1, layers)
    given = {name: fields.given[name] for name in ("kernel_size",) if name in fields.given}
    field = configure("fully-convolutional", {**given, "n_layers": layers, "dilations": usual})
    fields.pick("dilations", usual, _why_sees(field.receptive_field, data))


def _encoder_decoder(choices: Choices, data: Fingerprint, fields: Fields) -> None:
    _pick_depth("encoder-decoder", data, fields)
    fields.pick(
        "upscaling", "bilinear", "smooth; the other ways are nearest, bed-of-nails, max-unpooling, transposed"
    )


def _segnet(choices: Choices, data: Fingerprint, fields: Fields) -> None:
    small = max(data.shape_median) < 128
    why = "images are small" if small else "the paper's; basic is the smaller one"
    fields.pick("variant", "basic" if small else "vgg16", why)
    fields.pick("base_channels", WIDTH, "half the paper's, for there is no pre-training")


def _unet(choices: Choices, data: Fingerprint, fields: Fields) -> None:
    if fields.given.get("encoder"):
        fields.pick("depth", ENCODER_DEPTH, "all of the encoder's")
        return
    axes = len(data.spatial_axes)
    if axes == 3:
        fields.pick("grid", (1, 1, 1), "volumes")
        choices.anisotropy = _voxels(data)
        fields.pick("pool", *pooling(data, (1, 1, 1), choices.anisotropy))
    _pick_depth("unet", data, fields)
    why = "half the paper's" if axes == 2 else "bounds memory, and the time of a step"
    fields.pick("base_channels", WIDTH if axes == 2 else VOLUME_WIDTH, why)
    fields.pick("max_channels", CHANNEL_LIMIT[axes], "depth costs few weights this way")


def _pick_depth(model: str, data: Fingerprint, fields: Fields) -> None:
    """The least depth that sees what there is twice over, as far as images go."""
    known = {
        name: value
        for name, value in {**fields.choices.network, **fields.given}.items()
        if name not in ("depth", "n_classes")
    }

    def seen(depth: int) -> Any:
        return configure(model, {**known, "depth": depth})

    depth = _first(
        (d for d in range(LEAST_DEPTH, MOST_DEPTH) if _covers(seen(d).receptive_field, data)), MOST_DEPTH
    )
    while depth > LEAST_DEPTH and any(
        s > n for s, n in zip(seen(depth).stride, data.shape_median, strict=True)
    ):
        depth -= 1  # the lowest level would hold less than a pixel of the image
    field = seen(fields.given.get("depth", depth)).receptive_field
    fields.pick("depth", depth, _why_sees(field, data))


def _voxels(data: Fingerprint) -> tuple[float, ...]:
    """Length of voxels along each axis over the shortest, where it is stated; else they are taken for cubes."""
    sizes = data.spacing_um or (1.0, 1.0, 1.0)
    return tuple(s / min(sizes) for s in sizes)


def _first(found: Iterable[int], otherwise: int) -> int:
    return next(iter(found), otherwise)


def _reach(data: Fingerprint) -> tuple[float, ...]:
    """What the network should see: large structures and what lies around them, as far as images go."""
    if not data.large_extent:
        return tuple(map(float, data.shape_median))
    return tuple(min(2 * e, n) for e, n in zip(data.large_extent, data.shape_median, strict=True))


def _covers(field: tuple[int, ...], data: Fingerprint) -> bool:
    return all(f >= r for f, r in zip(field, _reach(data), strict=True))


def _why_spans(data: Fingerprint) -> str:
    if not data.median_extent:
        return "there is one class alone to go by"
    return f"connected pieces of a class span {by_axis(data.median_extent)} px at the median"


def _why_sees(field: tuple[int, ...], data: Fingerprint) -> str:
    if not data.large_extent:
        return f"sees {text(field)} px"
    return f"sees {text(field)} px; 99 % of the connected pieces span at most {by_axis(data.large_extent)} px"


NETWORKS: dict[str, Callable[[Choices, Fingerprint, Fields], None]] = {
    "sliding-window": _sliding_window,
    "fully-convolutional": _fully_convolutional,
    "encoder-decoder": _encoder_decoder,
    "segnet": _segnet,
    "unet": _unet,
}
