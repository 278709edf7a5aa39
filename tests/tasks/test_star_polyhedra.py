"""The instance task for volumes: targets and losses, and rays in a mirror."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor, nn

from stellate.data.samples import Sample
from stellate.errors import ConfigError
from stellate.geometry.rays import Rays3D, rays_3d
from stellate.geometry.star_distances_3d import star_distances_3d
from stellate.models.stardist import StarDistConfig
from stellate.results import Instances
from stellate.tasks.instances import InstancesTask
from stellate.tasks.star_polyhedra import StarPolyhedra

CONFIG = StarDistConfig(n_rays=24, grid=(1, 2, 2), anisotropy=(2.0, 1.0, 1.0))
TASK = InstancesTask.for_network(CONFIG, {}, ())
AXES = np.vstack([np.eye(3), -np.eye(3)])
OCTAHEDRON = Rays3D(
    AXES, np.array([[0, 1, 2], [0, 2, 4], [0, 4, 5], [0, 5, 1], [3, 2, 1], [3, 4, 2], [3, 5, 4], [3, 1, 5]])
)


def ellipsoids(shape: tuple[int, int, int] = (14, 40, 36)) -> np.ndarray:
    labels = np.zeros(shape, np.int32)
    z, y, x = np.indices(shape)
    for k, (centre, radii) in enumerate([((6, 12, 11), (3, 8, 7)), ((8, 28, 25), (4, 7, 9))]):
        inside = sum(((a - c) / r) ** 2 for a, c, r in zip((z, y, x), centre, radii, strict=True)) <= 1
        labels[inside] = k + 1
    return labels


def target_of(task: InstancesTask, labels: np.ndarray, **known: Any) -> dict[str, np.ndarray]:
    sample = Sample(np.zeros((1, *labels.shape), np.float32), Instances(labels, **known))
    return dict(task.target(sample))


def test_targets_know_the_shape_of_voxels() -> None:
    """Probability against a distance transform with the anisotropy; distances along the rays of the network."""
    labels = ellipsoids()
    target = target_of(TASK, labels)
    assert set(target) == {"prob", "distances"}
    expected = np.zeros(labels.shape)
    for k in (1, 2):
        depth = distance_transform_edt(labels == k, sampling=(2, 1, 1))
        expected += depth / depth.max()
    np.testing.assert_allclose(target["prob"][0], expected[:, ::2, ::2], atol=1e-6)
    np.testing.assert_array_equal(
        np.moveaxis(target["distances"], 0, -1), star_distances_3d(labels, CONFIG.rays, (1, 2, 2))
    )


def test_what_is_not_annotated_is_not_learned() -> None:
    labels = ellipsoids()
    labels[:2] = -1
    target = target_of(TASK, labels)
    assert (target["prob"][0, :2] == -1).all()
    assert (target["prob"][0, 2:] >= 0).all()


def test_class_targets_lie_on_the_grid() -> None:
    labels = ellipsoids()
    task = replace(TASK, class_names=("a", "b"))
    target = target_of(task, labels, classes=np.array([1, -1], np.int32))
    np.testing.assert_array_equal(target["class"], np.array([0, 2, -1])[labels[:, ::2, ::2]])


class Fixed(nn.Module):
    def __init__(self, output: dict[str, Tensor]) -> None:
        super().__init__()
        self.output = output

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        return self.output


@pytest.mark.parametrize("distance_loss", ["l1", "iou"])
def test_the_truth_has_the_least_loss(distance_loss: Any) -> None:
    target = target_of(replace(TASK, class_names=("a",)), ellipsoids(), classes=np.zeros(2, np.int32))
    batch = {name: torch.from_numpy(a)[None] for name, a in target.items()} | {"image": torch.zeros(1)}

    def losses(factor: float, slope: float) -> dict[str, float]:
        classes = torch.nn.functional.one_hot(batch["class"], 2).movedim(-1, 1)
        prob = batch["prob"].clamp(1e-3, 1 - 1e-3)
        output = {"prob": torch.logit(prob) * slope, "distances": batch["distances"] * factor}
        output["class_prob"] = 9.0 * slope * classes
        task = replace(TASK, distance_loss=distance_loss, class_names=("a",))
        return {name: float(value) for name, value in task.loss(Fixed(output), batch).items()}

    right = losses(1.0, 1.0)
    assert right["distances"] == pytest.approx(0, abs=1e-4)
    for wrong in (losses(0.8, 0.5), losses(1.25, 0.5)):
        assert all(right[name] < wrong[name] for name in right)


def test_a_foreground_is_refused() -> None:
    config = StarDistConfig(grid=(1, 2, 2), foreground=True)
    with pytest.raises(ConfigError, match="in images only, not in volumes"):
        InstancesTask.for_network(config, {}, ())


def test_what_follows_from_the_network_is_no_setting() -> None:
    with pytest.raises(ConfigError, match="the task has no setting 'rays'"):
        InstancesTask.for_network(CONFIG, {"rays": None}, ())


@pytest.mark.parametrize("axes", [(0,), (1,), (2,), (0, 2), (0, 1, 2)])
def test_mirrored_rays_point_as_in_the_volume(axes: tuple[int, ...]) -> None:
    labels = ellipsoids()
    shapes = StarPolyhedra(OCTAHEDRON, (1, 1, 1))
    mirrored = np.flip(shapes.distances(np.ascontiguousarray(np.flip(labels, axes))), axes)
    np.testing.assert_array_equal(mirrored[..., shapes.mirrored_rays(axes)], shapes.distances(labels))


def test_a_golden_spiral_has_no_mirror_image() -> None:
    with pytest.raises(ConfigError, match=r"do not along Z and X .* predict without flips"):
        StarPolyhedra(rays_3d(32), (1, 1, 1)).mirrored_rays((0, 2))


def test_the_longest_ray_along_each_axis_counts() -> None:
    long = Rays3D(OCTAHEDRON.vertices * np.array([0.5, 1, 2.5], np.float32), OCTAHEDRON.faces)
    assert StarPolyhedra(long, (1, 1, 1)).extents == (0.5, 1, 2.5)
    assert StarPolyhedra(rays_3d(96), (1, 1, 1)).extents == pytest.approx((1, 1, 1), abs=0.02)
