"""The foreground of a rescaled image lies where the outlines do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stellate.geometry.tiles import Tile
from stellate.tasks import foreground as module
from stellate.tasks.foreground import Foreground


@pytest.mark.parametrize("scale", [0.3, 0.7, 1.0, 1.1, 1.33, 2.7])
@pytest.mark.parametrize("axis", [0, 1])
def test_an_edge_far_from_the_first_pixel_stays_in_its_place(
    scale: float, axis: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BAND_PIXELS", 1000)  # several bands
    shape, edge = (95, 95), 80
    scaled = tuple(round(n * scale) for n in shape)
    tile = replace(Tile.whole(scaled), scale=scale, target_shape=shape)
    # the probability falls by 2 / 255 with every pixel of the image, and is a half between the pixels 79 and 80
    place = (np.arange(scaled[0]) + 0.5) / scale - 0.5
    ramp = np.clip(128 - 2 * (place - (edge - 0.5)), 0, 255).round().astype(np.uint8)
    probability = np.ascontiguousarray(np.broadcast_to(ramp, scaled))
    if axis == 0:
        probability = np.ascontiguousarray(probability.T)
    found = Foreground()
    found.add(probability, tile)
    labels = np.ones(shape, dtype=np.int32)
    fitted = found.fitted(labels, 0.5, np.zeros(1, dtype=np.float32))
    ends = np.count_nonzero(fitted, axis=axis)
    assert abs(ends - edge).max() <= (1 if scale < 1 else 0)
    assert (fitted[:10, :10] == 1).all()
