"""Mesh files, read back by small readers that follow the formats' specifications."""

from __future__ import annotations

import json
import struct
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull

from stellate.errors import InputError
from stellate.io import gltf, ply, write_meshes
from stellate.io.meshes import Meshes, outward


def directions(n):
    k = np.arange(n)
    z = np.linspace(-1, 1, n)
    radius, angle = np.sqrt(1 - z * z), (3 - np.sqrt(5)) * np.pi * k
    return np.stack([z, radius * np.sin(angle), radius * np.cos(angle)], axis=1)


def objects(n, rays=32, seed=0):
    """Star-convex solids of random distances and centres, and the faces of the hull of their rays, in any sense."""
    rng = np.random.default_rng(seed)
    unit = directions(rays)
    distances = rng.uniform(3, 9, (n, rays, 1))
    return rng.uniform(10, 90, (n, 1, 3)) + distances * unit, ConvexHull(unit).simplices


def volumes(vertices, faces):
    """Signed volumes of surfaces in x, y, z: positive if all triangles face outwards."""
    a, b, c = (vertices[:, faces[:, k]] for k in range(3))
    return np.einsum("nmi,nmi->n", a, np.cross(b, c)) / 6


def read_obj(path):
    names, vertices, colours, faces = [], [], [], []
    for line in path.read_text(encoding="utf-8").splitlines():
        kind, *words = line.split()
        if kind == "o":
            assert len(words) == 1
            names.append(words[0])
        elif kind == "v":
            vertices.append([float(w) for w in words[:3]])
            colours.append([float(w) for w in words[3:]])
        elif kind == "f":
            assert len(names) == len(vertices) // 32  # after the vertices of its own object
            faces.append([int(w) - 1 for w in words])
        else:
            assert kind == "#"
    return names, np.array(vertices), np.array(colours), np.array(faces)


def read_ply(path):
    data = path.read_bytes()
    end = data.index(b"end_header\n") + len(b"end_header\n")
    header = data[:end].decode().splitlines()
    assert header[:2] == ["ply", "format binary_little_endian 1.0"]
    types = {"float": "<f4", "uchar": "u1", "int": "<i4"}
    elements = {}
    for line in header:
        match line.split():
            case ["element", element, count]:
                elements[element] = (int(count), [])
                current = elements[element][1]
            case ["property", "list", length, item, name]:
                current += [(f"{name}_n", types[length]), (name, types[item], 3)]
            case ["property", kind, name]:
                current.append((name, types[kind]))
    count, fields = elements["vertex"]
    vertices = np.frombuffer(data, np.dtype(fields), count, end)
    end += vertices.nbytes
    count, fields = elements["face"]
    faces = np.frombuffer(data, np.dtype(fields), count, end)
    assert end + faces.nbytes == len(data)
    return [line for line in header if line.startswith("comment")], vertices, faces


def read_glb(path):
    """Follow the container and every reference of glTF 2.0, and check what the specification demands."""
    data = path.read_bytes()
    magic, version, length = struct.unpack_from("<4sII", data)
    assert (magic, version, length, length % 4) == (b"glTF", 2, len(data), 0)
    size, kind = struct.unpack_from("<I4s", data, 12)
    assert (kind, size % 4) == (b"JSON", 0)
    content = json.loads(data[20 : 20 + size])
    assert content["asset"]["version"] == "2.0"
    binary = b""
    if 20 + size < len(data):
        length, kind = struct.unpack_from("<I4s", data, 20 + size)
        assert (kind, length % 4) == (b"BIN\0", 0)
        binary = data[28 + size :]
        assert len(binary) == length
        (buffer,) = content["buffers"]
        assert 0 <= len(binary) - buffer["byteLength"] <= 3
    assert all(value for key, value in content.items() if isinstance(value, list))  # no empty arrays
    found = [accessor_values(content, binary, k) for k in range(len(content.get("accessors", [])))]
    scene = content["scenes"][content["scene"]]
    result = []
    for node in (content["nodes"][k] for k in scene.get("nodes", [])):
        (primitive,) = content["meshes"][node["mesh"]]["primitives"]
        assert primitive.get("mode", 4) == 4
        assert (
            content["bufferViews"][content["accessors"][primitive["indices"]]["bufferView"]]["target"]
            == 34963
        )
        colour = content["materials"][primitive["material"]]["pbrMetallicRoughness"]["baseColorFactor"]
        vertices, faces = found[primitive["attributes"]["POSITION"]], found[primitive["indices"]]
        assert faces.max() < len(vertices)
        result.append((node["name"], vertices, faces.reshape(-1, 3), colour))
    return scene["extras"], result


