from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from stellate.axes import Image
from stellate.prediction import shelf
from stellate.prediction.shelf import Shelf
from stellate.results import Boxes, Instances


def found(k: int) -> Instances:
    labels = np.random.default_rng(k).integers(0, 9, (64, 64, 64)).astype(np.int32)
    return Instances(labels, scores=np.full(8, k, np.float32))


def test_a_long_film_fills_no_memory(monkeypatch):
    monkeypatch.setattr(shelf, "MOST_IN_MEMORY", 2 * 2**20)
    shelves = Shelf()
    tracemalloc.start()
    kept = [shelves.put(found(k)) for k in range(20)]
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 3 * 2**20
    assert peak < 8 * 2**20
    for k, one in enumerate(kept):
        np.testing.assert_array_equal(one.labels, found(k).labels)
        np.testing.assert_array_equal(one.scores, k)
        assert (type(one.labels), one.labels.dtype) == (np.ndarray, np.int32)
        assert one.labels.flags.c_contiguous
        assert one.labels.flags.writeable


def test_what_fits_stays_as_it_is():
    one = found(1)
    assert Shelf().put(one) is one
    boxes = Boxes(np.zeros((1, 4), np.float32), np.zeros(1, np.int32))
    assert Shelf().put(boxes) is boxes


def test_without_room_on_the_disk_labels_stay_in_memory(monkeypatch):
    def full(**_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shelf, "MOST_IN_MEMORY", 0)
    monkeypatch.setattr(shelf, "TemporaryFile", full)
    one = found(1)
    assert Shelf().put(one) is one


def test_films_leave_the_same_from_the_shelf(predictor, cells, tmp_path, monkeypatch):
    film = Image(np.stack([cells, cells[::-1], cells[:, ::-1]]), "TYX", {"Y": 0.5, "X": 0.5}, name="film")
    expected = predictor.predict(film).save(tmp_path / "memory")
    monkeypatch.setattr(shelf, "MOST_IN_MEMORY", 0)
    prediction = predictor.predict(film)
    assert all(isinstance(i.labels.base, np.memmap) for i in prediction.instances)
    for kind, path in prediction.save(tmp_path / "shelf").items():
        assert path.read_bytes() == expected[kind].read_bytes(), kind


@pytest.mark.parametrize("shape", [(40, 50), (1, 40, 50)])
def test_a_single_image_needs_no_shelf(predictor, cells, monkeypatch, shape):
    monkeypatch.setattr(shelf, "MOST_IN_MEMORY", 0)
    axes = "TYX"[-len(shape) :]
    prediction = predictor.predict(Image(cells[:40, :50].reshape(shape), axes))
    assert not isinstance(prediction.instances[0].labels.base, np.memmap)
