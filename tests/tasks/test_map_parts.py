"""Class maps put together from tiles, against those of the whole image."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from stellate.geometry.tiles import Tile, plan_tiles
from stellate.models.encoder_decoder import EncoderDecoder, EncoderDecoderConfig
from stellate.models.unet import UNet, UNetConfig
from stellate.results import Mask
from stellate.tasks.map_parts import mask_part
from stellate.tasks.segmentation import SegmentationTask

NAMES = ("a", "b", "c", "d")
SHAPE = (104, 120)


@pytest.fixture(scope="module")
def image() -> Tensor:
    torch.manual_seed(1)
    return torch.randn(1, 1, *SHAPE)


@pytest.fixture(scope="module")
def network(image: Tensor) -> Any:
    """One that finds every class somewhere in the image."""
    torch.manual_seed(0)
    made = EncoderDecoder(EncoderDecoderConfig(base_channels=3, depth=1, n_classes=4)).eval()
    with torch.no_grad():
        logits = made(image)["classes"]
        made.classes.bias -= logits.mean((0, 2, 3))
        made.classes.weight *= 20
        made.classes.bias *= 20
    return made


def run(network: Any, image: Tensor) -> Tensor:
    with torch.inference_mode():
        logits: Tensor = network(image)["classes"][0]
    return logits


def tiles(config: Any, task: SegmentationTask, scale: float, target: tuple[int, ...]) -> Iterator[Tile]:
    margin = task.margin(scale)
    halo = tuple(-(-(h + margin) // s) * s for h, s in zip(config.halo, config.stride, strict=True))
    side = tuple(2 * h + 3 * s for h, s in zip(halo, config.stride, strict=True))
    for tile in plan_tiles(SHAPE[-len(halo) :], side, halo=halo, multiple=config.stride):
        yield replace(tile, scale=scale, target_shape=target)


def whole(network: Any, image: Tensor, task: SegmentationTask, scale: float, target: tuple[int, ...]) -> Mask:
    tile = replace(Tile.whole(tuple(image.shape[2:])), scale=scale, target_shape=target)
    return task.merge([task.decode({"classes": run(network, image)}, tile)])


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize(
    ("scale", "target"), [(1.0, SHAPE), (0.5, (208, 240)), (1.7, (61, 71)), (7.0, (15, 17))]
)
def test_tiles_give_what_the_whole_gives(
    network: Any, image: Tensor, keep: bool, scale: float, target: tuple[int, ...]
) -> None:
    task = SegmentationTask(NAMES, probabilities=keep)
    expected = whole(network, image, task, scale, target)
    cut = list(tiles(network.config, task, scale, target))
    assert len(cut) > 4
    found = task.merge(
        task.decode({"classes": run(network, image[(..., *tile.read_slices)])}, tile) for tile in cut
    )
    assert found.classes.shape == target
    assert found.classes.dtype == np.int32
    assert np.unique(found.classes).size > 1
    assert (found.classes != expected.classes).mean() < 1e-3  # ties by rounding
    if keep:
        np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=1e-5)
        np.testing.assert_allclose(found.probabilities.sum(axis=0), 1, atol=1e-5)
    else:
        assert found.probabilities is None


def test_probabilities_and_classes_of_a_whole_image(network: Any, image: Tensor) -> None:
    logits = run(network, image)
    task = SegmentationTask(NAMES, probabilities=True)
    found = task.merge([task.decode({"classes": logits}, Tile.whole(SHAPE))])
    np.testing.assert_allclose(found.probabilities, logits.softmax(0), atol=1e-6)
    np.testing.assert_array_equal(found.classes, logits.argmax(0))


def test_rescaled_classes_are_those_of_interpolated_probabilities() -> None:
    """Twice as large: torch interpolates likewise, pixel edges on pixel edges."""
    torch.manual_seed(0)
    logits = torch.randn(3, 20, 24)
    tile = replace(Tile.whole((20, 24)), scale=0.5, target_shape=(40, 48))
    part = mask_part(logits, tile, blended=False, keep=True)
    expected = torch.nn.functional.interpolate(logits.softmax(0)[None], scale_factor=2, mode="bilinear")[0]
    np.testing.assert_allclose(part.probabilities, expected, atol=1e-6)
    np.testing.assert_array_equal(part.classes, expected.argmax(0))


def test_padding_beyond_the_image_is_left_out() -> None:
    logits = torch.zeros(2, 8, 8)
    logits[1, 5:] = 9
    part = mask_part(logits, Tile.whole((5, 8)), blended=False, keep=False)
    assert part.classes is not None
    assert part.classes.shape == (5, 8)
    assert not part.classes.any()


def test_volumes() -> None:
    torch.manual_seed(0)
    network: Any = UNet(
        UNetConfig(base_channels=2, depth=1, grid=(1, 1, 1), pool=(1, 2, 2), n_classes=3)
    ).eval()
    image, task = torch.randn(1, 1, 28, 32, 30), SegmentationTask(("a", "b", "c"))
    logits = run(network, image)
    halo = tuple(-(-h // s) * s for h, s in zip(network.config.halo, network.config.stride, strict=True))
    cut = plan_tiles((28, 32, 30), tuple(2 * h + 4 for h in halo), halo=halo, multiple=network.config.stride)
    found = task.merge(task.decode({"classes": run(network, image[(..., *t.read_slices)])}, t) for t in cut)
    assert (found.classes != logits.argmax(0).numpy()).mean() < 1e-3


@pytest.mark.parametrize(("scale", "target"), [(1.0, SHAPE), (0.5, (208, 240))])
def test_blending_of_tiles_that_agree_changes_nothing(
    network: Any, image: Tensor, scale: float, target: tuple[int, ...]
) -> None:
    logits, task = run(network, image), SegmentationTask(NAMES, blended=True, probabilities=True)
    expected = whole(network, image, task, scale, target)
    cut = [
        replace(tile, scale=scale, target_shape=target)
        for tile in plan_tiles(SHAPE, (48, 60), halo=(16, 16), multiple=(2, 2))
    ]
    found = task.merge(task.decode({"classes": logits[(..., *t.read_slices)]}, t) for t in cut)
    np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=1e-5)
    assert (found.classes != expected.classes).mean() < 1e-3


def test_no_seam_is_seen_where_tiles_disagree() -> None:
    """Each tile says another probability, as with an encoder that sees the whole tile; between them it rises evenly."""
    task = SegmentationTask(("a", "b"), blended=True, probabilities=True)
    cut = list(plan_tiles((64, 160), (64, 64), halo=(16, 16), multiple=(1, 1)))
    assert len(cut) > 2
    levels = np.linspace(-2, 2, len(cut))
    logits = [
        torch.stack([torch.zeros(sides), torch.full(sides, float(level))])
        for level, sides in zip(levels, (tuple(b - a for a, b in t.read) for t in cut), strict=True)
    ]
    found = task.merge(task.decode({"classes": x}, t) for x, t in zip(logits, cut, strict=True))
    line = found.probabilities[1, 30]
    steps = np.abs(np.diff(line))
    largest = np.diff(1 / (1 + np.exp(-levels))).max()
    assert steps.max() < 1.1 * largest / 16  # over the width of the overlap
    assert (np.diff(line) > -1e-6).all()
    assert line[0] == pytest.approx(1 / (1 + np.exp(2)), abs=1e-5)


def test_blending_holds_a_row_of_tiles_not_the_image() -> None:
    from stellate.tasks import map_parts

    most = 0
    shape, cut = (400, 40), list(plan_tiles((400, 40), (40, 40), halo=(10, 10), multiple=(1, 1)))
    whole = map_parts._Whole(shape, 3, keep=False)
    for tile in cut:
        logits = torch.randn(3, *(b - a for a, b in tile.read))
        whole.add(mask_part(logits, tile, blended=True, keep=False))
        most = max(most, whole._sums.shape[1])
    assert len(cut) > 10
    assert most <= 40
    classes, probabilities = whole.finished()
    assert classes.shape == shape
    assert probabilities is None
