"""The instance task: targets, losses, candidates, and tiles that give what the whole image gives."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from skimage.segmentation import clear_border
from torch import Tensor, nn

from stellate.data.samples import Sample
from stellate.data.synthetic import FieldConfig, generate_field
from stellate.errors import ConfigError, DataError
from stellate.geometry.object_probability import object_probability
from stellate.geometry.star_distances import star_distances
from stellate.geometry.tiles import Tile, plan_tiles
from stellate.metrics.instances import score_instances
from stellate.models.stardist import StarDistConfig
from stellate.results import Instances, Mask
from stellate.tasks import waiting
from stellate.tasks.instances import InstancesTask
from stellate.tasks.star_polygons import StarPolygons

TASK = InstancesTask(foreground=True)


def field(shape: tuple[int, int] = (160, 192), seed: int = 0) -> np.ndarray:
    config = FieldConfig(shape=shape, diameter=(14.0, 26.0), density=0.35, touching=0.5)
    return generate_field(config, seed)[1].labels


def inner_field(shape: tuple[int, int] = (160, 192)) -> np.ndarray:
    """Objects away from the border, where StarDist finds none."""
    return clear_border(field(shape), buffer_size=4)


def perfect_output(
    labels: np.ndarray, task: InstancesTask, *, noise: float = 0.0, seed: int = 0
) -> dict[str, Tensor]:
    """What a network would say that knows the truth."""
    rng = np.random.default_rng(seed)
    prob = object_probability(labels, task.grid)
    prob = np.clip(prob + noise * rng.standard_normal(prob.shape), 1e-4, 1 - 1e-4)
    distances = star_distances(labels, task.n_rays, task.grid)
    distances = distances * np.exp(noise * rng.standard_normal(distances.shape))
    inside = np.where(labels > 0, 0.98, 0.02)
    return {
        "prob": torch.from_numpy(np.log(prob / (1 - prob)).astype(np.float32))[None],
        "distances": torch.from_numpy(np.moveaxis(distances, -1, 0).astype(np.float32)),
        "foreground": torch.from_numpy(np.log(inside / (1 - inside)).astype(np.float32))[None],
    }


def part_of(output: dict[str, Tensor], tile: Tile, grid: tuple[int, int]) -> dict[str, Tensor]:
    (y0, y1), (x0, x1) = tile.read
    cells = (slice(None), slice(y0 // grid[0], -(-y1 // grid[0])), slice(x0 // grid[1], -(-x1 // grid[1])))
    part = {name: output[name][cells] for name in ("prob", "distances")}
    return {**part, "foreground": output["foreground"][:, y0:y1, x0:x1]}


def found_whole(task: InstancesTask, output: dict[str, Tensor], shape: tuple[int, int]) -> Instances:
    return task.merge([task.decode(output, Tile.whole(shape))])


def test_targets() -> None:
    labels = field()
    labels[:20, :30] = -1
    target = TASK.target(Sample(np.zeros((1, *labels.shape), np.float32), Instances(labels)))
    assert set(target) == {"prob", "distances", "foreground"}
    np.testing.assert_array_equal(target["prob"][0], object_probability(labels, (2, 2)))
    np.testing.assert_array_equal(target["distances"][5], star_distances(labels, 32, (2, 2))[..., 5])
    assert (target["prob"][0][:10, :15] == -1).all()
    assert (target["foreground"][0] == np.sign(labels)).all()


def test_class_targets_put_background_first_and_leave_unknown_objects_out() -> None:
    labels = np.zeros((8, 8), np.int32)
    labels[0:2], labels[2:4], labels[4:6] = 1, 2, 3
    labels[6:8, :4] = -1
    task = InstancesTask(class_names=("a", "b"), grid=(1, 1))
    classes = np.array([1, -1, 0])
    target = task.target(Sample(np.zeros((1, 8, 8), np.float32), Instances(labels, classes=classes)))
    expected = np.zeros((8, 8), int)
    expected[0:2], expected[2:4], expected[4:6], expected[6:8, :4] = 2, -1, 1, -1
    np.testing.assert_array_equal(target["class"], expected)


def test_where_nobody_named_classes_none_is_learned() -> None:
    labels = np.zeros((8, 8), np.int32)
    labels[2:5, 2:5] = 1
    task = InstancesTask(class_names=("a", "b"), grid=(1, 1))
    target = task.target(Sample(np.zeros((1, 8, 8), np.float32), Instances(labels)))
    assert (target["class"] == -1).all()


def test_a_mask_without_objects_is_refused() -> None:
    sample = Sample(np.zeros((1, 8, 8), np.float32), Mask(np.zeros((8, 8), np.int32), ("a",)))
    with pytest.raises(DataError, match="label image"):
        TASK.target(sample)


class Fixed(nn.Module):
    def __init__(self, output: dict[str, Tensor]) -> None:
        super().__init__()
        self.output = output

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        return self.output


@pytest.mark.parametrize("distance_loss", ["l1", "iou"])
def test_the_truth_has_the_least_loss(distance_loss: Any) -> None:
    labels = field()
    task = replace(TASK, distance_loss=distance_loss)
    target = task.target(Sample(np.zeros((1, *labels.shape), np.float32), Instances(labels)))
    batch = {name: torch.from_numpy(a)[None] for name, a in target.items()} | {"image": torch.zeros(1)}

    def losses(noise: float) -> dict[str, float]:
        output = {k: v[None] for k, v in perfect_output(labels, task, noise=noise).items()}
        return {name: value.item() for name, value in task.loss(Fixed(output), batch).items()}

    right, wrong = losses(0.0), losses(0.2)
    assert right["distances"] == pytest.approx(0, abs=2e-3)
    assert all(right[name] < wrong[name] for name in ("prob", "distances"))


def test_a_perfect_network_gives_the_truth() -> None:
    labels = inner_field()
    found = found_whole(TASK, perfect_output(labels, TASK), labels.shape)
    scores = score_instances([found], [labels], [0.9]).pooled[0]
    assert scores.accuracy == 1
    assert scores.mean_matched_iou > 0.98
    assert np.all(np.diff(found.scores) <= 0)
    assert set(np.unique(found.labels)) == set(range(len(found) + 1))


def test_the_foreground_makes_outlines_better() -> None:
    labels = inner_field()
    output = perfect_output(labels, TASK)
    output["distances"] = output["distances"] * 0.85
    fitted = found_whole(TASK, output, labels.shape)
    plain = found_whole(TASK, {k: v for k, v in output.items() if k != "foreground"}, labels.shape)
    scores = [score_instances([f], [labels], [0.9]).pooled[0].accuracy for f in (plain, fitted)]
    assert scores[1] > scores[0] + 0.3


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), side=st.sampled_from([64, 80, 112]), halo=st.sampled_from([0, 16]))
@example(seed=179, side=64, halo=0)
def test_tiles_give_what_the_whole_image_gives(seed: int, side: int, halo: int) -> None:
    labels = field((150, 131), seed % 5)
    output = perfect_output(labels, TASK, noise=0.15, seed=seed)
    whole = found_whole(TASK, output, labels.shape)
    tiles = plan_tiles(labels.shape, (side, side), halo=(halo, halo), multiple=(16, 16))
    merged = TASK.merge(TASK.decode(part_of(output, t, TASK.grid), t) for t in tiles)
    np.testing.assert_array_equal(merged.labels, whole.labels)
    np.testing.assert_array_equal(merged.scores, whole.scores)


@pytest.mark.parametrize("many", [0, 20])
def test_candidates_need_not_all_wait_for_the_last_tile(many: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the tiles around them have come, those that are suppressed are dropped; nothing else changes."""
    labels = field((150, 131))
    output = perfect_output(labels, TASK, noise=0.15, seed=1)
    tiles = list(plan_tiles(labels.shape, (64, 64), halo=(16, 16), multiple=(16, 16)))
    whole = found_whole(TASK, output, labels.shape)
    counts = []
    suppress = StarPolygons.suppress

    def counting(*args: Any, **region: Any) -> np.ndarray:
        states = suppress(*args, **region)
        counts.append((len(states), np.count_nonzero(states)))
        return states

    parts = [TASK.decode(part_of(output, t, TASK.grid), t) for t in tiles]
    monkeypatch.setattr(waiting, "MANY", many)
    monkeypatch.setattr(StarPolygons, "suppress", counting)
    merged = TASK.merge(parts)
    np.testing.assert_array_equal(merged.labels, whole.labels)
    np.testing.assert_array_equal(merged.scores, whole.scores)
    assert len(counts) > 2
    assert max(given for given, _ in counts) < 0.9 * sum(len(part.scores) for part in parts)
    assert counts[-1][0] < len(whole.scores)  # what is settled is not looked at again


