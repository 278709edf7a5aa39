"""What a TIFF file says of its pixels: their size, their significant bits, the names of the channels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from tifffile import TiffFile, TiffPage

__all__ = ["channel_names", "significant_bits", "spacing_um"]

_MICROMETRES = {
    "pm": 1e-6,
    "å": 1e-4,
    "angstrom": 1e-4,
    "nm": 1e-3,
    "nanometer": 1e-3,
    "nanometre": 1e-3,
    "um": 1.0,
    "micron": 1.0,
    "micrometer": 1.0,
    "micrometre": 1.0,
    "mm": 1e3,
    "millimeter": 1e3,
    "millimetre": 1e3,
    "cm": 1e4,
    "centimeter": 1e4,
    "centimetre": 1e4,
    "m": 1e6,
    "inch": 25400.0,
    "in": 25400.0,
}
_RESOLUTION_UNITS = {2: 25400.0, 3: 1e4}  # the tag's values for inch and centimetre
_PRINTER_PIXEL = 20.0
"""Micrometres. Resolution tags without a microscope's metadata are mostly a screen's or printer's default
(72 to 1200 dots per inch, 21 to 353 micrometres); no microscope that resolves cells has pixels that large."""

_SIZES = (1e-5, 1e6)
"""Micrometres: from a tenth of an atom to a metre. What lies outside, zero and infinity too, is no size of a pixel."""


def spacing_um(tif: TiffFile, page: TiffPage, *, series: int) -> dict[str, float]:
    """Pixel size by axis letter, in micrometres; axes whose size the file does not state are absent.

    Taken from OME-XML, from ImageJ's description, or from the resolution tags where they state a pixel below
    20 micrometres, in this order.
    """
    if tif.is_ome:
        found = _ome_spacing(_ome_pixels(tif, series))
    elif tif.is_imagej and (tif.imagej_metadata or {}).get("unit"):
        found = _imagej_spacing(tif.imagej_metadata or {}, page)
    else:
        unit = _RESOLUTION_UNITS.get(int(page.resolutionunit), 0.0)
        found = {a: v for a, v in _per_pixel(page, unit).items() if v < _PRINTER_PIXEL}
    least, most = _SIZES
    return {axis: value for axis, value in found.items() if least <= value <= most}


def significant_bits(tif: TiffFile, page: TiffPage, *, series: int) -> int | None:
    """Significant bits of integer pixels where the file states fewer than their dtype has, else None.

    Taken from OME-XML, from the bits per sample, or from a largest sample value of the form ``2**n - 1``.
    """
    if page.dtype is None or page.dtype.kind not in "ui":
        return None
    stated = [page.bitspersample]
    if tif.is_ome:
        stated.append(_integer(_ome_pixels(tif, series).get("SignificantBits")))
    largest = page.tags.get("MaxSampleValue")
    if largest is not None and isinstance(largest.value, int) and (largest.value + 1).bit_count() == 1:
        stated.append(largest.value.bit_length())
    fewest = min((bits for bits in stated if bits > 0), default=0)
    return fewest if 0 < fewest < page.dtype.itemsize * 8 else None


def channel_names(tif: TiffFile, *, series: int, axes: str, channels: int) -> tuple[str, ...]:
    """Names of the channels, from OME-XML or from ImageJ's labels of planes.

    Parameters
    ----------
    tif
        The file.
    series
        Which of its images.
    axes
        Axes that its dimensions are taken for, but for those of length 1.
    channels
        Length along ``C``; 1 where there is no such axis.

    Returns
    -------
    tuple of str
        Empty unless there is a name for each channel. Labels are names where each channel has its own, the same in
        every frame and slice.
    """
    if tif.is_ome:
        pixels = _ome_pixels(tif, series)
        names = tuple(e.get("Name", "") for e in pixels if _local(e.tag) == "Channel")
    elif tif.is_imagej:
        names = _imagej_names(tif, series, axes, channels)
    else:
        names = ()
    return names if len(names) == channels and all(names) else ()


def _imagej_names(tif: TiffFile, series: int, axes: str, channels: int) -> tuple[str, ...]:
    image = tif.series[series]
    own = "".join(a for a, n in zip(image.axes, image.shape, strict=True) if n > 1 or a in "YX")
    planes = math.prod(n for a, n in zip(image.axes, image.shape, strict=True) if a not in "YXS")
    labels = [str(label) for label in (tif.imagej_metadata or {}).get("Labels", ())]
    # channels come first among the planes, unless they are the colours of one plane, or somebody reads them otherwise
    if "C" not in own or own != axes or len(labels) != planes:
        return ()
    names = labels[:channels]
    of_channels = len(set(names)) == channels and labels == names * (len(labels) // channels)
    return tuple(names) if of_channels and not any("\n" in name for name in names) else ()


def _ome_pixels(tif: TiffFile, series: int) -> ElementTree.Element:
    """The Pixels element of an image; an empty one where there is none."""
    root = ElementTree.fromstring(tif.ome_metadata or "<OME/>")
    images = [e for e in root if _local(e.tag) == "Image"]
    if series < len(images):
        for element in images[series]:
            if _local(element.tag) == "Pixels":
                return element
    return ElementTree.Element("Pixels")


def _ome_spacing(pixels: ElementTree.Element) -> dict[str, float]:
    found = {}
    for axis in "ZYX":
        size = pixels.get(f"PhysicalSize{axis}")
        factor = _unit_um(pixels.get(f"PhysicalSize{axis}Unit", "µm"))
        if size is not None and factor:
            found[axis] = _number(size) * factor
    return found


def _imagej_spacing(metadata: Mapping[str, Any], page: TiffPage) -> dict[str, float]:
    factor = _unit_um(str(metadata["unit"]))
    found = _per_pixel(page, factor)
    if "spacing" in metadata and factor:
        # ImageJ stores a negative spacing for a stack whose slices run the other way.
        found["Z"] = abs(_number(metadata["spacing"])) * factor
    return found


def _per_pixel(page: TiffPage, unit_um: float) -> dict[str, float]:
    """Size of a pixel from the resolution tags, which count pixels per unit."""
    found = {}
    for axis in "YX":
        tag = page.tags.get(f"{axis}Resolution")
        if tag is None or not unit_um:
            continue
        pixels, units = tag.value if isinstance(tag.value, tuple) else (tag.value, 1)
        if pixels > 0 and units > 0:
            found[axis] = unit_um * units / pixels
    return found


def _unit_um(text: str) -> float:
    """Micrometres in a unit of length; 0 for anything else ("pixel")."""
    # ImageJ escapes the micro sign; Unicode has two of them (U+00B5 and the Greek letter U+03BC).
    unit = text.replace("\\u00B5", "u").replace("\\u03BC", "u").strip().lower()
    unit = unit.replace("\u00b5", "u").replace("\u03bc", "u")
    return _MICROMETRES.get(unit) or _MICROMETRES.get(unit.removesuffix("s").removesuffix("e"), 0.0)


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def _integer(text: str | None) -> int:
    return int(text) if text and text.isdigit() else 0


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]
