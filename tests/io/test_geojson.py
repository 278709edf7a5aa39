"""GeoJSON for QuPath against the json module and shapely."""

from __future__ import annotations

import json

import numpy as np
import pytest
import shapely
import shapely.geometry
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from stellate.errors import InputError
from stellate.geometry.labels import relabel
from stellate.io import read_geojson, write_geojson
from stellate.results import Instances

small_labels = hnp.arrays(
    np.int32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(0, 2)
).map(lambda a: relabel(a)[0])


def one_pixel():
    labels = np.zeros((5, 6), np.int32)
    labels[2, 3] = 1
    return labels


def test_one_pixel_as_qupath_sees_it(tmp_path):
    instances = Instances(
        one_pixel(),
        scores=np.array([0.75], np.float32),
        classes=np.array([1], np.int32),
        class_names=("tumour", "immune"),
    )
    measurements = {"area_px": [1], "circularity": [np.nan], "touches_border": [False]}
    write_geojson(tmp_path / "o.geojson", instances, measurements=measurements)
    content = json.loads((tmp_path / "o.geojson").read_text())
    assert content["type"] == "FeatureCollection"
    (feature,) = content["features"]
    assert feature["type"] == "Feature"
    assert feature["geometry"]["type"] == "Polygon"
    (ring,) = feature["geometry"]["coordinates"]
    assert ring[0] == ring[-1]
    assert set(map(tuple, ring)) == {(3, 2), (4, 2), (4, 3), (3, 3)}
    properties = feature["properties"]
    assert properties["objectType"] == "detection"
    assert properties["name"] == "1"
    assert properties["classification"]["name"] == "immune"
    assert len(properties["classification"]["color"]) == 3
    assert properties["measurements"] == {"area_px": 1, "touches_border": 0, "Detection probability": 0.75}


def test_round_trip_of_names_classes_and_measurements(tmp_path):
    labels = np.array([[1, 1, 0, 2], [0, 0, 0, 2]], np.int32)
    instances = Instances(labels, classes=np.array([0, -1], np.int32), class_names=("a",))
    write_geojson(tmp_path / "o.geojson", instances, measurements={"area": [2.5, 1e-9]})
    first, second = read_geojson(tmp_path / "o.geojson")
    assert (first.name, first.class_name, first.measurements) == ("1", "a", {"area": 2.5})
    assert (second.name, second.class_name, second.measurements) == ("2", None, {"area": 1e-9})


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(small_labels)
def test_features_cover_the_objects_exactly(tmp_path, labels):
    """Holes and pieces included, read by shapely in QuPath's coordinates and by us in ours."""
    write_geojson(tmp_path / "o.geojson", Instances(labels))
    features = json.loads((tmp_path / "o.geojson").read_text())["features"]
    objects = read_geojson(tmp_path / "o.geojson")
    assert len(features) == len(objects) == labels.max(initial=0)
    rows, cols = np.indices(labels.shape)
    for k, (feature, ours) in enumerate(zip(features, objects, strict=True), start=1):
        shape = shapely.geometry.shape(feature["geometry"])
        assert shape.is_valid
        np.testing.assert_array_equal(shapely.contains_xy(shape, cols + 0.5, rows + 0.5), labels == k)
        covered = sum(
            shapely.contains_xy(shapely.Polygon(outer, holes), rows, cols).astype(int)
            for outer, *holes in ours.pieces
        )
        np.testing.assert_array_equal(covered, labels == k)


