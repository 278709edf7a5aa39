from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from stellate.axes import Image
from stellate.prediction.measuring import class_areas
from stellate.results import Mask


@settings(max_examples=50, deadline=None)
@given(
    hnp.arrays(np.int32, hnp.array_shapes(min_dims=2, max_dims=3, max_side=9), elements=st.integers(-1, 3))
)
def test_areas_are_counts_of_pixels(classes):
    axes = "ZYX"[-classes.ndim :]
    spacing = dict(zip(axes, (2.0, 0.5, 0.25)[-classes.ndim :], strict=True))
    names = ("ground", "a", "b", "c")
    columns = class_areas(Image(np.zeros(classes.shape), axes, spacing), Mask(classes, names))
    kind, of_a_pixel = ("area", 0.125) if classes.ndim == 2 else ("volume", 0.25)
    counts = [sum(c == k for c in classes.ravel().tolist()) for k in range(4)]
    assert list(columns) == ["class", f"{kind}_px", f"{kind}_um{classes.ndim}", "share"]
    assert columns["class"] == list(names)
    assert columns[f"{kind}_px"].tolist() == counts
    assert columns[f"{kind}_um{classes.ndim}"] == pytest.approx([of_a_pixel * n for n in counts])
    assert columns["share"] == pytest.approx([n / classes.size for n in counts])


def test_without_a_pixel_size_along_all_axes_there_are_pixels_only():
    mask = Mask(np.zeros((2, 3, 4), np.int32), ("a",))
    columns = class_areas(Image(np.zeros((2, 3, 4)), "ZYX", {"Y": 1.0, "X": 1.0}), mask)
    assert set(columns) == {"class", "volume_px", "share"}
