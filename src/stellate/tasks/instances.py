"""Instances: the outline of every object, by star-convex candidates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ..errors import ConfigError, DataError, InputError
from ..geometry.rays import Rays3D
from ..geometry.suppression import SUPPRESSED
from ..geometry.tiles import Tile
from ..losses import (
    masked_binary_cross_entropy,
    star_distance_iou_loss,
    star_distance_l1_loss,
    weighted_cross_entropy,
)
from ..losses.class_weights import checked_weights
from ..metrics.instances import InstanceMetrics, score_instances
from ..results import Annotation, Instances
from .candidates import (
    MIN_DISTANCE,
    Candidates,
    about_border,
    candidates,
    instances_of,
    take,
)
from .class_targets import class_target
from .foreground import Foreground, foreground_of
from .from_settings import with_settings
from .star_polygons import StarPolygons
from .star_polyhedra import StarPolyhedra
from .star_shapes import StarShapes
from .task import Arrays, Batch, Sample
from .waiting import WaitingCandidates, in_target, largest_reach

__all__ = ["Candidates", "InstancesTask"]

OF_NETWORK = ("n_rays", "grid", "stride", "rays", "anisotropy", "class_names", "foreground")
"""Fields of the task that follow from the network, and are no settings."""


@dataclass(frozen=True)
class InstancesTask:
    """Star-convex instance segmentation, of images and, where rays are given, of volumes.

    Methods follow Schmidt et al., MICCAI 2018, and Weigert et al., WACV 2020; the foreground and the overlap loss are
    additions.
    """

    n_rays: int = 32
    """Directions per object; the network's."""
    grid: tuple[int, ...] = (2, 2)
    """Pixels per prediction; the network's."""
    stride: tuple[int, ...] = ()
    """To multiples of which the network's image is padded; the grid if empty."""
    rays: Rays3D | None = None
    """Directions in a volume; the network's. None for images."""
    anisotropy: tuple[float, ...] = (1.0, 1.0, 1.0)
    """Size of a voxel along (z, y, x) over the smallest; the network's."""
    class_names: tuple[str, ...] = ()
    """Names of the object classes; empty if objects are not told apart."""
    foreground: bool = False
    """Whether the network predicts a foreground to refine outlines with."""
    prob_threshold: float = 0.5
    """Least object probability of a candidate."""
    nms_threshold: float = 0.4
    """Share of the smaller object that may be covered by a better one."""
    foreground_threshold: float = 0.5
    """Least foreground probability of a pixel of an object."""
    border: int = 2
    """Grid cells along the border of the image in which no object may have its centre; StarDist leaves out 2."""
    growth: float = 0.5
    """How far an object may grow into the foreground, as a share of its radius."""
    distance_loss: Literal["l1", "iou"] = "l1"
    """Loss of the distances: StarDist's absolute error, or the overlap of the shapes."""
    distance_weight: float = 0.2
    """Weight of the distance loss beside the probability's."""
    class_weights: tuple[float, ...] = ()
    """Weight of each class in its loss, background first; empty where every pixel counts the same. For training,
    ``none`` and ``balanced`` are understood as well."""

    def __post_init__(self) -> None:
        for name in ("prob_threshold", "nms_threshold", "foreground_threshold"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} {getattr(self, name)}: must lie in 0..1")
        if self.border < 0 or self.growth < 0:
            raise ConfigError(f"border {self.border} and growth {self.growth}: must not be negative")
        if self.distance_loss not in ("l1", "iou"):
            raise ConfigError(f"distance_loss {self.distance_loss!r}: expected 'l1' or 'iou'")
        weighed = ("the background", *self.class_names)
        object.__setattr__(self, "class_weights", checked_weights(self.class_weights, weighed))

    @classmethod
    def for_network(
        cls, config: Any, settings: Mapping[str, Any], class_names: Sequence[str]
    ) -> InstancesTask:
        """The task of a network with this config, with settings that were stored beside it.

        Raises
        ------
        ConfigError
            If a setting is unknown or out of range, or a network for volumes predicts a foreground.
        """
        task = cls(
            n_rays=config.n_rays,
            grid=config.grid,
            stride=config.stride,
            foreground=config.foreground,
            class_names=tuple(class_names),
        )
        if len(config.grid) == 3:
            if config.foreground:
                raise ConfigError("foreground: outlines are fitted to it in images only, not in volumes")
            task = replace(task, rays=config.rays, anisotropy=config.anisotropy)
        return with_settings(task, settings, besides=OF_NETWORK)

    @cached_property
    def shapes(self) -> StarShapes:
        """The shapes of objects, and all that depends on whether they lie in an image or in a volume."""
        if self.rays is None:
            rows, columns = self.grid
            return StarPolygons(self.n_rays, (rows, columns))
        (z, y, x), (along_z, along_y, along_x) = self.grid, self.anisotropy
        return StarPolyhedra(self.rays, (z, y, x), (along_z, along_y, along_x))

    # -- training ----------------------------------------------------------------------------------------------

    def target(self, sample: Sample) -> Arrays:
        """Object probability, star distances, and where used classes and foreground.

        Labels below 0 mark pixels of which nothing is known; an object of class -1 trains its outline only.
        """
        instances = _instances(sample.annotation)
        labels = instances.labels
        arrays: dict[str, Any] = {
            "prob": self.shapes.probability(labels)[np.newaxis],
            # rays stay next to one another in memory, as convolutions want channels
            "distances": np.moveaxis(self.shapes.distances(labels), -1, 0),
        }
        if self.foreground:
            arrays["foreground"] = np.clip(labels, -1, 1).astype(np.float32)[np.newaxis]
        if self.class_names:
            arrays["class"] = class_target(instances, self.grid)
        return arrays

    def loss(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """``prob``, ``distances``, and where used ``class`` and ``foreground``; weighted."""
        out = {name: x.float() for name, x in model(batch["image"]).items()}
        weight = batch["prob"]
        if self.distance_loss == "iou":
            distances = star_distance_iou_loss(out["distances"], batch["distances"], weight)
        else:
            distances = star_distance_l1_loss(out["distances"], batch["distances"], weight)
        losses = {
            "prob": masked_binary_cross_entropy(out["prob"], weight),
            "distances": self.distance_weight * distances,
        }
        if self.foreground:
            losses["foreground"] = masked_binary_cross_entropy(out["foreground"], batch["foreground"])
        if self.class_names:
            weights = out["class_prob"].new_tensor(self.class_weights) if self.class_weights else None
            losses["class"] = weighted_cross_entropy(out["class_prob"], batch["class"], weights)
        return losses

    # -- prediction --------------------------------------------------------------------------------------------

    def decode(self, output: Mapping[str, Tensor], tile: Tile) -> Candidates:
        """Candidates whose centre the tile owns, without those that another candidate of the tile surely suppresses.

        Parameters
        ----------
        output
            The network's output for one tile: tensors without batch axis, on the CPU. Only those for what the tile
            owns are looked at.
        tile
            What was read; the network may have seen padding beyond its end.
        """
        found = candidates(
            output,
            tile,
            grid=self.grid,
            stride=self.stride or self.grid,
            threshold=self.prob_threshold,
            border=self.border,
        )
        return self._settled(replace(found, foreground=foreground_of(output, tile)))

    def mirrored(self, output: Mapping[str, Tensor], axes: tuple[int, ...]) -> dict[str, Tensor]:
        """Exchange the rays of maps that were mirrored, so that they point as in the image as it is.

        Parameters
        ----------
        output
            Maps of the mirrored image, mirrored back; ``distances`` is ``(n_rays, *spatial)``.
        axes
            Which of the spatial axes were mirrored.

        Raises
        ------
        ConfigError
            If there is a ray that points nowhere where the mirror image of another does.
        """
        ray = self.shapes.mirrored_rays(axes)
        return {**output, "distances": output["distances"][torch.from_numpy(ray)]}

    def remark(self, shape: tuple[int, ...]) -> str:
        """What is to be said beforehand of an image of this shape, as the network gets it; empty if nothing."""
        return about_border(shape, grid=self.grid, stride=self.stride or self.grid, border=self.border)

    def check_mirrors(self) -> None:
        """See that rays can be mirrored along every axis.

        Raises
        ------
        ConfigError
            As `mirrored`.
        """
        for axis in range(len(self.grid)):
            self.shapes.mirrored_rays((axis,))

    def merge(self, parts: Iterable[Candidates]) -> Instances:
        """Suppress what remains across the tiles, paint the rest, and fit it to the foreground."""
        foreground = Foreground()
        waiting = WaitingCandidates(self._suppress, self.shapes.extents)
        for part in parts:
            foreground.add(part.foreground, part.tile)
            waiting.add(replace(part, foreground=None))
        found = waiting.kept()
        # position breaks ties, so that labels do not depend on the tiles
        found = take(found, np.lexsort((*found.points.T[::-1], -found.scores)))
        labels = self.shapes.paint(found.points, found.distances, found.tile.target_shape, found.scores)
        growth = self.growth * found.distances.mean(axis=1)
        return instances_of(
            foreground.fitted(labels, self.foreground_threshold, growth), found, self.class_names
        )

    def score(
        self,
        predictions: Iterable[Instances],
        truths: Iterable[Instances],
        names: Sequence[str] | None = None,
    ) -> InstanceMetrics:
        """Matching by IoU, per image and pooled."""
        return score_instances(predictions, truths, names=names)

    # -- parts of the above ------------------------------------------------------------------------------------

    def _settled(self, found: Candidates) -> Candidates:
        """Drop what is suppressed for certain, as far as its tile knows.

        Candidates of other tiles are presumed to reach no further than the halo, where what the network sees of an
        object ends, or twice as far as the largest that is there.
        """
        tile = found.tile
        largest = float(found.distances.max(initial=MIN_DISTANCE))
        reach = np.maximum(
            np.array(tile.halos) / tile.scale, largest_reach(largest, np.array(self.shapes.extents))
        )
        states = self._suppress(found, known=in_target(tile.known_alone, tile), reach=reach.tolist())
        return take(found, states != SUPPRESSED)

    def _suppress(self, found: Candidates, **region: Any) -> npt.NDArray[np.int8]:
        try:
            return self.shapes.suppress(
                found.points, found.distances, found.scores, self.nms_threshold, **region
            )
        except ValueError as error:
            raise InputError(
                f"the network predicts outlines that cannot be ({error}); is it meant for this kind of image?"
            ) from error


def _instances(annotation: Annotation) -> Instances:
    if not isinstance(annotation, Instances):
        kind = type(annotation).__name__
        raise DataError(
            f"outlines are learned from objects (a label image), but the annotation is of type {kind}"
        )
    return annotation
