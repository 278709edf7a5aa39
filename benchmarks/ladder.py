"""The ladder of semantic segmentation, from the sliding window to U-Net: every network after the same training.

    python benchmarks/ladder.py DATA --keep FOLDER [--sets wbc isbi] [--models unet segnet ...] [--seeds 0 1 2]
    python benchmarks/ladder.py DATA --keep FOLDER --timings      seconds and memory of prediction, on an idle machine

DATA holds `wbc_zheng2018` (300 white blood cells, RGB, about 120 x 120 pixels: background, cytoplasm, nucleus) and
`isbi2012_membranes` (24 consecutive slices of 512 x 512 pixels: membrane, cell), each with images/ and masks/. The
cells are divided at random, 60 to measure on and 12 to validate on, pictures that are there twice staying on one side;
the slices are divided as they lie: 00-15, 16-18 to validate on, 19-23 to measure on. Everything is trained with 600
steps of 4 patches of 96 x 96 pixels, small widths, and stellate's defaults for the rest. The seed changes the training,
not the division.

What was trained and measured stays in FOLDER, and is not done again.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import peer

SETTINGS: dict[str, Any] = {
    "epochs": 6,
    "steps_per_epoch": 100,
    "batch_size": 4,
    "patch": (96, 96),
    "warmup_steps": 60,
    "validation_patches": 16,
}
WINDOW = {"base_channels": 8, "patch_size": 32, "depth": 2, "hidden_channels": 64}
HOURGLASS = {"base_channels": 16, "depth": 3}

MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    # windows around every 8th pixel along each axis: 144 of a patch, as the networks for whole images see all of it
    "sliding-window": ("sliding-window", {**WINDOW, "step": 8}),
    "sliding-window, all pixels": ("sliding-window", {**WINDOW, "convolutional": True}),
    "fully-convolutional": ("fully-convolutional", {"channels": 16, "n_layers": 6, "dilations": (1,) * 6}),
    "fully-convolutional, dilated": (
        "fully-convolutional",
        {"channels": 16, "n_layers": 6, "dilations": (1, 1, 2, 4, 8, 1)},
    ),
    **{
        f"encoder-decoder, {way}": ("encoder-decoder", {**HOURGLASS, "upscaling": way})
        for way in ("nearest", "bilinear", "bed-of-nails", "max-unpooling", "transposed")
    },
    "segnet, vgg16": ("segnet", {"variant": "vgg16", "base_channels": 8}),
    "segnet, basic": ("segnet", {"variant": "basic", "base_channels": 16}),
    "unet": ("unet", HOURGLASS),
    "unet, deeper": ("unet", {**HOURGLASS, "depth": 4, "max_channels": 96}),
}

SIDES = (512, 2048)
REPEATS, LONG = 3, 20.0


class Collection(NamedTuple):
    """Annotated images, and how they are divided."""

    folder: str
    values: dict[str, str]
    test: int
    validation: int
    random: bool
    together: tuple[str, ...]


SETS = {
    "wbc": Collection(
        "wbc_zheng2018",
        {"0": "background", "128": "cytoplasm", "255": "nucleus"},
        test=60,
        validation=12,
        random=True,
        together=("112.png", "139.png"),
    ),
    "isbi": Collection(
        "isbi2012_membranes",
        {"0": "membrane", "255": "cell"},
        test=5,
        validation=3,
        random=False,
        together=(),
    ),
}


IMPORTED_FIRST = ("monai.losses", "stellate.training.run", "stellate.prediction.evaluation")
"""So that the first training does not take longer than the others."""


def main() -> None:
    parser = parser_of_data(__doc__)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS), metavar="MODEL")
    args = parser.parse_args()
    if args.one:
        print("RESULT" + json.dumps(measure_one(Path(args.one[0]), int(args.one[1]))))
    elif args.timings:
        print_timings(args)
    else:
        for module in IMPORTED_FIRST:
            import_module(module)
        for seed in args.seeds:  # all models with the first, so that what is there is comparable at any time
            for name in args.sets:
                data = divide(args.data / SETS[name].folder, args.keep / name / "data", SETS[name])
                for model in args.models:
                    train_and_score(args.keep / name, data, model, seed)
        for name in args.sets:
            print_scores(args.keep, name, args)


def parser_of_data(description: str | None) -> argparse.ArgumentParser:
    """What is said of the data, of what is kept, and of what is done: for stellate's networks and for the peer's."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--keep", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--timings", action="store_true", help="of what was trained with the first seed")
    # a process for itself, which this program starts
    parser.add_argument("--one", nargs=2, metavar=("MODEL", "SIDE"), help=argparse.SUPPRESS)
    return parser


