"""Label images: what is accepted, what is refused, and what is written."""

from __future__ import annotations

import tracemalloc

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image as PillowImage

from stellate.errors import InputError
from stellate.io import open_lazy, read, read_labels, tiff_planes, write_labels

rng = np.random.default_rng(0)
sparse = np.array([[0, 70_000, 70_000], [12, 0, 3]])


@pytest.mark.parametrize("dtype", ["i4", "u4", "i8", "u8", "f4", "f8", ">i4"])
@pytest.mark.parametrize("suffix", [".tif", ".npy"])
def test_any_type_gives_contiguous_labels_and_keeps_the_ids(tmp_path, dtype, suffix):
    path = tmp_path / f"mask{suffix}"
    if suffix == ".npy":
        np.save(path, sparse.astype(dtype))
    else:
        tifffile.imwrite(path, sparse.astype(dtype), photometric="minisblack")
    labels, ids = read_labels(path)
    assert labels.dtype == np.int32
    assert labels.tolist() == [[0, 3, 3], [2, 0, 1]]
    assert ids.tolist() == [3, 12, 70_000]


def test_negative_ids_are_ignored_regions(tmp_path):
    tifffile.imwrite(tmp_path / "m.tif", np.array([[0, -1], [-5, 9]], np.int16))
    labels, ids = read_labels(tmp_path / "m.tif")
    assert labels.tolist() == [[0, -1], [-1, 1]]
    assert ids.tolist() == [9]


def test_png_of_16_bits_and_of_a_palette(tmp_path):
    values = rng.integers(0, 60_000, (6, 7)).astype(np.uint16)
    (tmp_path / "m.png").write_bytes(imagecodecs.png_encode(values))
    labels, ids = read_labels(tmp_path / "m.png")
    np.testing.assert_array_equal(np.concatenate([[0], ids])[labels], values)
    picture = PillowImage.fromarray(np.array([[0, 1], [2, 2]], np.uint8), "P")
    picture.putpalette([0, 0, 0, 9, 9, 9, 9, 9, 9])  # two indices of the same colour
    picture.save(tmp_path / "p.png")
    assert read_labels(tmp_path / "p.png")[0].tolist() == [[0, 1], [2, 2]]


def test_bool_is_one_object(tmp_path):
    np.save(tmp_path / "m.npy", np.array([[True, False]]))
    assert read_labels(tmp_path / "m.npy")[1].tolist() == [1]


def test_volumes_are_read(tmp_path):
    values = rng.integers(0, 9, (3, 10, 11)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "m.tif", values, imagej=True, metadata={"axes": "ZYX"})
    np.testing.assert_array_equal(read_labels(tmp_path / "m.tif")[0], values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.array([[0.0, 0.5]]), "got float64 with fractions; of probabilities .* threshold and label them"),
        (np.array([[0.0, np.nan]]), "got float64 with NaN or infinities; write -1 where nothing"),
        (np.array([[0.0, np.inf]], np.float32), "got float32 with NaN or infinities"),
        (
            np.array([[0, 2.0**24 + 2]], np.float32),
            "float32 with some above 16,777,216, which it holds inexactly; save as uint32",
        ),
        (np.zeros((5, 6, 3), np.uint8), "picture of 3 channels.*its channels are equal: save one of them"),
        (rng.integers(0, 255, (5, 6, 3)), "picture of 3 channels.*save one channel of object ids"),
        (np.zeros((2, 5, 6, 7), np.uint8), r"2 or 3 dimensions, got shape \(2, 5, 6, 7\)"),
        (np.array([[2**64 - 1]], np.uint64), r"m\.npy: the label id .* is larger than 2\*\*63"),
    ],
)
def test_refuses(tmp_path, values, message):
    np.save(tmp_path / "m.npy", values)
    with pytest.raises(InputError, match=message) as caught:
        read_labels(tmp_path / "m.npy")
    assert "m.npy" in str(caught.value)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp"])
def test_refuses_colour_pictures_of_every_format(tmp_path, suffix):
    path = tmp_path / f"m{suffix}"
    PillowImage.fromarray(rng.integers(0, 255, (3, 2, 3)).astype(np.uint8)).save(path)
    with pytest.raises(InputError, match="picture of 3 channels"):
        read_labels(path)


def test_refuses_planar_colours(tmp_path):
    tifffile.imwrite(
        tmp_path / "m.tif", rng.integers(0, 9, (3, 20, 30), "u1"), photometric="rgb", planarconfig="separate"
    )
    with pytest.raises(InputError, match="picture of 3 channels"):
        read_labels(tmp_path / "m.tif")


