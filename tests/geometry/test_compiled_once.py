"""Whatever arrays callers bring, compiled functions see the same types: none is compiled a second time for them."""

from __future__ import annotations

import numpy as np
import pytest
from numba.core import event

from stellate.geometry.object_probability import object_probability
from stellate.geometry.object_probability_3d import object_probability_3d
from stellate.geometry.polyhedra import polyhedron_volumes
from stellate.geometry.rasterize import paint_polygons
from stellate.geometry.rasterize_3d import paint_polyhedra
from stellate.geometry.rays import rays_3d
from stellate.geometry.star_distances import star_distances
from stellate.geometry.star_distances_3d import star_distances_3d
from stellate.geometry.suppression import suppress
from stellate.geometry.suppression_3d import suppress_3d

RAYS = rays_3d(12)


def image_of_labels():
    labels = np.zeros((12, 13), dtype=np.int32)
    labels[2:7, 3:9], labels[7:11, 1:5] = 1, 2
    return labels


def volume_of_labels():
    return np.stack([image_of_labels()] * 3)


def candidates(ndim, n_rays):
    points = np.array([[5, 6, 7], [5, 6, 8], [9, 9, 3]], dtype=np.float32)[:, 3 - ndim :]
    return points, np.full((3, n_rays), 2.5, dtype=np.float32), np.array([0.5, 0.75, 1.0], dtype=np.float32)


CALLS = {
    "suppress": (lambda p, d, s: suppress(p, d, s, 0.4), candidates(2, 8)),
    "suppress_3d": (lambda p, d, s: suppress_3d(p, d, s, 0.4, RAYS), candidates(3, 12)),
    "paint_polygons": (lambda p, d, s: paint_polygons(p, d, (12, 13), scores=s), candidates(2, 8)),
    "paint_polyhedra": (
        lambda p, d, s: paint_polyhedra(p, d, RAYS, (9, 12, 13), scores=s),
        candidates(3, 12),
    ),
    "polyhedron_volumes": (lambda d: polyhedron_volumes(d, RAYS), candidates(3, 12)[1:2]),
    "star_distances": (lambda labels: star_distances(labels, 8, (2, 2)), (image_of_labels(),)),
    "star_distances_3d": (lambda labels: star_distances_3d(labels, RAYS, (1, 2, 2)), (volume_of_labels(),)),
    "object_probability": (lambda labels: object_probability(labels, (2, 2)), (image_of_labels(),)),
    "object_probability_3d": (lambda labels: object_probability_3d(labels, (1, 2, 2)), (volume_of_labels(),)),
}


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def every_second(array):
    return np.repeat(array, 2, axis=0)[::2]


VARIANTS = {
    "read-only": read_only,
    "Fortran order": np.asfortranarray,
    "a view with steps": every_second,
    "8 bytes": lambda array: array.astype(array.dtype.str.replace("4", "8")),
    "swapped bytes": lambda array: array.astype(array.dtype.newbyteorder()),
    "read-only view": lambda array: read_only(every_second(array)),
}


class Compilations(event.Listener):
    def __init__(self):
        self.names = []

    def on_start(self, event):
        self.names.append(event.data["dispatcher"].py_func.__name__)

    def on_end(self, event):
        pass


@pytest.mark.parametrize("name", CALLS)
def test_no_kind_of_array_compiles_again(name):
    call, arrays = CALLS[name]
    expected = call(*arrays)
    for variant, change in VARIANTS.items():
        seen = Compilations()
        with event.install_listener("numba:compile", seen):
            found = call(*(change(array) for array in arrays))
        np.testing.assert_array_equal(found, expected, err_msg=variant)
        assert not seen.names, variant