# -- accuracy --------------------------------------------------------------------------------------------------------


def divide(source: Path, folder: Path, collection: Collection) -> Path:
    """Links to the images of each part; the same parts every time."""
    names = sorted(p.name for p in (source / "images").iterdir())
    alone = [n for n in names if n not in collection.together]
    if collection.random:
        alone = [alone[k] for k in np.random.default_rng(2026).permutation(len(alone))]
    kept = len(alone) - collection.test - collection.validation
    parts = {
        "train": [*alone[:kept], *collection.together],
        "val": alone[kept : kept + collection.validation],
        "test": alone[kept + collection.validation :],
    }
    for part, members in parts.items():
        for kind in ("images", "masks"):
            (folder / part / kind).mkdir(parents=True, exist_ok=True)
            for name in members:
                link = folder / part / kind / name
                if not link.exists():
                    link.symlink_to((source / kind / name).resolve())
    return folder


def train_and_score(keep: Path, data: Path, model: str, seed: int) -> None:
    """Train a model, measure it on the held images, and keep the figures; nothing if they are there."""
    import stellate

    run = keep / f"{file_name(model)}-{seed}"
    row_file = run / "row.json"
    if row_file.exists():
        return
    kind, network = MODELS[model]
    values = SETS[keep.name].values
    settings = {**SETTINGS, "network": network, "mask_values": values, "masks": "classes", "seed": seed}
    epochs: list[float] = []
    start, processor = time.perf_counter(), time.process_time()
    predictor = stellate.train(
        kind, data, run, settings=settings, progress=lambda *_: epochs.append(time.process_time())
    )
    wall, processor = time.perf_counter() - start, time.process_time() - processor
    step = (epochs[-1] - epochs[-2]) / SETTINGS["steps_per_epoch"]  # of the last epoch, with its validation
    row = {"set": keep.name, "model": model, "seed": seed}
    row |= {"wall_s": wall, "processor_s": processor, "step_s": step}
    if kind == "sliding-window":
        predictor, row["differ"] = as_convolutions(predictor, run, data)
    metrics = stellate.evaluate(predictor, data, split="test").metrics.summary()
    row |= {
        "mean_iou": metrics["mean_iou"],
        "boundary_f1": metrics["mean_boundary_f1"],
        "iou": {name: scores["iou"] for name, scores in metrics["by_class"].items()},
        "parameters": sum(p.numel() for p in predictor.network.parameters()),
    }
    row_file.write_text(json.dumps(row, indent=2))
    print(f"{keep.name}, {model}, seed {seed}: mIoU {row['mean_iou']:.3f}, {wall:.0f} s", flush=True)


def as_convolutions(predictor: Any, run: Path, data: Path) -> tuple[Any, float]:
    """The twin of a sliding window, for every pixel; and the share of pixels of a corner where the loop differs.

    Both are kept beside the run, for `--timings`.
    """
    from stellate.models.file import save_model
    from stellate.models.sliding_window import SlidingWindow
    from stellate.prediction.predictor import Predictor

    made = {}
    for name, convolutional in (("loop", False), ("twin", True)):
        config = replace(predictor.network.config, step=1, convolutional=convolutional)
        network = SlidingWindow(config)
        network.load_state_dict(predictor.network.state_dict())
        info = replace(
            predictor.info, config={**predictor.info.config, "step": 1, "convolutional": convolutional}
        )
        save_model(run / f"{name}.safetensors", network, info)
        made[name] = Predictor(network, info)
    import stellate

    image = next(iter(sorted((data / "test" / "images").iterdir())))
    corner = stellate.read(image).array[:96, :96]
    loop, twin = (made[name].predict(corner).classes for name in ("loop", "twin"))
    return made["twin"], float(np.mean(loop != twin))


def file_name(model: str) -> str:
    return model.replace(", ", "-").replace(" ", "-")