def test_refuses_jpeg_and_unknown_files(tmp_path):
    PillowImage.fromarray(np.zeros((5, 5), np.uint8)).save(tmp_path / "m.jpg")
    with pytest.raises(InputError, match="JPEG changes values, so it cannot hold labels"):
        read_labels(tmp_path / "m.jpg")
    with pytest.raises(InputError, match=r"masks of type \.xml are not read"):
        read_labels(tmp_path / "m.xml")


label_images = hnp.arrays(
    np.int64, hnp.array_shapes(min_dims=2, max_dims=3, max_side=12), elements=st.integers(0, 2**32 - 1)
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(label_images)
def test_what_is_written_is_read_again(tmp_path, labels):
    write_labels(tmp_path / "l.tif", labels)
    written = tifffile.imread(tmp_path / "l.tif").reshape(labels.shape)
    np.testing.assert_array_equal(written, labels)
    assert written.dtype == (np.uint16 if labels.max() < 2**16 else np.uint32)


@pytest.mark.parametrize(
    ("highest", "imagej"), [(1, True), (65_535, True), (65_536, False), (2**32 - 1, False)]
)
def test_smallest_type_and_pixel_size(tmp_path, highest, imagej):
    labels = np.array([[0, highest]], np.int64)
    spacing = {"Y": 40.0, "X": 0.25}
    write_labels(tmp_path / "l.tif", labels, spacing_um=spacing)
    with tifffile.TiffFile(tmp_path / "l.tif") as tif:
        assert tif.is_imagej == imagej
        assert tif.is_ome != imagej
        assert tif.pages[0].compression == 8
    image = read(tmp_path / "l.tif")
    assert image.array.tolist() == labels.tolist()
    assert image.spacing_um == pytest.approx(spacing)


@pytest.mark.parametrize("highest", [300, 100_000])
def test_volumes_keep_their_axes_and_spacing(tmp_path, highest):
    labels = rng.integers(0, highest, (4, 20, 30))
    labels[0, 0, 0] = highest
    spacing = {"Z": 2.0, "Y": 0.5, "X": 0.25}
    write_labels(tmp_path / "l.tif", labels, spacing_um=spacing)
    image = read(tmp_path / "l.tif")
    assert image.axes == "ZYX"
    assert image.spacing_um == pytest.approx(spacing)
    np.testing.assert_array_equal(image.array, labels)


@pytest.mark.parametrize("highest", [300, 100_000])
def test_volumes_of_one_plane_are_volumes_for_those_who_say_so(tmp_path, highest):
    """Readers of TIFF do not count axes of length 1; what the file says of depth is kept all the same."""
    labels = rng.integers(0, highest, (1, 20, 30))
    labels[0, 0, 0] = highest
    spacing = {"Z": 2.0, "Y": 0.5, "X": 0.25}
    write_labels(tmp_path / "l.tif", labels, spacing_um=spacing)
    image = read(tmp_path / "l.tif", axes="ZYX")
    assert image.axes == "ZYX"
    assert image.spacing_um == pytest.approx(spacing)
    np.testing.assert_array_equal(image.array, labels)
    np.testing.assert_array_equal(read(tmp_path / "l.tif").array, labels[0])


@pytest.mark.parametrize("highest", [300, 100_000])
@pytest.mark.parametrize(
    ("axes", "shape"), [("TYX", (4, 20, 30)), ("TZYX", (3, 4, 20, 30)), (None, (3, 4, 20, 30))]
)
def test_frames_are_no_planes(tmp_path, highest, axes, shape):
    labels = rng.integers(0, highest, shape)
    labels.flat[0] = highest
    spacing = {"Z": 2.0, "Y": 0.5, "X": 0.25}
    write_labels(tmp_path / "l.tif", labels, spacing_um=spacing, axes=axes)
    image = read(tmp_path / "l.tif")
    assert image.axes == (axes or "TZYX")
    assert {a: image.spacing_um[a] for a in image.spatial_axes} == pytest.approx(
        {a: spacing[a] for a in image.spatial_axes}
    )
    np.testing.assert_array_equal(image.array, labels)


@pytest.mark.parametrize(("axes", "shape"), [("TYX", (20, 30)), ("TZYX", (4, 20, 30))])
@pytest.mark.parametrize("limit", [tiff_planes._IMAGEJ_LIMIT, 1000])
def test_a_list_of_frames_is_the_array_of_them(tmp_path, monkeypatch, axes, shape, limit):
    """The highest id decides on the type, in whichever frame it is."""
    monkeypatch.setattr(tiff_planes, "_IMAGEJ_LIMIT", limit)
    frames = [rng.integers(0, highest, shape) for highest in (9, 300, 70_000)]
    write_labels(tmp_path / "list.tif", frames, axes=axes)
    write_labels(tmp_path / "array.tif", np.stack(frames), axes=axes)
    image = read(tmp_path / "list.tif")
    assert image.axes == read(tmp_path / "array.tif").axes == axes
    assert image.array.dtype == np.uint32
    np.testing.assert_array_equal(image.array, np.stack(frames))


@pytest.mark.parametrize("frames", [[], [np.zeros((3, 4), int), np.zeros((4, 3), int)]])
def test_frames_of_several_shapes_or_none_are_refused(tmp_path, frames):
    with pytest.raises(InputError, match="expected frames of one shape"):
        write_labels(tmp_path / "l.tif", frames)


@pytest.mark.parametrize(
    ("axes", "shape"), [("ZYX", (3, 3)), ("XY", (3, 3)), ("CYX", (3, 3, 3)), ("YX", (2, 3, 3))]
)
def test_refuses_axes_that_do_not_fit(tmp_path, axes, shape):
    with pytest.raises(InputError, match=rf"expected axes YX, ZYX, TYX or TZYX .* got '{axes}'"):
        write_labels(tmp_path / "l.tif", np.zeros(shape, int), axes=axes)


@pytest.mark.parametrize("highest", [300, 100_000])
def test_large_volumes_are_tiled_bigtiff(tmp_path, monkeypatch, highest):
    monkeypatch.setattr(tiff_planes, "_IMAGEJ_LIMIT", 1000)
    labels = rng.integers(0, highest, (5, 70, 1030))
    labels[0, 0, 0] = highest
    spacing = {"Z": 2.0, "Y": 0.5, "X": 0.25}
    write_labels(tmp_path / "l.tif", labels, spacing_um=spacing)
    with tifffile.TiffFile(tmp_path / "l.tif") as tif:
        assert tif.is_bigtiff
        assert tif.is_ome
        assert tif.pages[0].tile == (80, 512)
        assert len(tif.pages) == 5
        assert tif.pages[0].dtype == (np.uint16 if highest < 2**16 else np.uint32)
    lazy = open_lazy(tmp_path / "l.tif")
    assert (lazy.axes, lazy.spacing_um) == ("ZYX", spacing)
    np.testing.assert_array_equal(np.asarray(lazy.array), labels)
    found, ids = read_labels(tmp_path / "l.tif")
    np.testing.assert_array_equal(np.concatenate([[0], ids])[found], labels)


def test_writing_holds_no_copy_of_the_volume(tmp_path, monkeypatch):
    """A hundred megabytes of labels, which are one plane seen many times in another order of axes."""
    monkeypatch.setattr(tiff_planes, "_IMAGEJ_LIMIT", 1000)
    plane = rng.integers(0, 9, (64, 64)).astype(np.int32).repeat(16, axis=0).repeat(16, axis=1)
    labels = np.broadcast_to(plane[np.newaxis], (24, 1024, 1024)).swapaxes(1, 2)
    tracemalloc.start()
    write_labels(tmp_path / "l.tif", labels)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 2**20 < labels.nbytes / 10
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "l.tif", key=23), plane.T)


