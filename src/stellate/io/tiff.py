"""TIFF: plain, ImageJ, OME and BigTIFF, 1 to 64 bits, float, many pages, colour."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile
from tifffile import PHOTOMETRIC, TiffFile, TiffPage, TiffPageSeries

from ..axes import Image
from ..errors import InputError
from .content import check_content, check_declared_size, damaged_file_errors
from .lazy import LazyArray
from .pictures import drop_opaque_alpha, image_name
from .tiff_axes import Layout, layout
from .tiff_metadata import channel_names, significant_bits, spacing_um

__all__ = ["SUFFIXES", "open_lazy", "read", "read_values"]

SUFFIXES = (".tif", ".tiff", ".btf", ".tf8")

_GREY_OR_COLOUR = (
    PHOTOMETRIC.MINISWHITE,
    PHOTOMETRIC.MINISBLACK,
    PHOTOMETRIC.RGB,
    PHOTOMETRIC.PALETTE,
    PHOTOMETRIC.MASK,
    PHOTOMETRIC.YCBCR,
)
_JPEG_COMPRESSIONS = (6, 7, 33007, 34892)  # whose decoder turns YCbCr into RGB
_LARGEST_CHUNK = 2**26  # bytes; larger ones are read with the whole file, not again and again for each tile


def read(path: Path, *, axes: str | None = None, series: int | None = None) -> Image:
    """Read a TIFF file.

    Axes come from the file (ImageJ, OME, tifffile); pages of no stated meaning are ``P``, colour samples
    ``C``; axes of length 1 other than Y and X are dropped. A colour map in a file of ImageJ is a choice of
    display and is left out, elsewhere it is refused; values of which 0 means white are inverted, except in
    ImageJ's files. Alpha is dropped where it is opaque everywhere. The orientation tag is not applied, as in
    ImageJ.

    Parameters
    ----------
    path
        The file.
    axes
        Axes to use in place of the file's: one letter for each of its dimensions, or for each longer than 1.
    series
        Which image of a file that holds several of different shapes, from 0.

    Raises
    ------
    InputError
        If the file is truncated, damaged, in CMYK or another colour space, complex, transparent, or its axes
        or image must be chosen.
    """
    with _opened(path, axes, series) as source:
        array = source.layout.apply(source.series.asarray())
        return source.image(_plain_values(path, array, source))


def open_lazy(path: Path, *, axes: str | None = None, series: int | None = None) -> Image:
    """Open a TIFF file and leave its pixels where they are, if it is laid out for that.

    Uncompressed files are mapped into memory; tiled ones become a `LazyArray`. Others (compressed strips,
    chunks over 64 MiB, colour maps, transparency) are read whole. Parameters and errors as in `read`.
    """
    with _opened(path, axes, series) as source:
        lazy = source.mapped() if _is_plain(source) else None
        if lazy is not None:
            return source.image(lazy)
    return read(path, axes=axes, series=series)


def read_values(path: Path) -> npt.NDArray[Any]:
    """Read the stored numbers of a TIFF file, colour maps and inversions not applied: what a mask needs.

    Returns
    -------
    ndarray
        Axes of length 1 other than Y and X dropped; channels last.

    Raises
    ------
    InputError
        As `read`.
    """
    with _opened(path, None, None) as source:
        values: npt.NDArray[Any] = source.layout.apply(source.series.asarray())
        axes = source.layout.axes
        return np.moveaxis(values, axes.index("C"), -1) if "C" in axes else values


@dataclass(frozen=True)
class _Source:
    """An open file, and the image in it that was chosen."""

    path: Path
    tif: TiffFile
    index: int
    series: TiffPageSeries
    page: TiffPage
    layout: Layout

    def image(self, array: Any) -> Image:
        axes = self.layout.axes
        if len(array.shape) < len(axes):  # grey + alpha has become grey
            axes = axes.replace("C", "")
        channels = array.shape[axes.index("C")] if "C" in axes else 1
        return Image(
            array,
            axes,
            spacing_um=spacing_um(self.tif, self.page, series=self.index),
            name=image_name(self.path),
            path=self.path,
            bits=significant_bits(self.tif, self.page, series=self.index),
            channel_names=channel_names(self.tif, series=self.index, axes=axes, channels=channels),
        )

    def mapped(self) -> Any:
        """The pixels left in the file, or None if it is not laid out for that."""
        series, page = self.series, self.page
        if series.dataoffset is not None and not series.is_multifile:
            dtype = np.dtype(series.dtype).newbyteorder(self.tif.byteorder)
            return self.layout.apply(
                np.memmap(self.path, dtype, mode="r", offset=series.dataoffset, shape=tuple(series.shape))
            )
        chunk = int(np.prod(page.chunks)) * np.dtype(series.dtype).itemsize
        if not page.is_tiled or chunk > _LARGEST_CHUNK or None in self.layout.index:
            return None
        import zarr  # takes half a second to import, and few files need it

        store = tifffile.imread(self.path, aszarr=True, series=self.index, level=0)
        return self.layout.apply(LazyArray(zarr.open(store, mode="r"), path=self.path))


@contextmanager
def _opened(path: Path, axes: str | None, choice: int | None) -> Iterator[_Source]:
    """Open a file, choose its image, and check that all of its pixels are there."""
    check_content(path, "TIFF")
    with damaged_file_errors(path), TiffFile(path) as tif:
        index = _chosen_series(path, tif, choice)
        series = tif.series[index]
        page = series.keyframe
        if series.dtype is None:
            raise InputError(
                f"{path}: pixels of {page.bitspersample} bits are not supported; convert to 8 or 16 bits"
            )
        check_declared_size(path, tuple(series.shape), series.dtype)
        _check_colours(path, page, series)
        _check_complete(path, tif, series)
        yield _Source(path, tif, index, series, page, layout(path, series, axes))


def _chosen_series(path: Path, tif: TiffFile, choice: int | None) -> int:
    series = list(tif.series)
    if choice is not None:
        if not 0 <= choice < len(series):
            raise InputError(f"{path}: has {len(series)} images; there is no image {choice} (counted from 0)")
        return choice
    whole = [k for k, s in enumerate(series) if not s.keyframe.is_reduced and not s.keyframe.is_mask]
    if not whole:
        raise InputError(f"{path}: holds no image")
    # Scanner and camera formats describe their further series themselves (previews, labels); the first is the
    # image.
    described = series[whole[0]].kind not in ("generic", "uniform", "shaped", "ome", "imagej")
    if len(whole) > 1 and not described:
        shapes = ", ".join(str(tuple(series[k].shape)) for k in whole[:5])
        raise InputError(
            f"{path}: holds {len(whole)} images ({shapes}{', ...' if len(whole) > 5 else ''}); "
            "choose one with series=0, 1, ..., or save it as a file of its own"
        )
    return whole[0]


def _check_colours(path: Path, page: TiffPage, series: TiffPageSeries) -> None:
    if np.dtype(series.dtype).kind not in "buif":
        raise InputError(f"{path}: holds values of type {series.dtype}; save it as integers or floats")
    raw_ycbcr = page.photometric == PHOTOMETRIC.YCBCR and page.compression not in _JPEG_COMPRESSIONS
    if page.photometric not in _GREY_OR_COLOUR or raw_ycbcr:
        name = getattr(page.photometric, "name", page.photometric)
        raise InputError(f"{path}: its colours are stored as {name}; convert it to grey or RGB")


def _check_complete(path: Path, tif: TiffFile, series: TiffPageSeries) -> None:
    """Refuse a file that ends early. The decoder would put zeros in place of what is missing."""
    truncated = InputError(
        f"{path}: the file is truncated (its last pixels or pages are missing); copy it again"
    )
    if series.dataoffset is not None:
        end = series.dataoffset + int(np.prod(series.shape, dtype=np.int64)) * np.dtype(series.dtype).itemsize
        if not series.is_multifile and end > tif.filehandle.size:
            raise truncated
    for page in series.pages:
        if page is None:
            raise InputError(f"{path}: some of its planes lie in other files, which are missing beside it")
        size = page.parent.filehandle.size
        if any(a + n > size for a, n in zip(page.dataoffsets, page.databytecounts, strict=False)):
            raise truncated
    # The place where a further page would be linked holds 0 in a whole file; the walk over pages stops
    # silently at a link that leads out of the file.
    place = tif.pages.next_page_offset
    if place:
        tif.filehandle.seek(place)
        link = tif.filehandle.read(tif.tiff.offsetsize)
        if len(link) < tif.tiff.offsetsize or any(link):
            raise truncated


def _is_plain(source: _Source) -> bool:
    """Whether the stored numbers are the pixels, without a colour map, inversion or alpha to handle."""
    page = source.page
    mapped = page.photometric in (PHOTOMETRIC.PALETTE, PHOTOMETRIC.MINISWHITE) and not source.tif.is_imagej
    return not (mapped or _has_alpha(page) or page.dtype == np.bool_)


def _has_alpha(page: TiffPage) -> bool:
    # 1 and 2 are associated and unassociated alpha; 0 is a further channel of no stated meaning.
    return bool(page.extrasamples) and page.extrasamples[-1] in (1, 2)


def _plain_values(path: Path, array: npt.NDArray[Any], source: _Source) -> npt.NDArray[Any]:
    """Pixels of the stored numbers: colour map, inversion, alpha, and the machine's byte order."""
    page = source.page
    if not source.tif.is_imagej:
        if page.photometric == PHOTOMETRIC.PALETTE:
            raise InputError(
                f"{path}: a TIFF of palette colours; convert it to RGB, or to grey if colours mean nothing"
            )
        if page.photometric == PHOTOMETRIC.MINISWHITE and array.dtype.kind in "bu":
            array = ~array if array.dtype == np.bool_ else (2**page.bitspersample - 1) - array
    if _has_alpha(page):
        samples_last = np.moveaxis(array, source.layout.axes.index("C"), -1)
        array = drop_opaque_alpha(path, samples_last)
        if array.ndim == samples_last.ndim:
            array = np.moveaxis(array, -1, source.layout.axes.index("C"))
    if array.dtype == np.bool_:
        array = array.view(np.uint8)
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