def print_scores(keep: Path, name: str, args: argparse.Namespace) -> None:
    work = "GFLOP, 512 x 512 | training, processor s | a step, ms"
    print(f"\n| {name}: {SETS[name].test} images | seeds | mIoU | outlines, F1 | parameters | {work} |")
    print("|---|---|---|---|---|---|---|---|")
    for model in args.models:
        files = [keep / name / f"{file_name(model)}-{seed}" / "row.json" for seed in args.seeds]
        rows = [json.loads(f.read_text()) for f in files if f.exists()]
        if not rows:
            continue
        iou, outlines = (with_spread([r[key] for r in rows]) for key in ("mean_iou", "boundary_f1"))
        processor, step = (np.mean([r[key] for r in rows]) for key in ("processor_s", "step_s"))
        print(
            f"| {model} | {len(rows)} | {iou} | {outlines} | {rows[0]['parameters']:,} | "
            f"{flops(model, name) / 1e9:.1f} | {processor:.0f} | {1000 * step:.0f} |"
        )


def with_spread(values: list[float]) -> str:
    """Mean, and standard deviation over the seeds."""
    spread = f" ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
    return f"{np.mean(values):.3f}{spread}"


def flops(model: str, name: str, side: int = 512) -> float:
    """Floating-point operations of a network for one image; see `operations`."""
    from stellate.models import build

    kind, network = MODELS[model]
    channels, classes = (3 if name == "wbc" else 1), len(SETS[name].values)
    values: dict[str, Any] = {**network, "in_channels": channels, "n_classes": classes}
    looped = kind == "sliding-window" and not network.get("convolutional")
    measured = 32 if looped else side  # a loop over pixels does the same for each
    if looped:
        values["step"] = 1
    return operations(build(kind, values), channels, measured) * (side / measured) ** 2


def operations(network: Any, channels: int, side: int) -> float:
    """Floating-point operations of the convolutions, two for each multiplication with its addition."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network.eval()(torch.zeros(1, channels, side, side))
    return float(counter.get_total_flops())


# -- time and memory -------------------------------------------------------------------------------------------------


def print_timings(args: argparse.Namespace) -> None:
    """Each model and side in a process of its own."""
    headings = " | ".join(f"{side} x {side}, s | beside the image, GB" for side in SIDES)
    for name in args.sets:
        print(f"\n| {name}: prediction | {headings} |\n|---|" + "---|---|" * len(SIDES))
        for model in args.models:
            run = args.keep / name / f"{file_name(model)}-{args.seeds[0]}"
            if not (run / "row.json").exists():
                continue
            files = [(model, run / "model.safetensors")]
            if model == "sliding-window":
                files = [(model, run / "loop.safetensors"), (f"{model}, twin", run / "twin.safetensors")]
            for label, file in files:
                # the loop takes minutes for a large image, as long per pixel as for a small one
                sides = SIDES[:1] if file.stem == "loop" else SIDES
                cells = [one_in_a_process(args, file, side) for side in sides] + [" | "] * (
                    len(SIDES) - len(sides)
                )
                print(f"| {label} | {' | '.join(cells)} |", flush=True)


def one_in_a_process(args: argparse.Namespace, file: Path, side: int) -> str:
    command = [
        sys.executable,
        __file__,
        str(args.data),
        "--keep",
        str(args.keep),
        "--one",
        str(file),
        str(side),
    ]
    return cell_of(command)


def cell_of(command: list[str]) -> str:
    """What `time_and_memory` found in another process, for a table."""
    found = peer.result_of(command)
    return f"{found['seconds']:.2f} | {found['beside'] / 1e9:.2f}"


def measure_one(file: Path, side: int) -> dict[str, float]:
    """Seconds and memory for an image of noise; time and memory do not depend on what is in it."""
    import stellate

    predictor = stellate.load(file)
    channels = predictor.network.config.in_channels
    shape = (side, side, channels) if channels > 1 else (side, side)
    image = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    predictor.predict(image[:64, :64])
    return time_and_memory(lambda: predictor.predict(image))


def time_and_memory(call: Callable[[], Any]) -> dict[str, float]:
    """Seconds of a call, the best of some unless it takes long, and most bytes that the first took beside its input."""
    seconds: list[float] = []

    def timed() -> None:
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)

    beside = peer.peak_bytes_of(timed)
    while len(seconds) < REPEATS and sum(seconds) < LONG:
        timed()
    return {"seconds": min(seconds), "beside": beside}


if __name__ == "__main__":
    main()
