"""Model folders of StarDist, against what StarDist computed with them (see make_stardist_fixtures.py)."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from stellate.errors import ModelFileError
from stellate.models.file import load_model, save_model
from stellate.models.stardist_folder import read_stardist_folder

FIXTURES = Path(__file__).parents[1] / "fixtures" / "stardist"
FIXTURES_3D = FIXTURES.with_name("stardist_3d")
MORE = os.environ.get("STELLATE_STARDIST_FIXTURES")
FOLDERS = sorted(
    f.parent for root in (FIXTURES, FIXTURES_3D, Path(MORE or FIXTURES)) for f in root.glob("*/expected.npz")
)
FOLDERS = list(dict.fromkeys(FOLDERS))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of one model folder, to be damaged."""
    return Path(shutil.copytree(FIXTURES / "random_grid11", tmp_path / "model"))


def predict(network: torch.nn.Module, image: np.ndarray) -> dict[str, np.ndarray]:
    """Maps of the whole image, padded by reflection at the end as StarDist does; the padding is cut off."""
    config = network.config
    x = image.astype(np.float32) / 64 - 1
    x = x[np.newaxis] if config.in_channels == 1 else np.moveaxis(x, -1, 0)
    pad = [(0, 0)] + [(0, -n % s) for n, s in zip(x.shape[1:], config.stride, strict=True)]
    batch = torch.from_numpy(np.pad(x, pad, mode="reflect")[None])
    with torch.inference_mode():
        raw = {name: maps[0].numpy() for name, maps in network(batch).items()}
    inside = tuple(slice(-(-n // g)) for n, g in zip(x.shape[1:], config.grid, strict=True))
    maps = {name: np.moveaxis(m, 0, -1)[inside] for name, m in raw.items()}
    maps["prob"] = 1 / (1 + np.exp(-maps["prob"][..., 0]))
    if "class_prob" in maps:
        odds = np.exp(maps["class_prob"])
        maps["class_prob"] = odds / odds.sum(axis=-1, keepdims=True)
    return maps


@pytest.mark.parametrize("source", FOLDERS, ids=lambda f: f.name)
def test_maps_are_those_of_stardist(source: Path) -> None:
    expected = np.load(source / "expected.npz")
    network, info = read_stardist_folder(source)
    maps = predict(network, expected["image"])
    cells = tuple(expected["cells"].T)
    distances = np.maximum(maps["distances"][cells], 1e-3)
    np.testing.assert_allclose(maps["prob"], expected["prob"], atol=1e-4, rtol=0)
    np.testing.assert_allclose(distances, expected["dist"], atol=1e-4, rtol=1e-5)
    assert ("prob_class" in expected) == (len(info.class_names) > 0)
    if "prob_class" in expected:
        assert len(info.class_names) == expected["prob_class"].shape[-1] - 1
        classes = maps["class_prob"][cells]
        np.testing.assert_allclose(classes, expected["prob_class"], atol=1e-4, rtol=0)


@pytest.mark.parametrize("source", FOLDERS, ids=lambda f: f.name)
def test_candidates_are_those_of_stardist(source: Path) -> None:
    expected = np.load(source / "expected.npz")
    network, info = read_stardist_folder(source)
    above = predict(network, expected["image"])["prob"] > info.settings["prob_threshold"]
    grid = network.config.grid
    # StarDist leaves out 2 cells at the border of the padded image, and what lies beyond the image
    for axis, (size, stride, g) in enumerate(zip(above.shape, network.config.stride, grid, strict=True)):
        padded = -(-(expected["image"].shape[axis]) // stride) * stride // g
        along = np.moveaxis(above, axis, 0)
        along[:2] = along[max(0, min(size, padded - 2)) :] = False
    np.testing.assert_array_equal(np.argwhere(above) * grid, expected["candidates"])


def test_thresholds_and_config() -> None:
    network, info = read_stardist_folder(FIXTURES / "unusual_grid12")
    stated = json.loads((FIXTURES / "unusual_grid12" / "thresholds.json").read_text())
    assert info.settings == {"prob_threshold": stated["prob"], "nms_threshold": stated["nms"]}
    assert network.config.kernel_size == (5, 3)
    assert network.config.activation == "elu"
    assert network.config.last_activation == "linear"
    assert not network.training
    assert info.name == "unusual_grid12"


def test_default_size_has_stardists_number_of_parameters() -> None:
    from stellate.models.stardist import StarDist

    assert sum(p.numel() for p in StarDist().parameters()) == 1_425_185


@pytest.mark.parametrize("source", FOLDERS, ids=lambda f: f.name)
def test_becomes_a_model_file(source: Path, tmp_path: Path) -> None:
    network, info = read_stardist_folder(source)
    loaded, info_read = load_model(save_model(tmp_path / "m.safetensors", network, info))
    assert info_read.settings == info.settings
    for (name, a), (same, b) in zip(network.state_dict().items(), loaded.state_dict().items(), strict=True):
        assert name == same
        assert torch.equal(a, b)


@pytest.mark.parametrize(
    ("content", "expected", "word"),
    [
        (None, (0.5, 0.4), "no thresholds.json"),
        ("not JSON", (0.5, 0.4), "damaged"),
        ("[0.3, 0.2]", (0.5, 0.4), "damaged"),
        ('{"prob": 1.5, "nms": 0.25}', (0.5, 0.25), "prob"),
        ('{"prob": 0.7, "nms": null}', (0.7, 0.4), "nms"),
        ('{"prob": NaN, "nms": 0.3}', (0.5, 0.3), "prob"),
    ],
)
def test_missing_or_invalid_thresholds(folder: Path, content: str | None, expected: tuple, word: str) -> None:
    (folder / "thresholds.json").unlink()
    if content is not None:
        (folder / "thresholds.json").write_text(content)
    _, info = read_stardist_folder(folder)
    assert (info.settings["prob_threshold"], info.settings["nms_threshold"]) == expected
    assert word in info.training["thresholds"]


def test_newest_best_weights_are_taken(folder: Path) -> None:
    best = folder / "weights_best.h5"
    newer_best, newest = folder / "my_best.h5", folder / "weights_now.h5"
    for age, (path, bias) in enumerate([(newest, 3.0), (newer_best, 2.0), (best, 1.0)]):
        if path != best:
            shutil.copy(best, path)
        with h5py.File(path, "r+") as file:
            file["prob/prob/bias"][...] = bias
        os.utime(path, (1e9 - age, 1e9 - age))
    network, info = read_stardist_folder(folder)
    assert network.prob.bias.item() == 2.0
    assert info.training["weights"] == "my_best.h5"
    best.unlink()
    newer_best.unlink()
    assert read_stardist_folder(folder)[0].prob.bias.item() == 3.0


def test_old_config_lacks_keys(folder: Path) -> None:
    """What StarDist did not write at first has the value that StarDist then had built in."""
    settings = json.loads((folder / "config.json").read_text())
    new = {
        "n_classes",
        "unet_batch_norm",
        "unet_dropout",
        "unet_expansion",
        "unet_prefix",
        "unet_last_activation",
        "grid",
    }
    (folder / "config.json").write_text(json.dumps({k: v for k, v in settings.items() if k not in new}))
    expected = np.load(folder / "expected.npz")
    network, _ = read_stardist_folder(folder)
    np.testing.assert_allclose(predict(network, expected["image"])["prob"], expected["prob"], atol=1e-4)


def test_one_fixture_is_of_keras_2() -> None:
    source = FIXTURES / "keras2_classes_grid22"
    assert str(np.load(source / "expected.npz")["keras"]).startswith("2.")
    with h5py.File(source / "weights_best.h5") as file:
        assert "conv2d_2/conv2d_2/kernel:0" in file


@pytest.mark.parametrize("first", [0, 7, 98])
@pytest.mark.parametrize(
    "source",
    [FIXTURES / "rgb_classes_batchnorm_grid24", FIXTURES_3D / "resnet_classes_grid124"],
    ids=lambda f: f.name,
)
def test_only_the_order_of_kerass_numbers_counts(tmp_path: Path, source: Path, first: int) -> None:
    """Also where 9 comes before 10, which sorting as text would swap."""
    folder = Path(shutil.copytree(source, tmp_path / "model"))
    with h5py.File(folder / "weights_best.h5", "r+") as file:
        for kind in ("conv2d", "conv3d", "batch_normalization"):
            names = [name for name in file if name.startswith(f"{kind}_")]
            for i, name in enumerate(sorted(names, key=lambda n: int(n.split("_")[-1]))):
                file.move(name, f"moved_{kind}_{first + i}" if first + i else f"moved_{kind}")
        for name in [name for name in file if name.startswith("moved_")]:
            file.move(name, name.removeprefix("moved_"))
    expected = np.load(folder / "expected.npz")
    network, _ = read_stardist_folder(folder)
    np.testing.assert_allclose(predict(network, expected["image"])["prob"], expected["prob"], atol=1e-4)


def test_a_shortcut_is_told_by_its_number_not_by_its_place_in_the_file() -> None:
    """Keras lists layers by their depth in the network, which puts shortcuts before convolutions made earlier."""
    with h5py.File(FIXTURES_3D / "resnet_classes_grid124" / "weights_best.h5") as file:
        listed = [str(name) for name in file.attrs["layer_names"] if str(name).startswith("conv3d")]
    assert listed != sorted(listed, key=lambda name: int(name.split("_")[-1]))


@pytest.mark.parametrize(
    "source", sorted(f.parent for f in FIXTURES_3D.glob("*/expected.npz")), ids=lambda f: f.name
)
def test_rays_of_volumes_are_those_of_stardist(source: Path) -> None:
    expected = np.load(source / "expected.npz")
    network, info = read_stardist_folder(source)
    rays = network.config.rays
    assert rays is not None
    assert info.axes == "ZYX"
    np.testing.assert_allclose(rays.vertices, expected["vertices"], atol=1e-6)
    faces = [{frozenset(map(int, face)) for face in table} for table in (rays.faces, expected["faces"])]
    assert faces[0] == faces[1]


def test_an_old_config_of_volumes_lacks_keys(tmp_path: Path) -> None:
    """Without a grid it is 1; without rays_json, n_rays count along a spiral that has the model's anisotropy."""
    folder = Path(shutil.copytree(FIXTURES_3D / "unet_keras2_batchnorm_grid111", tmp_path / "model"))
    path = folder / "config.json"
    settings = json.loads(path.read_text())
    for key in ("grid", "rays_json", "backbone", "n_classes", "unet_expansion", "unet_last_activation"):
        del settings[key]
    path.write_text(json.dumps(settings | {"anisotropy": [2, 1, 1]}))
    network, _ = read_stardist_folder(folder)
    assert network.config.grid == (1, 1, 1)
    assert network.config.anisotropy == (2, 1, 1)
    expected = np.load(folder / "expected.npz")
    np.testing.assert_allclose(predict(network, expected["image"])["prob"], expected["prob"], atol=1e-4)


def change(**changes: object):
    def apply(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return apply


def cut_weights(folder: Path) -> None:
    path = folder / "weights_best.h5"
    path.write_bytes(path.read_bytes()[:9000])


def edit_weights(edit):
    def apply(folder: Path) -> None:
        with h5py.File(folder / "weights_best.h5", "r+") as file:
            edit(file)

    return apply


def nan_weight(file: h5py.File) -> None:
    file["dist/dist/kernel"][0, 0, 0, 0] = np.nan


def link_elsewhere(file: h5py.File) -> None:
    del file["prob"]
    file["prob"] = h5py.ExternalLink("/etc/hostname", "/")


DAMAGES = {
    "no config": (lambda f: (f / "config.json").unlink(), "config.json"),
    "config no JSON": (lambda f: (f / "config.json").write_text("{"), "no valid JSON"),
    "config a list": (lambda f: (f / "config.json").write_text("[]"), "JSON object"),
    "config of something else": (lambda f: (f / "config.json").write_text("{}"), "n_rays"),
    "volumes": (change(n_dim=3, axes="ZYXC"), r"\[1, 1\]: expected 3 numbers"),
    "volumes, by one setting only": (change(n_dim=3), "n_dim is 3"),
    "a grid for volumes": (change(grid=[1, 1, 1]), "expected 2 numbers"),
    "rays of an unknown kind": (
        change(n_dim=3, axes="ZYXC", grid=[1, 1, 1], rays_json={"name": "Rays_Cube", "kwargs": {}}),
        "Rays_Cube",
    ),
    "a ResNet's unknown setting": (
        change(n_dim=3, axes="ZYXC", grid=[1, 1, 1], backbone="resnet", resnet_attention=True),
        "resnet_attention",
    ),
    "other axes": (change(axes="XYC"), "XYC"),
    "resnet": (change(backbone="resnet"), "'resnet'; 2D models"),
    "unknown activation": (change(unet_activation="mish"), "mish"),
    "unknown setting": (change(unet_attention=True), "unet_attention"),
    "wrong grid": (change(grid=[3, 3]), "power of 2"),
    "text for a number": (change(n_rays="many"), "n_rays"),
    "absurd": (change(unet_n_filter_base=4000, unet_n_depth=8), "not of the same model|asks for"),
    "more rays": (change(n_rays=64), "dist/kernel has shape"),
    "other depth": (change(unet_n_depth=3), "down_level_1"),
    "batch norm": (change(unet_batch_norm=True), "batch_normalization"),
    "other grid": (change(grid=[2, 2]), "conv2d"),
    "no weights": (lambda f: (f / "weights_best.h5").unlink(), "no weights"),
    "truncated": (cut_weights, "cannot be read as HDF5"),
    "empty": (lambda f: (f / "weights_best.h5").write_bytes(b""), "cannot be read as HDF5"),
    "no HDF5": (lambda f: (f / "weights_best.h5").write_bytes(b"hello" * 99), "cannot be read as HDF5"),
    "NaN": (edit_weights(nan_weight), "not finite"),
    "a layer gone": (edit_weights(lambda file: file.pop("middle_0")), "middle_0"),
    "half a layer": (edit_weights(lambda file: file["prob/prob"].pop("bias")), "lacks its bias"),
    "a link to another file": (edit_weights(link_elsewhere), "missing: prob"),
}


@pytest.mark.parametrize("damage", DAMAGES, ids=str)
def test_refuses(folder: Path, damage: str) -> None:
    apply, words = DAMAGES[damage]
    apply(folder)
    with pytest.raises(ModelFileError, match=words) as caught:
        read_stardist_folder(folder)
    assert str(folder) in str(caught.value)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="no config"):
        read_stardist_folder(tmp_path / "nothing")
