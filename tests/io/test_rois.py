"""ImageJ regions against roifile, worked examples and shapely."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest
import roifile
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from stellate.errors import InputError
from stellate.geometry.labels import relabel
from stellate.io import outlined, read_rois, write_rois
from stellate.results import Instances

small_labels = hnp.arrays(
    np.int32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(0, 2)
).map(lambda a: relabel(a)[0])


def test_one_pixel_is_a_unit_square_in_imagej(tmp_path):
    labels = np.zeros((5, 6), np.int32)
    labels[2, 3] = 1
    write_rois(tmp_path / "r.zip", Instances(labels))
    (roi,) = roifile.roiread(tmp_path / "r.zip")
    assert roi.name == "1"
    assert (roi.left, roi.top, roi.right, roi.bottom) == (3, 2, 4, 3)
    assert set(map(tuple, roi.coordinates().tolist())) == {(3, 2), (4, 2), (4, 3), (3, 3)}
    (found,) = read_rois(tmp_path / "r.zip")
    ring = found.pieces[0][0]
    assert found.name == "1"
    assert set(map(tuple, ring.tolist())) == {(1.5, 2.5), (1.5, 3.5), (2.5, 3.5), (2.5, 2.5)}


def filled(ring, shape):
    rows, cols = np.indices(shape)
    return shapely.contains_xy(shapely.Polygon(ring), rows, cols)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(small_labels)
def test_regions_filled_are_the_objects_filled(tmp_path, labels):
    write_rois(tmp_path / "r.zip", Instances(labels))
    found = read_rois(tmp_path / "r.zip")
    for k in range(1, labels.max() + 1):
        covered = np.zeros(labels.shape, bool)
        for one in found:
            if one.name.split("-")[0] == str(k):
                covered |= filled(one.pieces[0][0], labels.shape)
        pieces, n = ndimage.label(labels == k)
        expected = np.zeros(labels.shape, bool)
        for p in range(1, n + 1):
            expected |= ndimage.binary_fill_holes(pieces == p)
        np.testing.assert_array_equal(covered, expected)


small_volumes = hnp.arrays(
    np.int32, hnp.array_shapes(min_dims=3, max_dims=3, max_side=6), elements=st.integers(0, 3)
).map(lambda a: relabel(a)[0])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(small_volumes)
def test_each_plane_of_a_volume_has_the_outlines_that_it_has_as_an_image(tmp_path, volume):
    write_rois(tmp_path / "v.zip", Instances(volume, scores=np.ones(5, np.float32)))
    by_plane = {}
    for one in read_rois(tmp_path / "v.zip"):
        by_plane.setdefault(one.plane, {})[one.name] = one.pieces[0][0]
    for z, plane in enumerate(volume):
        write_rois(tmp_path / "p.zip", Instances(plane, scores=np.ones(5, np.float32)))
        expected = {one.name: one.pieces[0][0] for one in read_rois(tmp_path / "p.zip")}
        found = by_plane.pop(z, {})
        assert len(found) == len(expected)
        for name, ring in expected.items():
            label, *piece = name.split("-")
            np.testing.assert_array_equal(found["-".join([label, f"z{z + 1}", *piece])], ring)
    assert not by_plane


def test_a_voxel_lies_in_its_plane_of_imagej(tmp_path):
    labels = np.zeros((4, 5, 6), np.int32)
    labels[1, 2, 3] = 1
    write_rois(tmp_path / "r.zip", Instances(labels))
    (roi,) = roifile.roiread(tmp_path / "r.zip")
    assert (roi.name, roi.position, roi.left, roi.top) == ("1-z2", 2, 3, 2)
    assert read_rois(tmp_path / "r.zip")[0].plane == 1
    write_rois(tmp_path / "r.zip", Instances(labels[1]))
    assert read_rois(tmp_path / "r.zip")[0].plane is None


def test_too_many_outlines_of_a_volume_are_refused_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(outlined, "MOST_OUTLINES", 5)
    labels = np.zeros((4, 5, 6), np.int32)
    labels[:3, 0], labels[1:, 2] = 1, 2
    instances = Instances(labels)
    assert outlined.count_outlines(instances) == 6
    assert outlined.count_outlines(Instances(labels[1])) == 2
    with pytest.raises(
        InputError, match="6 outlines of 2 objects are too many for ImageJ, which holds up to 5"
    ):
        write_rois(tmp_path / "r.zip", instances)
    assert list(tmp_path.iterdir()) == []
    write_rois(tmp_path / "r.zip", Instances(labels[1:]))


def test_names_of_pieces_and_hidden_objects(tmp_path):
    labels = np.array([[1, 0, 1, 1, 0, 3]], np.int32)
    write_rois(tmp_path / "r.zip", Instances(labels, scores=np.ones(4, np.float32)))
    assert [one.name for one in read_rois(tmp_path / "r.zip")] == ["1", "1-2", "3"]
    largest = read_rois(tmp_path / "r.zip")[0].pieces[0][0]
    assert np.ptp(largest[:, 1]) == 2


def test_same_objects_give_the_same_file(tmp_path, monkeypatch):
    instances = Instances(np.eye(5, dtype=np.int32))
    write_rois(tmp_path / "a.zip", instances)
    monkeypatch.setattr("time.time", lambda: 2e9)
    write_rois(tmp_path / "b.zip", instances)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_no_objects(tmp_path):
    write_rois(tmp_path / "r.zip", Instances(np.zeros((4, 4), np.int32)))
    assert read_rois(tmp_path / "r.zip") == []


def test_far_from_the_corner(tmp_path):
    # Beyond 32,767 pixels whole-number coordinates overflow, and ImageJ reads floats.
    labels = np.zeros((3, 70_000), np.int32)
    labels[1, 40_000:40_003] = 1
    labels[:, 69_990:] = 2
    write_rois(tmp_path / "r.zip", Instances(labels))
    first, second = read_rois(tmp_path / "r.zip")
    assert first.pieces[0][0].min(axis=0).tolist() == [0.5, 39_999.5]
    assert second.pieces[0][0].max(axis=0).tolist() == [2.5, 69_999.5]


def test_rectangles_of_imagej_are_read_and_points_passed_over(tmp_path):
    rectangle = roifile.ImagejRoi(roitype=roifile.ROI_TYPE.RECT, left=3, top=2, right=5, bottom=3, name="box")
    point = roifile.ImagejRoi.frompoints([[1, 1]], name="point")
    point.roitype = roifile.ROI_TYPE.POINT
    roifile.roiwrite(tmp_path / "r.zip", [rectangle, point])
    (found,) = read_rois(tmp_path / "r.zip")
    assert found.name == "box"
    ring = found.pieces[0][0]
    assert (ring.min(axis=0).tolist(), ring.max(axis=0).tolist()) == ([1.5, 2.5], [2.5, 4.5])
    assert len(ring) == 4


def test_classes_are_colours_groups_and_properties(tmp_path):
    labels = np.diag([1, 2, 3, 4]).astype(np.int32)
    names = ("round", "T cell: CD8+ \U0001f9ab")
    write_rois(tmp_path / "r.zip", Instances(labels, classes=np.array([1, -1, 0, 1]), class_names=names))
    rois = roifile.roiread(tmp_path / "r.zip")
    assert [r.name for r in rois] == ["1", "2", "3", "4"]
    assert [r.group for r in rois] == [2, 0, 1, 2]
    assert [r.stroke_color.hex() for r in rois] == ["ff56b4e9", "00000000", "ffe69f00", "ff56b4e9"]
    assert rois[0].props == "class: T cell: CD8+ ?\n"
    found = read_rois(tmp_path / "r.zip")
    assert [f.class_name for f in found] == ["T cell: CD8+ ?", None, "round", "T cell: CD8+ ?"]


def test_there_are_no_more_groups_than_imagej_has(tmp_path):
    labels, names = np.array([[1, 0, 2]], np.int32), tuple(map(str, range(300)))
    write_rois(tmp_path / "r.zip", Instances(labels, classes=np.array([254, 255]), class_names=names))
    assert [r.group for r in roifile.roiread(tmp_path / "r.zip")] == [255, 0]
    assert [f.class_name for f in read_rois(tmp_path / "r.zip")] == ["254", "255"]


def test_huge_regions_are_not_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "r.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("1.roi", bytes(2**24 + 1))
    with pytest.raises(InputError, match=r"r\.zip: the region 1\.roi is too large \(16,777,217 bytes\)"):
        read_rois(tmp_path / "r.zip")


def test_bad_input(tmp_path):
    with pytest.raises(InputError, match=r"ImageJ outlines are 2D .* got labels \(2, 2, 2, 2\)"):
        write_rois(tmp_path / "r.zip", Instances(np.zeros((2, 2, 2, 2), np.int32)))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "r.zip").write_bytes(b"no archive")
    with pytest.raises(InputError, match=r"r\.zip: cannot be decoded"):
        read_rois(tmp_path / "r.zip")
    with zipfile.ZipFile(tmp_path / "s.zip", "w") as archive:
        archive.writestr("1.roi", b"nonsense")
        archive.writestr("notes.txt", b"")
    with pytest.raises(InputError, match=r"s\.zip: cannot be decoded"):
        read_rois(tmp_path / "s.zip")
