"""Augmentation of images with boxes: windows of one size, magnified, turned and mirrored; or four of them in one.

The boxes go with the image, and are cut where the window ends; objects that are hardly seen are left out. All choices
come from the generator that is given.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

from ..results import Boxes
from .augmentation import Augmentation, choose_zoom
from .samples import Sample
from .views import areas, mirror, moved_boxes

__all__ = ["LEAST_SEEN", "joined", "take_window"]

LEAST_SEEN = 0.3
"""Share of a box that must be in a window, for the object to be learned there."""
_LEAST_SIDE = 1.0
_MARGIN = 2

Pixels = npt.NDArray[np.float32]


def take_window(
    sample: Sample,
    size: tuple[int, ...],
    *,
    augmentation: Augmentation,
    chance: float,
    rng: np.random.Generator,
) -> tuple[Pixels, Boxes]:
    """Cut a window out of an image with boxes.

    Parameters
    ----------
    sample
        Pixels ``(C, H, W)``, which may be `NormalizedPixels`, annotated with `Boxes`.
    size
        Height and width of the window; beyond the image its last pixels go on.
    augmentation
        What may vary.
    chance
        That the window is placed around some object, where there are any.
    rng
        Source of all choices.

    Returns
    -------
    pixels : ndarray
        ``(C, *size)`` float32.
    boxes : Boxes
        Those of which `LEAST_SEEN` is in the window, cut at its border.
    """
    zoom = choose_zoom(augmentation, None, rng)
    turn = np.eye(2) / zoom
    if augmentation.flips:
        turn = turn @ mirror(size, rng)
    half = np.array([size[1], size[0]]) / 2
    middle = _middle(sample, np.abs(turn) @ half, chance, rng)
    back = np.column_stack([turn, middle - turn @ half])
    boxes: Any = sample.annotation
    return _seen(sample.pixels, back, size), _kept(boxes, moved_boxes(boxes.boxes_xyxy, back), size)


def joined(
    windows: list[tuple[Pixels, Boxes]], centre: tuple[int, int], size: tuple[int, ...]
) -> tuple[Pixels, Boxes]:
    """Four windows as the quarters of one (mosaic; Bochkovskiy et al., YOLOv4, 2020).

    Parameters
    ----------
    windows
        Upper left, upper right, lower left and lower right, which fit around the centre.
    centre
        Row and column where they meet.
    size
        Height and width of the whole.
    """
    rows, columns = centre
    corners = [(0, 0), (0, columns), (rows, 0), (rows, columns)]
    whole = np.empty((len(windows[0][0]), *size), dtype=np.float32)
    boxes, classes = [], []
    for (pixels, of_window), (top, left) in zip(windows, corners, strict=True):
        height, width = pixels.shape[1:]
        whole[:, top : top + height, left : left + width] = pixels
        boxes.append(of_window.boxes_xyxy + np.array([left, top, left, top], dtype=np.float32))
        classes.append(of_window.classes)
    first = windows[0][1]
    return whole, replace(first, boxes_xyxy=np.concatenate(boxes), classes=np.concatenate(classes))


def _middle(
    sample: Sample, reach: npt.NDArray[np.float64], chance: float, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Where in the image, in x and y, the middle of the window lies: the window is inside, where it fits."""
    boxes: Any = sample.annotation
    sides = np.array([sample.pixels.shape[2], sample.pixels.shape[1]], dtype=np.float64)
    wanted = rng.uniform(0, 1, 2) * sides
    if len(boxes) and rng.random() < chance:
        x1, y1, x2, y2 = boxes.boxes_xyxy[int(rng.integers(len(boxes)))]
        wanted = np.array([x1 + x2, y1 + y2]) / 2 + rng.uniform(-0.8, 0.8, 2) * reach
    inside = wanted.clip(np.minimum(reach, sides - reach), np.maximum(reach, sides - reach))
    return np.where(2 * reach >= sides, sides / 2, inside)


def _seen(pixels: Any, back: npt.NDArray[np.float64], size: tuple[int, ...]) -> Pixels:
    """The window; of the image only what it needs is read."""
    rows, columns = size
    y, x = np.mgrid[0.5:rows, 0.5:columns]
    where = back[:, :2] @ np.stack([x.ravel(), y.ravel()]) + back[:, 2:]
    shape = np.array([pixels.shape[2], pixels.shape[1]])
    low = (np.floor(where.min(axis=1)).astype(int) - _MARGIN).clip(0, shape - 1)
    high = (np.ceil(where.max(axis=1)).astype(int) + _MARGIN).clip(low + 1, shape)
    part = torch.from_numpy(np.ascontiguousarray(pixels[:, low[1] : high[1], low[0] : high[0]]))[None]
    places = 2 * (where - low[:, None]) / (high - low)[:, None] - 1
    grid = torch.from_numpy(places.T.reshape(1, rows, columns, 2).astype(np.float32))
    return F.grid_sample(part, grid, mode="bilinear", padding_mode="border", align_corners=False)[0].numpy()


def _kept(boxes: Boxes, moved: npt.NDArray[np.float64], size: tuple[int, ...]) -> Boxes:
    cut = moved.clip(0, [size[1], size[0]] * 2)
    sides = cut[:, 2:] - cut[:, :2]
    seen = (areas(cut) >= LEAST_SEEN * areas(moved)) & (sides >= _LEAST_SIDE).all(axis=1)
    return replace(boxes, boxes_xyxy=cut[seen].astype(np.float32), classes=boxes.classes[seen])
