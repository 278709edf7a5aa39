"""Find the one white blood cell of a smear, and say its type: cross-validated.

    python benchmarks/localization.py DATA --keep FOLDER [--seeds 0 1 2] [--weights FILE]

DATA holds `bccd` with `single_cell.csv`: 277 smears of 640 x 480 pixels with one white cell each, its box and its type.
Five-fold cross-validation by `stellate train localizer --folds 5`: every smear is measured by the model that did not
learn from it. The single basophil is left out. Intervals are those of Wilson (95 %) for the counted cells.

What was trained and measured stays in FOLDER, and is not done again.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

import stellate

FOLDS = 5
SETTINGS: dict[str, Any] = {
    "folds": FOLDS,
    "least_images": FOLDS,
    "epochs": 40,
    "steps_per_epoch": 12,
    "batch_size": 16,
    "warmup_steps": 40,
    "network": {"input_size": (120, 160)},
    "device": "cpu",
}


def main() -> None:
    arguments = parsed()
    rows = [measured(arguments, seed) for seed in arguments.seeds]
    print(table(rows))


def measured(arguments: argparse.Namespace, seed: int) -> list[dict[str, Any]]:
    """What was found in each smear."""
    folder = arguments.keep / f"seed_{seed}"
    kept = folder / "smears.json"
    if not kept.is_file():
        settings = {**SETTINGS, "weights": arguments.weights or "none", "seed": seed}
        validated: Any = stellate.train(
            "localizer",
            arguments.data / "bccd" / "single_cell.csv",
            folder,
            settings=settings,
            resume=folder.is_dir(),
            say=print,
        )
        rows = validated.evaluation.image_table().to_dict("records")
        kept.write_text(json.dumps(rows, default=float, indent=1), encoding="utf-8")
    found: list[dict[str, Any]] = json.loads(kept.read_text(encoding="utf-8"))
    return found


def table(seeds: list[list[dict[str, Any]]]) -> str:
    """A row for each type, and one for all: means over the seeds, and intervals for the cells of the first."""
    names = sorted({row["annotated"] for row in seeds[0]})
    heads = ["type", "smears", "mean IoU", "IoU > .5", "IoU > .75", "type right", "both (IoU > .5)"]
    lines = [f"| {' | '.join(heads)} | 95 % interval of type right |", "|" + "---|" * (len(heads) + 1)]
    for name in [*names, "all"]:
        of_type = [[row for row in rows if name in (row["annotated"], "all")] for rows in seeds]
        scores = [
            [
                float(np.mean([row["iou"] for row in rows])),
                float(np.mean([row["iou"] > 0.5 for row in rows])),
                float(np.mean([row["iou"] > 0.75 for row in rows])),
                float(np.mean([row["right"] for row in rows])),
                float(np.mean([row["right"] and row["iou"] > 0.5 for row in rows])),
            ]
            for rows in of_type
        ]
        shown = [spread(list(values)) for values in zip(*scores, strict=True)]
        n = len(of_type[0])
        right = round(float(np.mean([score[3] for score in scores])) * n)
        low, high = wilson(right, n)
        lines.append(f"| {name.lower()} | {n} | {' | '.join(shown)} | {low:.2f} to {high:.2f} |")
    return "\n".join(lines)


def spread(values: list[float]) -> str:
    mean = float(np.mean(values))
    return f"{mean:.3f} ± {float(np.std(values, ddof=1)):.3f}" if len(values) > 1 else f"{mean:.3f}"


def wilson(right: int, n: int) -> tuple[float, float]:
    """95 % interval of a share of which `right` of `n` were seen (Wilson, JASA 1927)."""
    z = 1.959964
    share = right / n
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    return max(0.0, middle - half), min(1.0, middle + half)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--keep", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--weights", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
