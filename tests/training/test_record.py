"""What a run was started with: resumed on the same data it goes on, on other data it is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from skimage.io import imsave

from stellate.data.folder import Dataset, open_folder
from stellate.errors import ConfigError, DataError
from stellate.training.feed import divided, look_at
from stellate.training.record import check_same_images, resumed_settings, write_record
from stellate.training.run import train_network
from stellate.training.settings import TrainSettings

SETTINGS = TrainSettings(
    epochs=1,
    steps_per_epoch=1,
    batch_size=1,
    patch=(64, 64),
    validation_patches=1,
    network={"depth": 1, "base_channels": 4, "head_channels": 8, "n_rays": 8},
    precision="float32",
    device="cpu",
    validation=0.25,
)
IMAGES = {"train": {"images/a.tif": "1", "images/b.tif": "2"}, "validation": {"images/c.tif": "3"}}


def train(data: Path, folder: Path, **options: Any) -> Any:
    return train_network("stardist", open_folder(data), folder, settings=SETTINGS, **options)


@pytest.fixture(scope="module")
def started(annotated_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    train(annotated_folder, folder)
    return folder


@pytest.fixture
def data(annotated_folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(annotated_folder, tmp_path / "elsewhere")


def add(data: Path) -> None:
    tifffile.imwrite(data / "images" / "8.tif", np.full((96, 96), 7, np.uint16))
    shutil.copy(data / "masks" / "0.tif", data / "masks" / "8.tif")


def remove(data: Path) -> None:
    for kind in ("images", "masks"):
        (data / kind / "3.tif").unlink()


def rename(data: Path) -> None:
    for kind in ("images", "masks"):
        (data / kind / "0.tif").rename(data / kind / "z.tif")


def change(kind: str) -> Callable[[Path], None]:
    def one_pixel(data: Path) -> None:
        array = tifffile.imread(data / kind / "5.tif")
        array[40, 40] += 1
        tifffile.imwrite(data / kind / "5.tif", array)

    return one_pixel


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (add, r"\(added: images/8\.tif\)"),
        (remove, r"\(removed: images/3\.tif\)"),
        (rename, r"\(added: images/z\.tif; removed: images/0\.tif\)"),
        (change("images"), r"\(changed \(image or mask\): images/5\.tif\)"),
        (change("masks"), r"\(changed \(image or mask\): images/5\.tif\)"),
    ],
)
def test_other_data_is_refused(started: Path, data: Path, edit: Callable[[Path], None], words: str) -> None:
    edit(data)
    said: list[str] = []
    before = {p: p.read_bytes() for p in started.rglob("*") if p.is_file()}
    with pytest.raises(DataError, match=words) as caught:
        train(data, started, resume=True, say=said.append)
    assert str(started) in str(caught.value)
    assert "put the data back as it was, or start a new run in another folder" in str(caught.value)
    assert said == []
    assert {p: p.read_bytes() for p in started.rglob("*") if p.is_file()} == before


def test_the_same_pixels_in_another_place_and_format_go_on(started: Path, data: Path) -> None:
    for kind in ("images", "masks"):
        array = tifffile.imread(data / kind / "5.tif")
        (data / kind / "5.tif").unlink()
        imsave(data / kind / "5.png", array, check_contrast=False)
    said: list[str] = []
    assert train(data, started, resume=True, say=said.append).fitted.epochs == 1
    assert not any("warning" in line for line in said)


def test_a_run_without_a_record_of_its_images_goes_on_with_a_warning(
    started: Path, data: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(started, tmp_path / "run")
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    del record["images"]
    (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
    add(data)
    said: list[str] = []
    assert train(data, folder, resume=True, say=said.append).fitted.epochs == 1
    assert "does not say which images" in said[0]
    assert "run.json" in said[0]


def test_images_are_recorded_in_order_and_read_once(
    started: Path, annotated_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = divided(open_folder(annotated_folder), SETTINGS)
    read: list[str] = []
    pair = Dataset.pair
    monkeypatch.setattr(Dataset, "pair", lambda self, k: read.append(self[k].name) or pair(self, k))
    images = look_at(*parts).hashes
    record = json.loads((started / "run.json").read_text(encoding="utf-8"))
    for name, part in zip(("train", "validation"), parts, strict=True):
        expected = [f"images/{r.name}.tif" for r in part]
        assert list(images[name]) == list(record["images"][name]) == expected
    assert record["images"] == images
    assert sorted(read) == [str(k) for k in range(8)]


def stored(folder: Path, images: Any = IMAGES) -> Path:
    write_record(folder, "stardist", settings=TrainSettings(), choices=(), images=images)
    return folder


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (
            {"train": {"images/a.tif": "1"}, "validation": {"images/b.tif": "2", "images/c.tif": "3"}},
            "(moved between training and validation: images/b.tif)",
        ),
        ({**IMAGES, "train": {"images/b.tif": "2", "images/a.tif": "1"}}, "(another order)"),
        ({**IMAGES, "train": {"images/a.tif": "2", "images/b.tif": "1"}}, "images/a.tif, images/b.tif)"),
        # an image more may send another to the other side; only what the user did is named
        (
            {"train": {"images/a.tif": "1", "images/c.tif": "3"}, "validation": {"images/d.tif": "4"}},
            "(added: images/d.tif; removed: images/b.tif)",
        ),
        (
            {**IMAGES, "train": {**IMAGES["train"], **{f"images/{k}.tif": str(k) for k in range(10, 20)}}},
            "images/17.tif and 2 more)",
        ),
    ],
)
def test_what_differs_is_named(tmp_path: Path, now: Any, words: str) -> None:
    said: list[str] = []
    with pytest.raises(DataError) as caught:
        check_same_images(stored(tmp_path), now, say=said.append)
    assert words in str(caught.value)


def test_names_may_change_where_the_order_stays(tmp_path: Path) -> None:
    said: list[str] = []
    renamed = {"train": {"images/a.png": "1", "images/b2.tif": "2"}, "validation": {"images/0.tif": "3"}}
    check_same_images(stored(tmp_path), renamed, say=said.append)
    assert said == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "not the record of a run"),
        ("[1]", "not the record of a run"),
        ('{"images": 3}', "not the record of a run"),
        ('{"images": {"train": {}}}', "not the record of a run"),
        ('{"images": {"train": 3, "validation": {}}}', "not the record of a run"),
        (None, "nothing to resume"),
    ],
)
def test_a_damaged_record_is_named(tmp_path: Path, content: str | None, words: str) -> None:
    if content is not None:
        (tmp_path / "run.json").write_text(content)
    with pytest.raises(ConfigError, match=words):
        check_same_images(tmp_path, IMAGES, say=print)
    with pytest.raises(ConfigError, match=words):
        resumed_settings(tmp_path, "stardist", TrainSettings())


def test_settings_come_back_and_may_not_change(tmp_path: Path) -> None:
    settings = TrainSettings(
        epochs=7, channels=("DAPI", 0), from_model=Path("a", "b"), network={"grid": (1, 2)}
    )
    write_record(tmp_path, "stardist", settings=settings, choices=(), images=IMAGES)
    back = resumed_settings(tmp_path, "stardist", TrainSettings())
    assert (back.epochs, back.channels, back.from_model) == (7, ("DAPI", 0), str(Path("a", "b")))
    assert tuple(back.network["grid"]) == (1, 2)
    with pytest.raises(ConfigError, match="epochs was 7 when the run was started"):
        resumed_settings(tmp_path, "stardist", TrainSettings(epochs=8))
    with pytest.raises(ConfigError, match="is a run of stardist, not of other"):
        resumed_settings(tmp_path, "other", TrainSettings())
