"""Network and patch for images, from what they and their objects are like."""

from __future__ import annotations

import math

from ..data.fingerprint import Fingerprint
from ..models import configure
from ..models.stardist import StarDistConfig
from .reasons import Choices, Fields, by_axis

__all__ = ["CHANNEL_LIMIT", "MAX_DEPTH", "choose_image_network", "image_patch"]

# Networks much deeper than this no longer fit small patches.
MAX_DEPTH = 5
# Below this the lowest levels hold most of the weights without helping; above, depth is free but for a few weights.
CHANNEL_LIMIT = 128
SMALLEST_PATCH, LARGEST_PATCH = 128, 512


def choose_image_network(choices: Choices, data: Fingerprint, fields: Fields) -> None:
    """Choose what the channels of the images leave open of a network for images."""
    diameter = data.object_diameters["50"]
    extent = data.object_extents["99"]
    grid = 1 if diameter < 8 else 2 if diameter < 60 else 4
    fields.pick("grid", (grid, grid), f"the median object is {diameter:.0f} px wide")
    fields.pick("batch_norm", True, "trains faster; folded away for prediction")
    unet = fields.given.get("backbone", "unet") == "unet"
    why = "outlines are fitted to a foreground that knows each pixel" if unet else "only a U-Net predicts it"
    fields.pick("foreground", unet, why)
    if unet:
        _choose_depth(choices, fields, extent)


def _choose_depth(choices: Choices, fields: Fields, extent: float) -> None:
    grids = configure("stardist", {"grid": choices.network["grid"]}).grid
    depth = _depth_for(2 * extent, grids)
    field_px = min(StarDistConfig(grid=grids, depth=fields.given.get("depth", depth)).receptive_field)
    why = f"sees {field_px} px; 99 % of the objects span at most {extent:.0f} px"
    if field_px < extent:
        why += ", more than any depth sees: scale the images down, or set a larger grid"
    deep = fields.pick("depth", depth, why) > 3
    limit = "depth costs few weights this way" if deep else "no limit: the network is shallow"
    fields.pick("max_channels", CHANNEL_LIMIT if deep else 0, limit)


def _depth_for(reach: float, grid: tuple[int, ...]) -> int:
    for depth in range(3, MAX_DEPTH):
        if min(StarDistConfig(grid=grid, depth=depth).receptive_field) >= reach:
            return depth
    return MAX_DEPTH


def image_patch(data: Fingerprint, stride: tuple[int, ...]) -> tuple[tuple[int, ...], str]:
    """Height and width of the training patches, multiples of the stride, and why."""
    wanted = min(max(256.0, 2 * data.object_extents["99"]), max(data.shape_median))
    side = min(max(wanted, SMALLEST_PATCH), LARGEST_PATCH)
    why = f"holds several objects; the median image is {by_axis(data.shape_median)} px"
    return tuple(math.ceil(side / s) * s for s in stride), why
