"""Augmentation of whole images, which are classified, or hold one object: magnified, turned, mirrored and moved.

Boxes go with the image. They stay boxes, so that an image with any is turned by quarter turns only. All choices come
from the generator that is given.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

from ..results import Boxes, Scores
from .augmentation import Augmentation, choose_zoom
from .samples import Sample

__all__ = ["WholeAnnotation", "areas", "mirror", "moved_boxes", "take_view"]

WholeAnnotation = Scores | Boxes
"""An annotation that says nothing of single pixels."""

FloatArray = npt.NDArray[np.float64]

_SHIFT = 0.1
"""Most that an image moves, as a share of its sides."""
_SEEN = 0.8
"""Share of a box that must be seen."""
_TRIES = 10


def take_view(
    sample: Sample, *, augmentation: Augmentation, rng: np.random.Generator
) -> tuple[npt.NDArray[np.float32], WholeAnnotation]:
    """A view of an image, of the same size; beyond its border the last pixels go on.

    Parameters
    ----------
    sample
        Pixels ``(C, H, W)``, annotated with `Scores` or `Boxes`.
    augmentation
        What may vary.
    rng
        Source of all choices.

    Returns
    -------
    pixels : ndarray
        ``(C, H, W)`` float32.
    annotation : Scores or Boxes
        In the view; boxes that reach beyond it are cut off there.
    """
    pixels: npt.NDArray[np.float32] = sample.pixels[...]
    annotation: Any = sample.annotation
    if augmentation == Augmentation.none():
        return pixels, annotation
    shape = pixels.shape[1:]
    if isinstance(annotation, Scores):
        return _seen(pixels, _choose(shape, augmentation, rng)), annotation
    turned_by_quarters = replace(augmentation, rotation_chance=0.0)
    for _ in range(_TRIES):
        back = _choose(shape, turned_by_quarters, rng)
        moved = moved_boxes(annotation.boxes_xyxy, back)
        cut = moved.clip(0, [shape[1], shape[0]] * 2)
        if (areas(cut) >= _SEEN * areas(moved)).all():
            return _seen(pixels, back), replace(annotation, boxes_xyxy=cut.astype(np.float32))
    return pixels, annotation


def _choose(shape: tuple[int, ...], augmentation: Augmentation, rng: np.random.Generator) -> FloatArray:
    """``(2, 3)``: where in the image, in x and y of pixel edges, a place of the view lies."""
    zoom = choose_zoom(augmentation, None, rng)
    angle = math.radians(rng.uniform(0, 360)) if rng.random() < augmentation.rotation_chance else 0.0
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]) / zoom
    if augmentation.flips:
        turn = turn @ mirror(shape, rng)
    half = np.array([shape[1], shape[0]]) / 2
    moves = augmentation.scale[0] < augmentation.scale[1]
    shift = rng.uniform(-_SHIFT, _SHIFT, 2) * 2 * half if moves else np.zeros(2)
    return np.column_stack([turn, half + shift - turn @ half])


def mirror(shape: tuple[int, ...], rng: np.random.Generator) -> FloatArray:
    """``(2, 2)``: one of the ways, all as likely, in which a rectangle lies on itself; of a square there are more."""
    found = np.diag(rng.choice([-1.0, 1.0], 2))
    if shape[0] == shape[1] and rng.random() < 0.5:
        found = found[::-1].copy()
    return found


def _seen(pixels: npt.NDArray[np.float32], back: FloatArray) -> npt.NDArray[np.float32]:
    rows, columns = pixels.shape[1:]
    y, x = np.mgrid[0.5:rows, 0.5:columns]
    where = back[:, :2] @ np.stack([x.ravel(), y.ravel()]) + back[:, 2:]
    places = 2 * where / np.array([[columns], [rows]]) - 1
    grid = torch.from_numpy(places.T.reshape(1, rows, columns, 2).astype(np.float32))
    image = torch.from_numpy(np.ascontiguousarray(pixels))[None]
    view = F.grid_sample(image, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return view[0].numpy()


def moved_boxes(boxes_xyxy: npt.NDArray[Any], back: FloatArray) -> FloatArray:
    """The smallest boxes ``(n, 4)`` around those of an image, in a view.

    Parameters
    ----------
    boxes_xyxy
        ``(n, 4)``, at pixel edges.
    back
        ``(2, 3)``: where in the image, in x and y of pixel edges, a place of the view lies.
    """
    x1, y1, x2, y2 = boxes_xyxy.astype(np.float64).T
    corners = np.stack([[x1, y1], [x2, y1], [x1, y2], [x2, y2]])  # (4, 2, n)
    inverse = np.linalg.inv(back[:, :2])
    found = np.einsum("ij,kjn->kin", inverse, corners - back[:, 2:])
    return np.concatenate([found.min(axis=0), found.max(axis=0)]).T


def areas(boxes: FloatArray) -> FloatArray:
    """Areas ``(n,)`` of boxes ``(n, 4)``; 0 of those that are turned inside out."""
    return np.prod((boxes[:, 2:] - boxes[:, :2]).clip(0), axis=1)