def test_large_images_are_tiled_bigtiff(tmp_path, monkeypatch):
    monkeypatch.setattr(tiff_planes, "_IMAGEJ_LIMIT", 1000)
    labels = rng.integers(0, 9, (600, 1100))
    write_labels(tmp_path / "l.tif", labels, spacing_um={"Y": 0.5, "X": 0.5})
    with tifffile.TiffFile(tmp_path / "l.tif") as tif:
        assert tif.is_bigtiff
        assert tif.pages[0].is_tiled
    lazy = open_lazy(tmp_path / "l.tif")
    assert lazy.spacing_um == {"Y": 0.5, "X": 0.5}
    np.testing.assert_array_equal(np.asarray(lazy.array), labels)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array([[-1, 0]]), "must lie in 0 to 4,294,967,295 to be written, got -1 to 0"),
        (np.array([[2**32]]), "got 4294967296 to 4294967296"),
        (np.zeros((3, 3)), "expected an integer label image of 2 to 4 dimensions, got float64"),
        (np.zeros(3, int), "2 to 4 dimensions"),
        (np.zeros((0, 3), int), "2 to 4 dimensions"),
        (np.zeros((1, 1, 1, 3, 3), int), "2 to 4 dimensions"),
    ],
)
def test_refuses_to_write(tmp_path, labels, message):
    with pytest.raises(InputError, match=message):
        write_labels(tmp_path / "l.tif", labels)
    assert list(tmp_path.iterdir()) == []


def test_real_masks(shared_data):
    labels, ids = read_labels(shared_data / "readers" / "mask2d.tif")
    raw = tifffile.imread(shared_data / "readers" / "mask2d.tif")
    assert ids.tolist() == np.unique(raw[raw > 0]).tolist()
    np.testing.assert_array_equal(np.concatenate([[0], ids])[labels], raw)