def accessor_values(content, binary, k):
    accessor = content["accessors"][k]
    view = content["bufferViews"][accessor["bufferView"]]
    dtype = {5126: "<f4", 5123: "<u2", 5125: "<u4"}[accessor["componentType"]]
    width = {"SCALAR": 1, "VEC3": 3}[accessor["type"]]
    item = np.dtype(dtype).itemsize
    start = accessor.get("byteOffset", 0)
    assert (view.get("byteOffset", 0) + start) % item == 0
    assert view.get("byteOffset", 0) + view["byteLength"] <= content["buffers"][view["buffer"]]["byteLength"]
    stride = view.get("byteStride", item * width)
    assert stride == item * width
    assert start + accessor["count"] * stride <= view["byteLength"]
    if width == 3:
        assert view["target"] == 34962
        assert (stride % 4, start % 4) == (0, 0)
    values = np.frombuffer(binary, dtype, accessor["count"] * width, view.get("byteOffset", 0) + start)
    values = values.reshape(-1, width) if width > 1 else values
    if width == 3:
        np.testing.assert_array_equal(np.float32(accessor["min"]), values.min(axis=0))
        np.testing.assert_array_equal(np.float32(accessor["max"]), values.max(axis=0))
    return values


SPACING = {"Z": 2.0, "Y": 0.5, "X": 0.25}
COLOURS = np.array([[255, 0, 128], [0, 64, 255], [255, 0, 128]], np.uint8)


def in_space(vertices):
    return vertices[..., ::-1] * (0.25, 0.5, 2.0)


def test_obj_round_trip(tmp_path):
    vertices, faces = objects(3)
    write_meshes(
        tmp_path / "m.obj", vertices, faces, spacing_um=SPACING, names=["7", "a b", "ä"], colours=COLOURS
    )
    names, found, colours, triangles = read_obj(tmp_path / "m.obj")
    assert names == ["7", "a_b", "ä"]
    np.testing.assert_allclose(found.reshape(3, 32, 3), in_space(vertices), rtol=1e-6)
    np.testing.assert_allclose(colours.reshape(3, 32, 3)[:, 0], COLOURS / 255, atol=1e-4)
    for k, part in enumerate(triangles.reshape(3, -1, 3)):
        assert volumes(found[np.newaxis], part)[0] > 0
        assert set(map(frozenset, (part - 32 * k).tolist())) == set(map(frozenset, faces.tolist()))
    assert "micrometre" in (tmp_path / "m.obj").read_text().splitlines()[1]


def test_ply_round_trip(tmp_path):
    vertices, faces = objects(3)
    write_meshes(
        tmp_path / "m.ply", vertices, faces, spacing_um=SPACING, names=["7", "9", "12"], colours=COLOURS
    )
    comments, points, triangles = read_ply(tmp_path / "m.ply")
    assert "comment object 2 12" in comments
    assert any("micrometre" in comment for comment in comments)
    found = np.stack([points[axis] for axis in "xyz"], axis=-1)
    np.testing.assert_allclose(found.reshape(3, 32, 3), in_space(vertices), rtol=1e-6)
    assert points["object"].tolist() == [0] * 32 + [1] * 32 + [2] * 32
    assert [points[c][40] for c in ("red", "green", "blue")] == COLOURS[1].tolist()
    assert (triangles["vertex_indices_n"] == 3).all()
    assert (points["object"][triangles["vertex_indices"]] == triangles["object"][:, np.newaxis]).all()
    for part in triangles["vertex_indices"].reshape(3, -1, 3):
        assert volumes(found[np.newaxis], part)[0] > 0


@pytest.mark.parametrize("rays", [32, 33])
def test_glb_round_trip(tmp_path, rays):
    vertices, faces = objects(3, rays)
    write_meshes(
        tmp_path / "m.glb", vertices, faces, spacing_um=SPACING, names=["7", "9", "µ"], colours=COLOURS
    )
    extras, found = read_glb(tmp_path / "m.glb")
    assert extras["unit"] == "micrometre"
    assert [name for name, *_ in found] == ["7", "9", "µ"]
    for k, (_, points, triangles, colour) in enumerate(found):
        np.testing.assert_allclose(points, in_space(vertices[k]), rtol=1e-6)
        assert volumes(points[np.newaxis].astype(float), triangles)[0] > 0
        # red at full is 1, and 128 of 255 in sRGB is about 0.216 of the light
        expected = (1, 0, 0.2159, 1) if k != 1 else (0, 0.0513, 1, 1)
        assert colour == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("suffix", [".obj", ".ply", ".glb"])
def test_without_spacing_in_voxels_and_colours_of_their_own(tmp_path, suffix):
    vertices, faces = objects(4)
    path = tmp_path / f"m{suffix}"
    write_meshes(path, vertices.astype(np.float32), faces, spacing_um={"Y": 0.5, "X": 0.5})
    assert b"voxel" in path.read_bytes()
    if suffix == ".obj":
        names, points, colours, _ = read_obj(path)
        assert names == ["1", "2", "3", "4"]
    elif suffix == ".ply":
        _, rows, _ = read_ply(path)
        points = np.stack([rows[axis] for axis in "xyz"], axis=-1)
        colours = np.stack([rows[c] for c in ("red", "green", "blue")], axis=-1)
    else:
        _, found = read_glb(path)
        points = np.concatenate([p for _, p, *_ in found])
        colours = np.repeat([c for *_, c in found], 32, axis=0)
    np.testing.assert_allclose(points.reshape(4, 32, 3), vertices[..., ::-1], rtol=1e-6)
    assert len(np.unique(colours, axis=0)) == 4


