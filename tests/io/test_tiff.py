"""TIFF against tifffile, which writes it."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
import tifffile

from stellate.errors import InputError
from stellate.io import open_lazy, read
from stellate.io.lazy import LazyArray
from stellate.io.tiff import read as read_tiff
from stellate.io.tiff import read_values

rng = np.random.default_rng(0)
PLAIN_TYPES = ["u1", "u2", "u4", "i1", "i2", "i4", "f2", "f4", "f8"]


def noise(shape, dtype="u2"):
    return rng.integers(0, 120, shape).astype(dtype)


def check(path, array, axes):
    """Both ways of reading give the same pixels and axes."""
    image, lazy = read(path), open_lazy(path)
    for one in (image, lazy):
        assert one.axes == axes
        assert one.array.dtype.newbyteorder("=") == array.dtype.newbyteorder("=")
        np.testing.assert_array_equal(np.asarray(one.array), array)
    assert image.array.dtype.isnative
    assert image.spacing_um == lazy.spacing_um
    return image, lazy


@pytest.mark.parametrize("dtype", PLAIN_TYPES)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "zlib"},
        {"tile": (16, 32), "compression": "lzw"},
        {"bigtiff": True},
        {"byteorder": ">"},
    ],
    ids=str,
)
def test_every_type_and_layout(tmp_path, dtype, options):
    array = noise((37, 50), dtype)
    if dtype == "f2" and options.get("compression") == "lzw":
        options = options | {"compression": "zlib"}
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="minisblack", **options)
    image, _ = check(tmp_path / "a.tif", array, "YX")
    assert (image.name, image.bits, image.spacing_um) == ("a", None, {})


@pytest.mark.parametrize(
    ("shape", "options", "axes"),
    [
        ((5, 20, 30), {"photometric": "minisblack"}, "PYX"),
        ((5, 20, 30), {"photometric": "minisblack", "compression": "zlib", "metadata": None}, "PYX"),
        ((20, 30, 3), {"photometric": "rgb"}, "YXC"),
        ((3, 20, 30), {"photometric": "rgb", "planarconfig": "separate"}, "CYX"),
        ((20, 30, 3), {"photometric": "minisblack"}, "YXC"),
        ((4, 20, 30, 3), {"photometric": "rgb"}, "PYXC"),
        ((1, 20, 30), {"photometric": "minisblack"}, "YX"),
        ((20, 1), {"photometric": "minisblack"}, "YX"),
        ((5, 20, 30), {"imagej": True, "metadata": {"axes": "ZYX"}}, "ZYX"),
        ((5, 2, 20, 30), {"imagej": True, "metadata": {"axes": "ZCYX"}}, "ZCYX"),
        ((3, 5, 2, 20, 30), {"imagej": True, "metadata": {"axes": "TZCYX"}}, "TZCYX"),
        ((5, 2, 20, 30), {"ome": True, "metadata": {"axes": "ZCYX"}}, "ZCYX"),
        ((5, 2, 20, 30), {"metadata": {"axes": "TCYX"}, "photometric": "minisblack"}, "TCYX"),
    ],
    ids=str,
)
def test_axes(tmp_path, shape, options, axes):
    array = noise(shape)
    tifffile.imwrite(tmp_path / "a.tif", array, **options)
    check(
        tmp_path / "a.tif",
        array.reshape([n for n in shape if n > 1] if len(axes) < len(shape) else shape),
        axes,
    )


def test_axes_of_the_caller(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, noise((5, 1, 20, 30)), photometric="minisblack")
    assert read(path, axes="ZYX").sizes == {"Z": 5, "Y": 20, "X": 30}
    assert open_lazy(path, axes="TCYX").sizes == {"T": 5, "C": 1, "Y": 20, "X": 30}
    with pytest.raises(
        InputError, match=r"a\.tif: axes 'YX' name 2 .*the file holds an array of shape \(5, 1, 20, 30\)"
    ):
        read(path, axes="YX")


def test_dimensions_without_a_name_are_asked_for(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, noise((5, 6, 20, 30)), photometric="minisblack")
    with pytest.raises(
        InputError, match=r"does not say what its dimensions \(5, 6, 20, 30\) are .*axes='ZCYX'"
    ):
        read(path)
    assert read(path, axes="ZCYX").axes == "ZCYX"


@pytest.mark.parametrize("size", [0.0, np.nan, np.inf, 1e-300, 1e300])
def test_sizes_that_are_none_are_not_known(tmp_path, size):
    volume = np.zeros((3, 20, 30), np.uint8)
    imagej = {"axes": "ZYX", "unit": "um", "spacing": size}
    tifffile.imwrite(tmp_path / "imagej.tif", volume, imagej=True, resolution=(2, 2), metadata=imagej)
    ome = {"axes": "ZYX", "PhysicalSizeZ": size, "PhysicalSizeY": 0.5, "PhysicalSizeX": 0.5}
    tifffile.imwrite(tmp_path / "ome.tif", volume, ome=True, metadata=ome)
    for name in ("imagej.tif", "ome.tif"):
        assert read(tmp_path / name).spacing_um == {"Y": 0.5, "X": 0.5}


@pytest.mark.parametrize("shape", [(20, 30), (1, 20, 30), (1, 1, 20, 30), (1, 30), (20, 1)])
@pytest.mark.parametrize("axes", ["ZYX", "TZYX", "CZYX"])
@pytest.mark.parametrize("options", [{}, {"imagej": True}, {"tile": (16, 16)}, {"compression": "zlib"}])
def test_a_single_plane_is_what_its_reader_says(tmp_path, shape, axes, options):
    """Files count no axes of length 1, or some of them."""
    plane = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)
    tifffile.imwrite(tmp_path / "plane.tif", plane, **options)
    for opened in (read(tmp_path / "plane.tif", axes=axes), open_lazy(tmp_path / "plane.tif", axes=axes)):
        assert opened.axes == axes
        assert opened.shape == (1,) * (len(axes) - 2) + shape[-2:]
        np.testing.assert_array_equal(np.asarray(opened.array).reshape(shape), plane)
        np.testing.assert_array_equal(np.asarray(opened.select(axes[0], 0).array).ravel(), plane.ravel())


def test_pages_are_picked(tmp_path):
    array = noise((5, 40, 50))
    for options in ({}, {"tile": (16, 16), "compression": "zlib"}):
        tifffile.imwrite(tmp_path / "a.tif", array, photometric="minisblack", **options)
        page = open_lazy(tmp_path / "a.tif").select("P", 3)
        np.testing.assert_array_equal(np.asarray(page.array[10:20, 5:7]), array[3, 10:20, 5:7])


def test_laziness_follows_the_layout(tmp_path):
    array = noise((64, 64))
    tifffile.imwrite(tmp_path / "plain.tif", array)
    tifffile.imwrite(tmp_path / "tiled.tif", array, tile=(16, 16), compression="zlib")
    tifffile.imwrite(tmp_path / "strips.tif", array, compression="zlib")
    assert isinstance(open_lazy(tmp_path / "plain.tif").array, np.memmap)
    assert isinstance(open_lazy(tmp_path / "tiled.tif").array, LazyArray)
    assert isinstance(open_lazy(tmp_path / "strips.tif").array, np.ndarray)


def test_pixel_size_in_ome(tmp_path):
    path = tmp_path / "well.ome.tif"
    metadata = {
        "axes": "CYX", "PhysicalSizeX": 250.0, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 0.5,
        "SignificantBits": 12, "Channel": {"Name": ["DAPI", "GFP"]},
    }  # fmt: skip
    tifffile.imwrite(path, noise((2, 20, 30)), metadata=metadata)
    image, _ = check(path, tifffile.imread(path), "CYX")
    assert image.spacing_um == pytest.approx({"X": 0.25, "Y": 0.5})
    assert (image.name, image.bits, image.channel_names) == ("well", 12, ("DAPI", "GFP"))


@pytest.mark.parametrize(
    ("shape", "axes", "labels", "names"),
    [
        ((2, 20, 30), "CYX", ["DAPI", "GFP"], ("DAPI", "GFP")),
        ((3, 2, 20, 30), "ZCYX", ["DAPI", "GFP"] * 3, ("DAPI", "GFP")),
        ((3, 2, 20, 30), "ZCYX", [f"c:{c} z:{z}" for z in range(3) for c in range(2)], ()),
        ((2, 20, 30), "CYX", ["cells", "cells"], ()),
        ((2, 20, 30), "CYX", ["DAPI", ""], ()),
        ((2, 20, 30), "CYX", ["DAPI\nexposure 3", "GFP\nexposure 5"], ()),
        ((2, 20, 30), "ZYX", ["top", "bottom"], ()),
        ((3, 20, 30, 3), "ZYXS", ["a", "b", "c"], ()),  # colours of a plane have no labels of their own
    ],
)
def test_labels_of_imagej_are_names_where_they_are_those_of_channels(tmp_path, shape, axes, labels, names):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros(shape, np.uint8), imagej=True, metadata={"axes": axes, "Labels": labels})
    assert read(path).channel_names == open_lazy(path).channel_names == names


def test_labels_of_imagej_are_no_names_where_axes_are_read_otherwise(tmp_path):
    path, metadata = tmp_path / "a.tif", {"axes": "ZCYX", "Labels": ["DAPI", "GFP"] * 2}
    tifffile.imwrite(path, np.zeros((2, 2, 20, 30), np.uint8), imagej=True, metadata=metadata)
    assert read(path, axes="ZCYX").channel_names == ("DAPI", "GFP")
    assert read(path, axes="CZYX").channel_names == ()


@pytest.mark.parametrize("unit", ["micron", "um", "\u00b5m", "\u03bcm", "\\u00B5m", "microns", "micrometer"])
def test_pixel_size_in_imagej(tmp_path, unit):
    description = f"ImageJ=1.54f\nimages=3\nslices=3\nunit={unit}\nspacing=1.5\n".encode()
    options = {"resolution": (4.0, 2.0), "metadata": None, "description": description}
    tifffile.imwrite(tmp_path / "a.tif", noise((3, 20, 30)), photometric="minisblack", **options)
    assert read(tmp_path / "a.tif").spacing_um == pytest.approx({"X": 0.25, "Y": 0.5, "Z": 1.5})


@pytest.mark.parametrize(
    ("unit", "expected"), [("nm", 0.004), ("mm", 4000.0), ("inch", 4 * 25400.0), ("pixel", None)]
)
def test_other_units_in_imagej(tmp_path, unit, expected):
    tifffile.imwrite(
        tmp_path / "a.tif", noise((20, 30)), imagej=True, resolution=(0.25, 0.25), metadata={"unit": unit}
    )
    assert read(tmp_path / "a.tif").spacing_um == pytest.approx(
        {"X": expected, "Y": expected} if expected else {}
    )


@pytest.mark.parametrize(
    ("resolution", "unit", "expected"),
    [
        ((20_000, 10_000), "CENTIMETER", {"X": 0.5, "Y": 1.0}),
        ((50_800, 50_800), "INCH", {"X": 0.5, "Y": 0.5}),
        ((300, 300), "INCH", {}),  # a printer's
        ((72, 72), "INCH", {}),
        ((2, 2), "NONE", {}),
        ((0, 0), "CENTIMETER", {}),
    ],
)
def test_pixel_size_in_resolution_tags(tmp_path, resolution, unit, expected):
    tifffile.imwrite(tmp_path / "a.tif", noise((20, 30)), resolution=resolution, resolutionunit=unit)
    assert read(tmp_path / "a.tif").spacing_um == pytest.approx(expected)


def test_numbers_that_are_none_in_ome(tmp_path):
    xml = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0"><Pixels ID="Pixels:0" '
        'DimensionOrder="XYZCT" Type="uint16" SizeX="30" SizeY="20" SizeZ="1" SizeC="1" SizeT="1" '
        'PhysicalSizeX="wide" PhysicalSizeY="-1" SignificantBits="many"><TiffData/></Pixels></Image></OME>'
    )
    tifffile.imwrite(tmp_path / "a.ome.tif", noise((20, 30)), description=xml, metadata=None)
    image = read(tmp_path / "a.ome.tif")
    assert (image.axes, image.spacing_um, image.bits) == ("YX", {}, None)


def test_significant_bits(tmp_path):
    tags = [(281, "H", 1, 4095, True)]
    tifffile.imwrite(tmp_path / "tag.tif", noise((20, 30)), extratags=tags)
    assert read(tmp_path / "tag.tif").bits == 12
    tifffile.imwrite(tmp_path / "max.tif", noise((20, 30)), extratags=[(281, "H", 1, 3000, True)])
    assert read(tmp_path / "max.tif").bits is None


def packed_tiff(values, bits, photometric=1):
    """A TIFF of a given number of bits per sample, put together by hand."""
    height, width = values.shape
    rows = ["".join(f"{v:0{bits}b}" for v in row) for row in values]
    rows = [row + "0" * (-len(row) % 8) for row in rows]
    data = b"".join(bytes(int(row[i : i + 8], 2) for i in range(0, len(row), 8)) for row in rows)
    tags = [
        (256, width),
        (257, height),
        (258, bits),
        (259, 1),
        (262, photometric),
        (273, 8),
        (277, 1),
        (278, height),
        (279, len(data)),
    ]
    body = b"".join(
        tag.to_bytes(2, "little")
        + (4).to_bytes(2, "little")
        + (1).to_bytes(4, "little")
        + value.to_bytes(4, "little")
        for tag, value in tags
    )
    directory = len(tags).to_bytes(2, "little") + body + b"\0\0\0\0"
    return b"II*\0" + (8 + len(data)).to_bytes(4, "little") + data + directory


def test_packed_12_bits(tmp_path):
    values = rng.integers(0, 4096, (6, 8))
    (tmp_path / "a.tif").write_bytes(packed_tiff(values, 12))
    image, _ = check(tmp_path / "a.tif", values.astype(np.uint16), "YX")
    assert image.bits == 12


@pytest.mark.parametrize("photometric", [0, 1])
def test_one_bit(tmp_path, photometric):
    values = rng.integers(0, 2, (6, 9))
    (tmp_path / "a.tif").write_bytes(packed_tiff(values, 1, photometric))
    check(tmp_path / "a.tif", (values ^ (1 - photometric)).astype(np.uint8), "YX")


def test_white_is_zero(tmp_path):
    array = noise((20, 30), "u1")
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="miniswhite")
    check(tmp_path / "a.tif", 255 - array, "YX")
    np.testing.assert_array_equal(read_values(tmp_path / "a.tif"), array)


def test_lookup_table_of_imagej_is_only_for_display(tmp_path):
    array = noise((20, 30), "u1")
    table = rng.integers(0, 2**16, (3, 256)).astype(np.uint16)
    options = {"photometric": "palette", "colormap": table, "metadata": None}
    tifffile.imwrite(tmp_path / "ij.tif", array, description="ImageJ=1.54f\n", **options)
    check(tmp_path / "ij.tif", array, "YX")
    tifffile.imwrite(tmp_path / "other.tif", array, **options)
    with pytest.raises(InputError, match="a TIFF of palette colours; convert it to RGB"):
        read(tmp_path / "other.tif")
    np.testing.assert_array_equal(read_values(tmp_path / "other.tif"), array)


def test_alpha(tmp_path):
    array = noise((20, 30, 4), "u1")
    array[..., 3] = 255
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, array, photometric="rgb", extrasamples=["unassalpha"])
    check(path, array[..., :3], "YXC")
    array[4, 4, 3] = 3
    tifffile.imwrite(path, array, photometric="rgb", extrasamples=["unassalpha"])
    with pytest.raises(InputError, match="transparent"):
        read(path)
    tifffile.imwrite(path, array, photometric="rgb", extrasamples=["unspecified"])
    check(path, array, "YXC")


def test_grey_with_alpha(tmp_path):
    array = noise((20, 30, 2), "u1")
    array[..., 1] = 255
    options = {"photometric": "minisblack", "extrasamples": ["unassalpha"], "planarconfig": "contig"}
    tifffile.imwrite(tmp_path / "a.tif", array, **options)
    check(tmp_path / "a.tif", array[..., 0], "YX")


def test_cmyk_and_complex_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", noise((20, 30, 4), "u1"), photometric="separated")
    with pytest.raises(InputError, match="colours are stored as SEPARATED; convert it to grey or RGB"):
        read(tmp_path / "a.tif")
    tifffile.imwrite(tmp_path / "c.tif", noise((20, 30), "c8"))
    with pytest.raises(InputError, match="values of type complex64"):
        read(tmp_path / "c.tif")


def test_several_images(tmp_path):
    path = tmp_path / "a.tif"
    small, large = noise((8, 9)), noise((20, 30))
    with tifffile.TiffWriter(path) as writer:
        writer.write(small, metadata=None)
        writer.write(large, metadata=None)
    with pytest.raises(
        InputError, match=r"holds 2 images \(\(8, 9\), \(20, 30\)\); choose one with series=0, 1"
    ):
        read(path)
    np.testing.assert_array_equal(read_tiff(path, series=1).array, large)
    with pytest.raises(InputError, match="has 2 images; there is no image 2"):
        read_tiff(path, series=2)


def test_previews_are_passed_over(tmp_path):
    path = tmp_path / "a.tif"
    large = noise((40, 60))
    with tifffile.TiffWriter(path) as writer:
        writer.write(large, metadata=None)
        writer.write(large[::4, ::4], subfiletype=1, metadata=None)
    check(path, large, "YX")


def test_pyramid_gives_its_largest_level(tmp_path):
    path = tmp_path / "a.ome.tif"
    large = noise((64, 64))
    with tifffile.TiffWriter(path, ome=True) as writer:
        writer.write(large, subifds=1, tile=(16, 16), metadata={"axes": "YX"})
        writer.write(large[::2, ::2], subfiletype=1, tile=(16, 16))
    check(path, large, "YX")


@pytest.mark.parametrize(
    "options",
    [{}, {"compression": "zlib"}, {"tile": (16, 16), "compression": "zlib"}, {"imagej": True}, {"ome": True}],
    ids=str,
)
@pytest.mark.parametrize("keep", [6, 10, 0.3, 0.7, 0.95])
def test_truncated(tmp_path, options, keep):
    array = rng.integers(0, 2**16, (4, 60, 70)).astype(np.uint16)
    path = tmp_path / "cut.tif"
    tifffile.imwrite(path, array, photometric="minisblack", **options)
    whole = path.read_bytes()
    path.write_bytes(whole[: keep if keep > 1 else int(len(whole) * keep)])
    for reader in (read, open_lazy):
        with pytest.raises(InputError, match=r"cut\.tif: .*(truncated|cannot be decoded)"):
            reader(path)


def test_damaged_pixels(tmp_path):
    path = tmp_path / "bad.tif"
    tifffile.imwrite(path, rng.integers(0, 2**16, (60, 70)).astype(np.uint16), compression="zlib")
    with tifffile.TiffFile(path) as tif:
        at = tif.pages[0].dataoffsets[0]
    whole = bytearray(path.read_bytes())
    whole[at + 50 : at + 90] = b"\xff" * 40
    path.write_bytes(whole)
    with pytest.raises(InputError, match="cannot be decoded"):
        read(path)


def test_damaged_tile_is_noticed_when_it_is_read(tmp_path):
    path = tmp_path / "bad.tif"
    tifffile.imwrite(path, noise((64, 64)), compression="zlib", tile=(32, 32))
    with tifffile.TiffFile(path) as tif:
        at = tif.pages[0].dataoffsets[3]
    whole = bytearray(path.read_bytes())
    whole[at : at + 40] = b"\xff" * 40
    path.write_bytes(whole)
    image = open_lazy(path)
    assert image.array[:20, :20].shape == (20, 20)
    for read_part in (lambda: image.array[40:50, 40:50], lambda: np.asarray(image.array)):
        with pytest.raises(InputError, match=r"bad\.tif: cannot be decoded"):
            read_part()


def test_planes_in_missing_files(tmp_path):
    uuid = "urn:uuid:11111111-1111-1111-1111-111111111111"
    plane = '<TiffData FirstZ="{z}" IFD="0"><UUID FileName="{name}">{uuid}</UUID></TiffData>'
    planes = plane.format(z=0, name="a.ome.tif", uuid=uuid) + plane.format(
        z=1, name="b.ome.tif", uuid=uuid[:-1] + "2"
    )
    xml = (
        f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="{uuid}"><Image ID="Image:0">'
        '<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="9" SizeY="8" SizeZ="2" SizeC="1" SizeT="1">'
        f"{planes}</Pixels></Image></OME>"
    )
    tifffile.imwrite(tmp_path / "a.ome.tif", noise((8, 9), "u1"), description=xml, metadata=None)
    with pytest.raises(InputError, match="some of its planes lie in other files"):
        read(tmp_path / "a.ome.tif")


def test_bomb(tmp_path):
    path = tmp_path / "bomb.tif"
    values = np.zeros((4, 4), int)
    whole = packed_tiff(values, 8)
    whole = whole.replace((256).to_bytes(2, "little") + b"\4\0\1\0\0\0" + (4).to_bytes(4, "little"),
                          (256).to_bytes(2, "little") + b"\4\0\1\0\0\0" + (10**6).to_bytes(4, "little"))  # fmt: skip
    whole = whole.replace((257).to_bytes(2, "little") + b"\4\0\1\0\0\0" + (4).to_bytes(4, "little"),
                          (257).to_bytes(2, "little") + b"\4\0\1\0\0\0" + (10**6).to_bytes(4, "little"))  # fmt: skip
    path.write_bytes(whole)
    with pytest.raises(InputError, match=r"declares an image of shape .*damaged or hostile"):
        read(path)


def test_random_damage_never_escapes(tmp_path):
    """Any byte may be wrong: there is an image or an `InputError`, never anything else."""
    path = tmp_path / "fuzz.tif"
    tifffile.imwrite(path, noise((3, 12, 14)), imagej=True, metadata={"unit": "um"}, resolution=(3, 3))
    whole = path.read_bytes()
    for _ in range(300):
        damaged = bytearray(whole)
        for at in rng.integers(4, len(whole), 3):
            damaged[at] = rng.integers(0, 256)
        path.write_bytes(damaged)
        with suppress(InputError):
            assert read(path).array.size > 0


def test_real_files(shared_data):
    expected = {
        "xy_12bit__saturated_plant.tif": ("YX", (512, 512), 4095, {"Y": 2.4859, "X": 2.4859}),
        "xy_8bit_labels__mitocheck_incenp_t1.tif": ("YX", (364, 260), 7, {"Y": 0.1, "X": 0.1}),
        "xyzc_16bit__spots.tif": ("ZCYX", (17, 2, 88, 89), 54004, {"Z": 0.4, "Y": 0.0941, "X": 0.0941}),
        "xy_16bit__nuclei_high_dynamic_range.tif": ("YX", (147, 149), 1867, {}),
    }
    for name, (axes, shape, highest, spacing) in expected.items():
        image = read(shared_data / "readers" / name)
        assert (image.axes, image.shape, image.array.max()) == (axes, shape, highest)
        assert image.spacing_um == pytest.approx(spacing, rel=1e-3)
