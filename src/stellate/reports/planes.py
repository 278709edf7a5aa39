"""A volume in three planes at right angles, in true proportions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage
from PIL import ImageDraw

from ..axes import Image
from ..errors import InputError
from ..geometry.measure_volume import volume_boxes
from ..geometry.projection import objects_along
from .backdrop import backdrop
from .lettering import font
from .painting import Found, painter, values_of
from .scale_bar import draw_scale_bar

__all__ = ["three_planes"]

Picture = npt.NDArray[np.uint8]
Panels = tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]

_GAP = 8
_PAPER = (38, 38, 38)
_ENLARGED = 1200  # a small volume is enlarged by a whole factor, to a longest side of up to this many pixels
_CROSSHAIR, _OPACITY = np.array([255.0, 255.0, 0.0]), 0.5
_LETTERS = 14


def three_planes(
    image: Image,
    found: Found,
    *,
    at: tuple[int, int, int] | None = None,
    max_side: int = 2048,
) -> Picture:
    """Draw the XY plane with the XZ plane below and the YZ plane to its right, and what was found in them.

    Of objects the outlines are drawn, of a mask the tints of its classes, in the colours of `overlay`. Lines show where
    each plane cuts the others. Voxels are drawn in the proportions of their size, as cubes where it is not known; where
    it is, there is a scale bar.

    Parameters
    ----------
    image
        Axes ``ZYX`` and perhaps ``C``, in any order; of time and pages the middle is taken. It may be lazy: it is
        read plane by plane.
    found
        Objects, or their label image, or a mask; of the image's spatial shape.
    at
        Where the planes meet, as (plane, row, column). If None, each plane is the one in the middle half of its
        axis that meets most objects, or classes.
    max_side
        Longest side of the picture, about.

    Returns
    -------
    (h, w, 3) uint8

    Raises
    ------
    InputError
        If the image has no depth, the shapes differ, or `at` lies outside.
    """
    values = values_of(found)
    volume = _volume(image)
    shape = tuple(volume.sizes[a] for a in "ZYX")
    if values.shape != shape:
        raise InputError(
            f"{image.name}: the labels have shape {values.shape}, but the image {shape}; "
            "both must cover the same voxels"
        )
    at = at or _busiest(values)
    if not all(0 <= position < length for position, length in zip(at, shape, strict=True)):
        raise InputError(f"{image.name}: the planes cannot meet at {at} in a volume of shape {shape}")
    layout = _Layout.of(shape, _proportions(volume), max_side)
    picture, _ = backdrop(_mosaic(volume, at, layout))
    outlined = layout.fill(_label_panels(values, at), layout.nearest, 0)
    paint = painter(found, picture, outlined)
    _draw_crosshairs(picture, at, layout)
    for panel in layout.panels():
        paint(picture[panel], outlined[panel])
    return _finish(picture, at, layout, spacing=volume.spacing("ZYX"))


@dataclass(frozen=True)
class _Layout:
    """Pixels of the picture that each axis takes: depth runs down below, and to the right beside, the XY plane."""

    shape: tuple[int, ...]
    pixels: tuple[int, int, int]

    @classmethod
    def of(cls, shape: tuple[int, ...], proportions: tuple[float, ...], max_side: int) -> _Layout:
        lengths = np.array(shape) * proportions / min(proportions)
        longest = lengths[0] + max(lengths[1:])
        enlarged = float(min(_ENLARGED, max_side) // longest)
        factor = max(1.0, enlarged) if longest <= max_side else max_side / longest
        depth, height, width = (max(1, round(n * factor)) for n in lengths.tolist())
        return cls(shape, (depth, height, width))

    @property
    def corners(self) -> tuple[tuple[int, int], ...]:
        """Upper left corners (row, column) of XY, XZ and YZ."""
        _, height, width = self.pixels
        return (0, 0), (height + _GAP, 0), (0, width + _GAP)

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        depth, height, width = self.pixels
        return (height, width), (depth, width), (height, depth)

    def panels(self) -> list[tuple[slice, slice]]:
        """Where XY, XZ and YZ are."""
        places = zip(self.corners, self.sizes, strict=True)
        return [(slice(y, y + high), slice(x, x + wide)) for (y, x), (high, wide) in places]

    def fill(self, panels: Panels, resized: Any, paper: float) -> npt.NDArray[Any]:
        """The three panels, each made of its size, on one sheet."""
        depth, height, width = self.pixels
        shape = (height + _GAP + depth, width + _GAP + depth, *panels[0].shape[2:])
        sheet = np.full(shape, paper, dtype=panels[0].dtype)
        for panel, place, size in zip(panels, self.panels(), self.sizes, strict=True):
            sheet[place] = resized(panel, size)
        return sheet

    @staticmethod
    def nearest(panel: npt.NDArray[Any], size: tuple[int, int]) -> npt.NDArray[Any]:
        """The panel in another size, each pixel that of the voxel at its centre."""
        rows, columns = (
            ((np.arange(n) + 0.5) * old / n).astype(int) for n, old in zip(size, panel.shape, strict=False)
        )
        return panel[rows[:, np.newaxis], columns]

    @staticmethod
    def averaged(panel: npt.NDArray[np.float32], size: tuple[int, int]) -> npt.NDArray[np.float32]:
        """The panel in another size, each pixel the mean of what it covers: voxels stay rectangles."""
        channels = [
            PillowImage.fromarray(panel[..., c]).resize(size[::-1], PillowImage.Resampling.BOX)
            for c in range(panel.shape[2])
        ]
        return np.stack([np.asarray(c) for c in channels], axis=-1)

    def position(self, axis: int, index: int) -> int:
        """Pixel of the picture at the centre of a voxel, along Z, Y or X within a panel."""
        return int((index + 0.5) * self.pixels[axis] / self.shape[axis])


def _volume(image: Image) -> Image:
    if "Z" not in image.axes:
        raise InputError(f"{image.name}: three planes need a volume, got axes {image.axes}")
    for axis, size in image.sizes.items():
        if axis not in "ZYXC":
            image = image.select(axis, size // 2)
    if not all(image.shape):
        raise InputError(f"{image.name}: no voxels to show (shape {image.shape})")
    return image


def _proportions(volume: Image) -> tuple[float, ...]:
    return volume.spacing("ZYX") or (1.0, 1.0, 1.0)


def _busiest(labels: npt.NDArray[Any]) -> tuple[int, int, int]:
    """The plane in the middle half of each axis that meets most objects; of several the one nearest to the middle.

    If that half is empty, the one in the whole.
    """
    boxes = volume_boxes(labels)
    best = []
    for count in objects_along(boxes[boxes[:, 3] > 0], labels.shape):
        away = np.abs(np.arange(len(count)) - (len(count) - 1) / 2)
        inner = np.where(away <= len(count) / 4, count, 0)
        count = inner if inner.any() else count
        best.append(int(np.where(count == count.max(), away, np.inf).argmin()))
    return best[0], best[1], best[2]


def _mosaic(volume: Image, at: tuple[int, int, int], layout: _Layout) -> Image:
    """The panels of the image as one image, so that they share their contrast."""
    sheet = layout.fill(_image_panels(volume, at), layout.averaged, np.nan)
    if volume.channels == 1:
        return Image(sheet[..., 0], "YX")
    return Image(sheet, "YXC", channel_names=tuple(str(c) for c in range(volume.channels)))


def _image_panels(volume: Image, at: tuple[int, int, int]) -> Panels:
    depth, height, width = (volume.sizes[a] for a in "ZYX")
    xz = np.empty((depth, width, volume.channels), np.float32)
    yz = np.empty((height, depth, volume.channels), np.float32)
    for z in range(depth):
        plane = volume.select("Z", z).to_axes("YXC")
        xz[z], yz[:, z] = plane[at[1]], plane[:, at[2]]
        if z == at[0]:
            xy = plane.astype(np.float32)
    return xy, xz, yz


def _label_panels(labels: npt.NDArray[Any], at: tuple[int, int, int]) -> Panels:
    return labels[at[0]], labels[:, at[1]], labels[:, :, at[2]].T


def _draw_crosshairs(picture: Picture, at: tuple[int, int, int], layout: _Layout) -> None:
    z, y, x = (layout.position(axis, at[axis]) for axis in range(3))
    for panel, (row, column) in zip(layout.panels(), ((y, x), (z, x), (y, z)), strict=True):
        for line in (picture[panel][row], picture[panel][:, column]):
            line[:] = np.rint(line * (1 - _OPACITY) + _CROSSHAIR * _OPACITY)


def _finish(
    picture: Picture, at: tuple[int, int, int], layout: _Layout, *, spacing: tuple[float, ...] | None
) -> Picture:
    """Paper between the panels, what they show, and the scale bar."""
    _, height, width = layout.pixels
    picture[height : height + _GAP] = _PAPER
    picture[:, width : width + _GAP] = _PAPER
    picture[height:, width:] = _PAPER
    sheet = PillowImage.fromarray(picture)
    draw = ImageDraw.Draw(sheet)
    names = (f"XY, z = {at[0]}", f"XZ, y = {at[1]}", f"YZ, x = {at[2]}")
    for name, (top, left), (high, wide) in zip(names, layout.corners, layout.sizes, strict=True):
        name = name if font(_LETTERS).getlength(name) < wide - 12 else name[:2]
        if min(high, wide) > 2 * _LETTERS:
            draw.text(
                (left + 6, top + 3),
                name,
                (255, 255, 255),
                font(_LETTERS),
                stroke_width=2,
                stroke_fill=(0, 0, 0),
            )
    if spacing is not None:
        draw_scale_bar(draw, (0, height), width, spacing[2] * layout.shape[2] / width)
    return np.array(sheet)
