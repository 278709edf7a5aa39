"""The course of a training run as curves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..errors import InputError
from ..io.atomic import atomic

__all__ = ["draw_curves"]

Row = Mapping[str, float]

# Told apart in grey print and with any kind of colour vision.
_TRAIN, _VALIDATION = "#0072b2", "#d55e00"
_PREFIXES = {"train_": ("training", _TRAIN, "--"), "val_": ("validation", _VALIDATION, "-")}
_POSITIONS = ("epoch", "step")
_COLUMNS = 3


def draw_curves(rows: Sequence[Row], path: str | Path) -> None:
    """Draw every quantity of a training run over its epochs, training and validation together, as a PNG.

    Parameters
    ----------
    rows
        A row per epoch, by name: ``epoch``, and any of ``train_X`` and ``val_X`` (drawn in one panel per X,
        ``loss`` first) and others such as ``learning_rate`` (a panel each). Rows may lack names; values that
        are not finite are left out.
    path
        The PNG to write; it appears whole or not at all.

    Raises
    ------
    InputError
        If there is nothing to draw.
    OutputError
        If it cannot be written.
    """
    panels = _panels(rows)
    if not panels:
        raise InputError("no curves to draw: expected rows with an epoch and values such as train_loss")
    columns = min(_COLUMNS, len(panels))
    lines = -(-len(panels) // columns)
    figure = Figure(figsize=(4.2 * columns, 3.1 * lines), dpi=110, layout="constrained")
    grid = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes, (title, names) in zip(grid, panels.items(), strict=False):
        _draw_panel(axes, title, {name: _points(rows, name) for name in names})
    for axes in grid[len(panels) :]:
        axes.remove()
    with atomic(path) as draft:
        figure.savefig(draft, format="png")


def _panels(rows: Sequence[Row]) -> dict[str, list[str]]:
    """Names of the curves by panel, the sum of the losses first."""
    panels: dict[str, list[str]] = {}
    for name in dict.fromkeys(name for row in rows for name in row if name not in _POSITIONS):
        panels.setdefault(_quantity(name), []).append(name)
    return dict(sorted(panels.items(), key=lambda panel: (panel[0] != "loss", len(panel[1]) < 2)))


def _quantity(name: str) -> str:
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    return name


def _points(rows: Sequence[Row], name: str) -> list[tuple[float, float]]:

    return [(row["epoch"], row[name]) for row in rows if name in row and math.isfinite(row[name])]


def _draw_panel(axes: Axes, title: str, curves: Mapping[str, Sequence[tuple[float, float]]]) -> None:
    for name, points in curves.items():
        label, colour, style = next(
            (v for p, v in _PREFIXES.items() if name.startswith(p)), ("", "#444444", "-")
        )
        epochs, values = zip(*points, strict=True) if points else ((), ())
        if name == "val_loss" and points:
            epoch, lowest = min(points, key=lambda p: p[1])
            label = f"{label}, lowest {lowest:.3g} at {epoch:g}"
            axes.plot([epoch], [lowest], "o", color=colour, markersize=5)
        # One epoch alone would be an invisible line.
        marker = "o" if len(points) < 3 else None
        axes.plot(
            epochs, values, style, color=colour, label=label, linewidth=1.6, marker=marker, markersize=4
        )
    numbers = [v for points in curves.values() for _, v in points]
    if numbers and min(numbers) > 0 and max(numbers) > 20 * min(numbers):
        axes.set_yscale("log")
    axes.set_title(title.replace("_", " "), loc="left", fontsize=10)
    axes.set_xlabel("epoch", fontsize=9)
    axes.tick_params(labelsize=8)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=7, min_n_ticks=1))
    axes.grid(visible=True, color="#e4e4e4", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    if any(name.startswith(tuple(_PREFIXES)) for name in curves):
        axes.legend(fontsize=8, frameon=False)
