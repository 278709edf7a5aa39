"""Does transfer pay? White blood cells of one laboratory, told apart by a network that saw those of another before.

    python benchmarks/transfer.py DATA --keep FOLDER [--seeds 0 1 2 3 4] [--figure curve.png]

DATA holds `wbc_zheng2018` (300 pictures of single white cells) and `bccd` (smears; `single_cell.csv` has the box and
the type of the one white cell of each). A ResNet-18 is trained on the former. Then the white cells that are cut out of
the latter are learned, with 5, 10, 20 or all of each type, in three ways:

- scratch: weights by chance;
- fine-tuned: the backbone begins with what it learned before, and goes on at a tenth of the learning rate;
- frozen: the same, but only the last layer is trained.

The 276 cells of four types (a single basophil is left out) are divided into three parts; a seed measures on one of
them, and learns from cells of the others. Of the cells to learn from, a fifth of each type is kept for validation. A
type that has fewer than 5, 10 or 20 gives all it has. Everything else is stellate's defaults, and the same for all
ways. The seed changes the division, the choice of cells and the training, but not the network that learned before.

What was trained and measured stays in FOLDER, and is not done again.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from stellate.data.opening import open_classes
from stellate.data.split import folds
from stellate.metrics.classification import ClassificationMetrics, score_classes
from stellate.models.file import save_model
from stellate.prediction.loading import load_predictor
from stellate.prediction.predictor import Predictor
from stellate.training.fit import LAST
from stellate.training.run import train_network
from stellate.training.settings import TrainSettings

TYPES = {"1": "NEUTROPHIL", "2": "LYMPHOCYTE", "3": "MONOCYTE", "4": "EOSINOPHIL", "5": "BASOPHIL"}
LEAST = 5
SIDE = 64
PARTS = 3
SETTINGS: dict[str, Any] = {
    "backbone": "resnet18",
    "network": {"input_size": (SIDE, SIDE)},
    "batch_size": 16,
    "warmup_steps": 30,
    "least_images": 2,
    "device": "cpu",
}
BEFORE = {**SETTINGS, "weights": "none", "epochs": 36, "steps_per_epoch": 25}
AFTER = {**SETTINGS, "validation": 0.2, "epochs": 6, "steps_per_epoch": 50}
WAYS: dict[str, dict[str, Any]] = {
    "scratch": {"weights": "none"},
    "fine-tuned": {},
    "frozen": {"freeze": "backbone"},
}


def main() -> None:
    arguments = parsed()
    arguments.keep.mkdir(parents=True, exist_ok=True)
    rows = []
    before = learned_before(arguments.data, arguments.keep)
    for seed in arguments.seeds:
        for size in arguments.sizes:
            for way in arguments.ways:
                rows.append(measured(arguments.data, arguments.keep, before, way=way, size=size, seed=seed))
                print(json.dumps(rows[-1]), flush=True)
    print(table(rows))
    if arguments.figure:
        draw(rows, arguments.figure)


def learned_before(data: Path, keep: Path) -> Path:
    """The network that learned from the other laboratory."""
    folder = keep / "before_0"
    file = folder / "model.safetensors"
    if not file.is_file():
        dataset = open_classes(other_laboratory(data / "wbc_zheng2018", keep))
        run = train_network("classifier", dataset, folder, settings=TrainSettings(**BEFORE))
        save_model(file, run.network, run.info)
        metrics = scored([(Predictor(run.network, run.info), run.validation)])
        print(f"before: {metrics.accuracy:.3f} of {len(metrics.images)} cells right", flush=True)
    return file


def other_laboratory(folder: Path, keep: Path) -> Path:
    """A table of the pictures and their types by name, where the data has numbers."""
    table = keep / "other_laboratory.csv"
    with (folder / "class_labels.csv").open(encoding="utf-8") as file:
        stated = [(int(row["image ID"]), TYPES[row["class label"]]) for row in csv.DictReader(file)]
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "class"])
        writer.writerows((str((folder / "images" / f"{k:03d}.png").resolve()), name) for k, name in stated)
    return table


def measured(data: Path, keep: Path, before: Path, *, way: str, size: str, seed: int) -> dict[str, Any]:
    """Scores on the part of a seed."""
    kept = keep / f"{way}_{size}_{seed}.json"
    if kept.is_file():
        row: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
        return row
    cells = white_cells(data)
    train, test = folds(cells, PARTS, seed)[0]
    chosen = some_of_each(train, size, np.random.default_rng(seed))
    counts = np.bincount([record.class_id for record in chosen.records], minlength=len(cells.class_names))
    predictor = trained(chosen, keep / "runs" / f"{way}_{size}_{seed}", before, way=way, seed=seed)
    metrics = scored([(predictor, test)])
    row = {
        "way": way,
        "per_class": size,
        "seed": seed,
        "learned": dict(zip(cells.class_names, counts.tolist(), strict=True)),
        "measured": len(test),
        "accuracy": metrics.accuracy,
        "balanced_accuracy": metrics.balanced_accuracy,
        "recall": {c.name: c.recall for c in metrics.classes},
    }
    kept.write_text(json.dumps(row, indent=1), encoding="utf-8")
    return row


def white_cells(data: Path) -> Any:
    """The cells of the smears, but for types with fewer than `LEAST`, in no parts."""
    cells = open_classes(data / "bccd" / "single_cell.csv")
    ids = [record.class_id for record in cells.records]
    names = [name for k, name in enumerate(cells.class_names) if ids.count(k) >= LEAST]
    cells = cells.subset(k for k, of in enumerate(ids) if cells.class_names[of] in names)
    records = tuple(replace(record, split=None) for record in cells.records)
    return replace(cells, records=records).with_class_names(names)


def some_of_each(cells: Any, size: str, rng: np.random.Generator) -> Any:
    """As many cells of each type as wanted, or as there are."""
    ids = np.array([record.class_id for record in cells.records])
    wanted = len(ids) if size == "all" else int(size)
    chosen = [k for c in np.unique(ids) for k in rng.permutation(np.flatnonzero(ids == c))[:wanted].tolist()]
    return cells.subset(sorted(chosen))


def trained(cells: Any, folder: Path, before: Path, *, way: str, seed: int) -> Predictor:
    file = folder / "model.safetensors"
    if not file.is_file():
        settings = TrainSettings(**{**AFTER, "weights": before, "seed": seed, **WAYS[way]})
        interrupted = (folder / LAST).is_file()
        run = train_network("classifier", cells, folder, settings=settings, resume=interrupted)
        save_model(file, run.network, run.info)
        for checkpoint in (folder / "checkpoints").glob("*.ckpt"):
            checkpoint.unlink()
    return load_predictor(file)


def scored(found: list[tuple[Predictor, Any]]) -> ClassificationMetrics:
    def pairs() -> Iterator[tuple[Any, Any]]:
        for predictor, cells in found:
            for k in range(len(cells)):
                image, truth = cells.pair(k)
                yield predictor.predict(image).result, truth

    predictions, truths = zip(*pairs(), strict=True)
    return score_classes(predictions, truths, names=None)


def grouped(rows: list[dict[str, Any]]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    by: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        by.setdefault((row["per_class"], row["way"]), []).append(row)
    return by


def spread(values: list[float]) -> tuple[float, float]:
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else math.nan


def table(rows: list[dict[str, Any]]) -> str:
    names = list(rows[0]["recall"])
    heads = [
        "per type",
        "begins",
        "accuracy",
        "balanced accuracy",
        *(f"recall {name.lower()}" for name in names),
    ]
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for (size, way), of in grouped(rows).items():
        values = [[row["accuracy"] for row in of], [row["balanced_accuracy"] for row in of]]
        values += [[row["recall"][name] for row in of] for name in names]
        shown = [f"{mean:.3f} ± {sd:.3f}" for mean, sd in map(spread, values)]
        lines.append(f"| {size} | {way} | {' | '.join(shown)} |")
    return "\n".join(lines)


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    from matplotlib.figure import Figure

    by = grouped(rows)
    sizes = list(dict.fromkeys(size for size, _ in by))
    figure = Figure(figsize=(6.4, 4), layout="constrained")
    axes = figure.subplots()
    for k, way in enumerate(dict.fromkeys(way for _, way in by)):
        points = [spread([row["balanced_accuracy"] for row in by[size, way]]) for size in sizes]
        places = np.arange(len(sizes)) + 0.05 * (k - 1)
        axes.errorbar(
            places, [m for m, _ in points], [s for _, s in points], marker="o", capsize=3, label=way
        )
    axes.set_xticks(range(len(sizes)), sizes)
    axes.set_xlabel("cells of each type to learn from")
    axes.set_ylabel("balanced accuracy")
    axes.grid(axis="y", alpha=0.3)
    axes.legend(frameon=False, loc="lower right")
    figure.savefig(path, dpi=150)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--keep", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--sizes", nargs="+", default=["5", "10", "20", "all"])
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--figure", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