@pytest.mark.parametrize("suffix", [".obj", ".ply", ".glb"])
def test_no_objects_and_one(tmp_path, suffix):
    vertices, faces = objects(1)
    for n in (0, 1):
        path = tmp_path / f"{n}{suffix}"
        write_meshes(path, vertices[:n], faces)
        read = {".obj": read_obj, ".ply": read_ply, ".glb": read_glb}[suffix](path)
        counts = {".obj": len(read[0]), ".ply": len(read[1]) // 32, ".glb": len(read[1])}
        assert counts[suffix] == n


def test_many_objects(tmp_path):
    """Beyond one block, and more vertices than 16 bits count."""
    vertices, faces = objects(2100)
    for suffix in (".ply", ".glb"):
        write_meshes(tmp_path / f"m{suffix}", vertices, faces)
    _, rows, triangles = read_ply(tmp_path / "m.ply")
    assert triangles["vertex_indices"].max() == 2100 * 32 - 1
    np.testing.assert_allclose(rows["x"].reshape(2100, 32), vertices[..., 2], rtol=1e-6)
    _, found = read_glb(tmp_path / "m.glb")
    np.testing.assert_allclose([p for _, p, *_ in found], vertices[..., ::-1], rtol=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.integers(6, 60), st.integers(0, 1000))
def test_faces_are_turned_outwards_whatever_their_sense(rays, seed):
    rng = np.random.default_rng(seed)
    vertices, faces = objects(3, rays, seed)
    mixed = np.array([face[::-1] if rng.random() < 0.5 else face for face in faces])
    turned = outward(vertices, mixed)
    xyz = vertices[..., ::-1]
    centres = xyz.mean(axis=1, keepdims=True)
    assert [set(t) for t in turned.tolist()] == [set(f) for f in faces.tolist()]
    # every edge is passed once each way, and each solid has a positive volume
    edges = [tuple(edge) for a, b, c in turned.tolist() for edge in ((a, b), (b, c), (c, a))]
    assert sorted(edges) == sorted((b, a) for a, b in edges)
    assert (volumes(xyz - centres, turned) > 0).all()


def test_solids_without_volume_do_not_decide_the_sense(tmp_path):
    vertices, faces = objects(2)
    vertices[0] = vertices[0, :1]
    assert volumes(vertices[1:, :, ::-1], outward(vertices, faces))[0] > 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vertices": np.zeros((2, 8))}, r"expected vertices \(objects, rays, 3\), got float64 \(2, 8\)"),
        ({"faces": np.zeros((4, 3))}, r"expected whole-number faces \(m, 3\), got float64"),
        ({"faces": np.array([[0, 1, 32]])}, "faces name the vertices 0 to 32, but an object has 32"),
        ({"faces": np.array([[0, 1, -1]])}, "faces name the vertices -1 to 1"),
        ({"names": ["1"]}, "2 objects, but 1 names"),
        ({"colours": np.zeros((2, 3))}, "dtype float64"),
        ({"path": "m.stl"}, r"m\.stl: meshes are written as one of \.obj, \.ply, \.glb"),
    ],
)
def test_refuses(tmp_path, change, message):
    vertices, faces = objects(2)
    given_ = {"vertices": vertices, "faces": faces, "path": "m.obj"} | change
    with pytest.raises(InputError, match=message):
        write_meshes(tmp_path / given_.pop("path"), **given_)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_refuses_objects_without_a_surface(tmp_path, value):
    vertices, faces = objects(3)
    vertices[1, 4] = value
    with pytest.raises(InputError, match=r"object 2 has vertices that are infinite or no numbers \(1 such"):
        write_meshes(tmp_path / "m.glb", vertices, faces)


@pytest.mark.parametrize(
    ("form", "n", "message"),
    [
        (ply, 2**26, "31 bits, got 2,147,483,648"),
        (gltf, 12_000_000, "ends at 4 GiB, this one would have 4,6"),
    ],
)
def test_refuses_what_the_format_cannot_count(form, n, message):
    """Only the counts are looked at: the arrays are one object, seen many times."""
    vertices, faces = objects(1)
    many = np.broadcast_to(vertices, (n, 32, 3))
    content = Meshes(many, faces, range(n), np.broadcast_to(COLOURS[:1], (n, 3)), (1, 1, 1), "voxel")
    file = BytesIO()
    with pytest.raises(InputError, match=message):
        form.write(file, content)
    assert file.tell() == 0
