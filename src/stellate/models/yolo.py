"""Any number of objects, each with box and class, in one pass: a modern YOLO, without anchors.

Each cell of three grids says of which class the object around its middle is, if any, and how far the four sides of its
box are. What belongs to which cell is not laid down by the grid, as in the first YOLO, but learned
(`stellate.losses.assignment`); so cells are no limit to how many objects there can be in one place.
Shapes of tensors, with C image channels, w the width, K classes and b bins; level n has stride 2**n::

    image         (B, C, H, W)
    way down      level 1 to 5: convolution that halves the size, cross-stage partial layer; at last a spatial pyramid
    way up        levels 5, 4, 3: enlarged, beside the map of the way down, layer
    down again    levels 3, 4, 5: halved, beside the map of the way up, layer (Liu et al., PANet, CVPR 2018)
    classes_8     (B, K, H/8, W/8), and _16, _32: logits of each class
    sides_8       (B, 4 * b, H/8, W/8), and so on: how likely each distance of left, top, right, bottom is, in strides
    boxes         (B, N, 4) and scores (B, N, K), N the cells of all grids: what is made of them in use

Redmon et al., You Only Look Once, CVPR 2016, for the idea; Ge et al., YOLOX, 2021, for the two heads without anchors;
Li et al., Generalized Focal Loss, NeurIPS 2020, for distances as distributions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import ConfigError
from ..losses.detector import CellPredictions, detector_losses
from ..losses.distances import expected_distances
from ..nn.cells import boxes_around, cell_middles, flattened
from ..nn.csp import CspLayer, NormedConv, SpatialPyramid
from .checks import check_image, check_whole_numbers

__all__ = ["STRIDES", "Yolo", "YoloConfig"]

RANGES = {
    "in_channels": (1, 1024),
    "n_classes": (1, 10_000),
    "width": (8, 1024),
    "depth": (1, 16),
    "bins": (2, 64),
}
STRIDES = (8, 16, 32)
LEVELS = 5
HALO = 64
LARGEST = 16
"""Channels of the lowest level, over those of the first."""

EXPECTED_OBJECTS = 5.0
"""In an image of 640 pixels: what the classes are taken to be as likely as at first, so that training does not begin
with objects everywhere."""


@dataclass(frozen=True)
class YoloConfig:
    """What defines a YOLO. Sizes n, s and m are widths 16, 32 and 48 and depths 1, 1 and 2."""

    in_channels: int = 3
    """Channels of the image."""
    n_classes: int = 1
    """Classes of objects; there is none for the background."""
    width: int = 16
    """Channels of the first level; they double with each level, up to 16 times as many. A multiple of 8."""
    depth: int = 1
    """Bottlenecks of a layer; twice as many at the levels in the middle."""
    bins: int = 16
    """Distances that are told apart, 0, 1, 2, ... strides; no side of a box is farther than the last."""

    def __post_init__(self) -> None:
        check_whole_numbers(self, RANGES)
        if self.width % 8:
            raise ConfigError(f"width {self.width}: expected a multiple of 8, so that layers can be halved")

    @property
    def grid(self) -> tuple[int, ...]:
        """Pixels per cell of the finest grid along each axis."""
        return (STRIDES[0],) * 2

    @property
    def stride(self) -> tuple[int, ...]:
        """Image sides must be multiples of this."""
        return (STRIDES[-1],) * 2

    @property
    def halo(self) -> tuple[int, ...]:
        """Pixels around a region that are seen beside it. What is farther changes little; the network sees it all."""
        return (HALO,) * 2

    def channels_at(self, level: int) -> int:
        """Channels of level `level`, of which the first has half the size of the image."""
        return min(LARGEST, 2 ** (level - 1)) * self.width


class Yolo(nn.Module):
    """A network that finds boxes; see the module's page.

    Parameters
    ----------
    config
        What defines the network.
    """

    def __init__(self, config: YoloConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or YoloConfig()
        c = {level: config.channels_at(level) for level in range(1, LEVELS + 1)}
        depth = config.depth
        self.stem = NormedConv(config.in_channels, c[1], stride=2)
        self.down = nn.ModuleList()
        for level in range(2, LEVELS + 1):
            n_blocks = 2 * depth if level in (3, 4) else depth
            parts = [NormedConv(c[level - 1], c[level], stride=2), CspLayer(c[level], c[level], n_blocks)]
            self.down.append(nn.Sequential(*parts, *([SpatialPyramid(c[level])] if level == LEVELS else [])))
        self.up = nn.ModuleDict(
            {str(k): CspLayer(c[k] + c[k + 1], c[k], depth, shortcut=False) for k in (4, 3)}
        )
        self.halve = nn.ModuleDict({str(k): NormedConv(c[k - 1], c[k - 1], stride=2) for k in (4, 5)})
        self.again = nn.ModuleDict(
            {str(k): CspLayer(c[k - 1] + c[k], c[k], depth, shortcut=False) for k in (4, 5)}
        )
        of_classes, of_sides = max(c[3], min(config.n_classes, 100)), max(16, c[3] // 4, config.bins * 4)
        self.classes = nn.ModuleDict(
            {str(s): _head(c[k], of_classes, config.n_classes) for k, s in enumerate(STRIDES, start=3)}
        )
        self.sides = nn.ModuleDict(
            {str(s): _head(c[k], of_sides, 4 * config.bins) for k, s in enumerate(STRIDES, start=3)}
        )
        self._begin()

    def forward(
        self,
        image: Tensor,
        true_xyxy: Sequence[Tensor] | None = None,
        true_classes: Sequence[Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Predict from a batch of normalised images; or, where their objects are given, the losses.

        Parameters
        ----------
        image
            ``(B, in_channels, H, W)`` float; the sides multiples of ``config.stride``.
        true_xyxy, true_classes
            Of each image the boxes of its objects and their classes; see `detector_losses`.

        Returns
        -------
        dict
            ``boxes``: ``(B, N, 4)``, x1, y1, x2, y2 in pixels at their edges, of each cell. ``scores``: ``(B, N,
            n_classes)``, probability of each class; classes need not exclude one another. Of objects that are given,
            the losses by name.
        """
        said = self.cells(image)
        if true_xyxy is not None and true_classes is not None:
            return detector_losses(said, true_xyxy, true_classes)
        return {"boxes": said.boxes_xyxy, "scores": said.classes.sigmoid()}

    def cells(self, image: Tensor) -> CellPredictions:
        """What each cell says of a batch of images."""
        maps = self.maps(image)
        of_classes, of_sides = ([maps[f"{name}_{s}"] for s in STRIDES] for name in ("classes", "sides"))
        points, sizes = cell_middles([(m.shape[2], m.shape[3]) for m in of_classes], STRIDES)
        points, sizes = points.to(image.device), sizes.to(image.device)
        sides = flattened(of_sides)
        sides = sides.reshape(*sides.shape[:2], 4, self.config.bins)
        distances = expected_distances(sides.float()) * sizes[:, None]
        return CellPredictions(flattened(of_classes), sides, boxes_around(points, distances), points, sizes)

    def maps(self, image: Tensor) -> dict[str, Tensor]:
        """Logits of a batch of images: for each stride s of `STRIDES`, ``classes_s`` and ``sides_s``."""
        check_image(image, self.config)
        x = self.stem(image)
        maps: dict[int, Tensor] = {}
        for level, layer in enumerate(self.down, start=2):
            x = maps[level] = layer(x)
        up = {LEVELS: x}
        for level in (4, 3):
            larger = F.interpolate(up[level + 1], scale_factor=2.0, mode="nearest")
            up[level] = self.up[str(level)](torch.cat([larger, maps[level]], dim=1))
        found = {3: up[3]}
        for level in (4, 5):
            smaller = self.halve[str(level)](found[level - 1])
            found[level] = self.again[str(level)](torch.cat([smaller, up[level]], dim=1))
        output: dict[str, Tensor] = {}
        for level, stride in enumerate(STRIDES, start=3):
            output[f"classes_{stride}"] = self.classes[str(stride)](found[level])
            output[f"sides_{stride}"] = self.sides[str(stride)](found[level])
        return output

    def _begin(self) -> None:
        """Classes begin as unlikely as they are."""
        for stride in STRIDES:
            last: nn.Conv2d = self.classes[str(stride)][-1]  # type: ignore[index,assignment]
            assert last.bias is not None
            chance = EXPECTED_OBJECTS / self.config.n_classes / (640 / stride) ** 2
            nn.init.constant_(last.bias, math.log(chance / (1 - chance)))


def _head(in_channels: int, channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        NormedConv(in_channels, channels),
        NormedConv(channels, channels),
        nn.Conv2d(channels, out_channels, 1),
    )