def test_an_object_of_a_volume_is_a_detection_in_each_plane(tmp_path):
    labels = np.zeros((3, 5, 6), np.int32)
    labels[:2, 1:3, 1:4], labels[1:, 4, 5] = 1, 2
    instances = Instances(labels, classes=np.array([1, 0], np.int32), class_names=("a", "b"))
    write_geojson(tmp_path / "o.geojson", instances, measurements={"volume": [12, 2]})
    features = json.loads((tmp_path / "o.geojson").read_text())["features"]
    assert [(f["geometry"]["plane"], f["properties"]["name"]) for f in features] == [
        ({"c": -1, "z": z, "t": 0}, name) for z, name in ((0, "1"), (1, "1"), (1, "2"), (2, "2"))
    ]
    rows, cols = np.indices(labels.shape[1:])
    for one in read_geojson(tmp_path / "o.geojson"):
        label = int(one.name)
        assert (one.class_name, one.measurements) == ("_ba"[label], {"volume": {1: 12, 2: 2}[label]})
        covered = shapely.contains_xy(shapely.Polygon(one.pieces[0][0]), rows, cols)
        np.testing.assert_array_equal(covered, labels[one.plane] == label)
    write_geojson(tmp_path / "o.geojson", Instances(labels[0]))
    assert read_geojson(tmp_path / "o.geojson")[0].plane is None


def test_outer_rings_are_counterclockwise_and_holes_clockwise(tmp_path):
    labels = np.ones((5, 5), np.int32)
    labels[2, 2] = 0
    write_geojson(tmp_path / "o.geojson", Instances(labels))
    (feature,) = json.loads((tmp_path / "o.geojson").read_text())["features"]
    outer, hole = feature["geometry"]["coordinates"]
    assert shapely.LinearRing(outer).is_ccw
    assert not shapely.LinearRing(hole).is_ccw


def test_objects_without_pixels_are_left_out_and_none_is_valid(tmp_path):
    write_geojson(tmp_path / "o.geojson", Instances(one_pixel() * 2, scores=np.ones(3, np.float32)))
    assert [one.name for one in read_geojson(tmp_path / "o.geojson")] == ["2"]
    write_geojson(tmp_path / "o.geojson", Instances(np.zeros((3, 3), np.int32)))
    assert json.loads((tmp_path / "o.geojson").read_text())["features"] == []


def test_reads_what_qupath_and_others_write(tmp_path):
    square = [[0, 0], [2, 0], [2, 1], [0, 1], [0, 0]]
    old = {
        "type": "Feature",
        "geometry": {"type": "MultiPolygon", "coordinates": [[square], [square]]},
        "properties": {"measurements": [{"name": "Area", "value": 2}]},
    }
    point = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [1, 1]}, "properties": None}
    (tmp_path / "o.geojson").write_text(json.dumps([old, point]))
    (found,) = read_geojson(tmp_path / "o.geojson")
    assert found.measurements == {"Area": 2}
    assert len(found.pieces) == 2
    assert found.pieces[0][0].tolist() == [[-0.5, -0.5], [-0.5, 1.5], [0.5, 1.5], [0.5, -0.5]]
    (tmp_path / "f.geojson").write_text(json.dumps(old))
    assert len(read_geojson(tmp_path / "f.geojson")) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("not json", "cannot be decoded"),
        ('{"type": "Topology"}', "expected a GeoJSON FeatureCollection"),
        (
            '{"features": [{"geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]}}]}',
            "malformed ring",
        ),
        (
            '{"features": [{"geometry": {"type": "Polygon", "coordinates": [[1, 2, 3, 4]]}}]}',
            "malformed ring",
        ),
        ('{"features": [3]}', "cannot be decoded"),
    ],
)
def test_refuses_to_read(tmp_path, content, message):
    (tmp_path / "o.geojson").write_text(content)
    with pytest.raises(InputError, match=message) as caught:
        read_geojson(tmp_path / "o.geojson")
    assert "o.geojson" in str(caught.value)


def test_refuses_to_write(tmp_path):
    with pytest.raises(InputError, match=r"measurement 'area' has shape \(2,\) for 1 objects"):
        write_geojson(tmp_path / "o.geojson", Instances(one_pixel()), measurements={"area": [1, 2]})
    with pytest.raises(InputError, match="QuPath outlines are 2D"):
        write_geojson(tmp_path / "o.geojson", Instances(np.zeros((2, 2, 2, 2), np.int32)))
    assert list(tmp_path.iterdir()) == []
