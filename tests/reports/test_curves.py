from __future__ import annotations

import math

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from stellate.errors import InputError
from stellate.reports.curves import draw_curves

BLUE, ORANGE = "#0072b2", "#d55e00"


@pytest.fixture
def rows():
    return [
        {
            "epoch": e,
            "step": 10 * e,
            "learning_rate": 0.1,
            "train_prob": 1 / e,
            "train_loss": 3 / e,
            "val_loss": abs(e - 6) + 1.0,
        }
        for e in range(1, 11)
    ]


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were saved."""
    figures: list[Figure] = []
    save = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **k: (figures.append(self), save(self, *a, **k)))
    return figures


def lines(figure: Figure) -> dict[str, dict[str, list[tuple[float, float]]]]:
    """Points of each curve by panel and colour; single points that mark something are left out."""
    return {
        axes.get_title(loc="left"): {
            line.get_color(): list(zip(*map(list, line.get_data()), strict=True))
            for line in axes.lines
            if line.get_linestyle() != "None"
        }
        for axes in figure.axes
    }


def test_a_panel_per_quantity_with_training_and_validation_together(rows, drawn, tmp_path):
    draw_curves(rows, tmp_path / "curves.png")
    panels = lines(drawn[0])
    assert list(panels) == ["loss", "learning rate", "prob"]
    assert panels["loss"][BLUE] == [(e, 3 / e) for e in range(1, 11)]
    assert panels["loss"][ORANGE] == [(e, abs(e - 6) + 1.0) for e in range(1, 11)]
    assert "validation, lowest 1 at 6" in [t.get_text() for t in drawn[0].axes[0].get_legend().get_texts()]


def test_the_picture_shows_both_colours_and_nothing_else_is_left(rows, tmp_path):
    draw_curves(rows, tmp_path / "curves.png")
    assert [f.name for f in tmp_path.iterdir()] == ["curves.png"]
    pixels = np.asarray(Image.open(tmp_path / "curves.png").convert("RGB")).astype(int)
    for colour in (BLUE, ORANGE):
        near = np.abs(pixels - np.round(np.array(to_rgb(colour)) * 255)).max(axis=-1) < 12
        assert near.sum() > 100


def test_gaps_and_values_that_are_no_numbers(drawn, tmp_path):
    rows = [
        {"epoch": 1, "val_loss": 2.0},
        {"epoch": 2},
        {"epoch": 3, "val_loss": math.nan},
        {"epoch": 4, "val_loss": 1.0},
    ]
    draw_curves(rows, tmp_path / "c.png")
    assert lines(drawn[0])["loss"][ORANGE] == [(1, 2.0), (4, 1.0)]


def test_a_first_epoch_is_a_point(drawn, tmp_path):
    draw_curves([{"epoch": 1, "train_loss": 2.0}], tmp_path / "c.png")
    (line,) = drawn[0].axes[0].lines
    assert line.get_marker() == "o"


def test_values_over_orders_of_magnitude_get_a_logarithmic_scale(drawn, tmp_path):
    draw_curves(
        [{"epoch": e, "train_loss": 10.0**-e, "train_prob": 1.0 + e} for e in range(4)], tmp_path / "c.png"
    )
    assert [axes.get_yscale() for axes in drawn[0].axes] == ["log", "linear"]


def test_nothing_to_draw(tmp_path):
    with pytest.raises(InputError, match="no curves to draw"):
        draw_curves([{"epoch": 1, "step": 5}], tmp_path / "c.png")
    assert not list(tmp_path.iterdir())