def test_only_what_a_tile_owns_is_looked_at() -> None:
    labels = field()
    output = perfect_output(labels, TASK)
    tile = Tile(read=((16, 144), (32, 192)), owns=((32, 112), (64, 192)), shape=labels.shape)
    seen = part_of(output, tile, TASK.grid)
    spoilt = {name: torch.full_like(tensor, 50.0) for name, tensor in seen.items()}
    for name, tensor in seen.items():
        step = 1 if name == "foreground" else 2
        own = (..., *(slice(part.start // step, part.stop // step) for part in tile.own_in_read))
        spoilt[name][own] = tensor[own]
    found, expected = TASK.decode(spoilt, tile), TASK.decode(seen, tile)
    assert len(expected.points) > 10
    for name in ("points", "distances", "scores", "foreground"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def test_a_rescaled_image_gives_outlines_at_full_size() -> None:
    large = inner_field((240, 280))
    small = large[1::2, 1::2]
    tile = replace(Tile.whole(small.shape), scale=0.5, target_shape=large.shape)
    found = TASK.merge([TASK.decode(perfect_output(small, TASK), tile)])
    assert found.labels.shape == large.shape
    assert score_instances([found], [large], [0.7]).pooled[0].accuracy > 0.9


def test_candidates_near_the_border_of_the_image_are_left_out_as_stardist_does() -> None:
    output = perfect_output(np.ones((40, 40), np.int32), TASK)
    output["prob"] = torch.full_like(output["prob"], 5.0)
    task = replace(TASK, nms_threshold=1.0)
    points = task.decode(output, Tile.whole((40, 40))).points
    assert points.min() == 4
    assert points.max() == 34
    assert len(points) == 16 * 16
    points = replace(task, border=0).decode(output, Tile.whole((40, 40))).points
    assert (points.min(), points.max(), len(points)) == (0, 38, 400)


def test_nothing_found() -> None:
    labels = np.zeros((33, 47), np.int32)
    found = found_whole(TASK, perfect_output(labels, TASK), labels.shape)
    assert len(found) == 0
    assert not found.labels.any()


def test_one_pixel() -> None:
    found = found_whole(TASK, perfect_output(np.ones((1, 1), np.int32), TASK), (1, 1))
    assert found.labels.shape == (1, 1)


def test_classes_come_from_the_scores() -> None:
    labels = field()
    output = perfect_output(labels, TASK)
    logits = torch.zeros(3, *output["prob"].shape[1:])
    logits[2, :, : logits.shape[2] // 2], logits[1, :, logits.shape[2] // 2 :] = 4.0, 4.0
    task = replace(TASK, class_names=("right", "left"))
    found = task.merge([task.decode({**output, "class_prob": logits}, Tile.whole(labels.shape))])
    middle = 2 * (logits.shape[2] // 2)
    np.testing.assert_array_equal(found.classes, (found.centres[:, 1] < middle).astype(int))


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1)])
def test_mirrored_rays_point_as_in_the_image(axes: tuple[int, ...]) -> None:
    labels = field()
    flipped = np.ascontiguousarray(np.flip(labels, axes))
    grid = InstancesTask(grid=(1, 1))
    maps = torch.from_numpy(np.moveaxis(star_distances(flipped, 32), -1, 0).copy())
    back = {"distances": torch.flip(maps, [a + 1 for a in axes])}
    np.testing.assert_allclose(
        grid.mirrored(back, axes)["distances"], np.moveaxis(star_distances(labels, 32), -1, 0), atol=1e-3
    )


def test_odd_rays_cannot_be_mirrored() -> None:
    with pytest.raises(ConfigError, match="even number of rays"):
        InstancesTask(n_rays=7).mirrored({"distances": torch.zeros(7, 2, 2)}, (1,))


def test_settings_are_checked() -> None:
    with pytest.raises(ConfigError, match=r"prob_threshold 1\.5"):
        InstancesTask(prob_threshold=1.5)
    with pytest.raises(ConfigError, match="did you mean 'nms_threshold'"):
        InstancesTask.for_network(StarDistConfig(), {"nms_treshold": 0.3}, ())


def class_logits(scores: list[list[float]]) -> torch.Tensor:
    """``(1, 3, 1, n)``: scores of background and two classes at each cell."""
    return torch.tensor(scores).T[None, :, None]


def class_loss(weights: tuple[float, ...], classes: list[int]) -> float:
    scores = [[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 2.0], [0.0, 9.0, 9.0]]
    zeros = torch.zeros(1, 1, 1, 4)
    rays = zeros.expand(1, 8, 1, 4)
    network = Fixed({"prob": zeros, "distances": rays, "class_prob": class_logits(scores)})
    task = InstancesTask(n_rays=8, class_names=("a", "b"), class_weights=weights)
    batch = {
        "image": zeros,
        "prob": zeros,
        "distances": zeros.expand(1, 8, 1, 4),
        "class": torch.tensor([[classes]]),
    }
    return float(task.loss(network, batch)["class"])


def test_classes_weigh_as_set_and_unknown_ones_nothing() -> None:
    """By hand: the cell of class a costs log(2 + e) - 1, that of b log(2 + e^2) - 2; the last is unknown."""
    ground, a, b = np.log(3), np.log(2 + np.e) - 1, np.log(2 + np.e**2) - 2
    assert class_loss((), [0, 1, 2, -1]) == pytest.approx((ground + a + b) / 3)
    assert class_loss((1, 5, 0.5), [0, 1, 2, -1]) == pytest.approx((ground + 5 * a + b / 2) / 3)
    assert class_loss((1, 5, 0.5), [-1, -1, -1, -1]) == 0


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ((1, 2), "expected 3 numbers .* for the background, a, b"),
        ("balanced", "expected 3 numbers"),
        ((1, None, 2), r"\(1, None, 2\): expected 3 numbers"),
    ],
)
def test_class_weights_must_fit(weights: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        InstancesTask(class_names=("a", "b"), class_weights=weights)
