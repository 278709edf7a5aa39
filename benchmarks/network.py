"""The StarDist network on a 2048 x 2048 image, grid 2: stellate beside StarDist, same weights, one after the other.

::

    python benchmarks/network.py --stardist-python PYTHON

PYTHON has StarDist and TensorFlow; without the argument, the environment variable STARDIST_PYTHON is taken. StarDist
trains a model of the default size for a few steps on generated fields (or takes a model folder, ``--model``) and times
its network, whole and in 4 x 4 tiles with its own overlap; then stellate reads that model and does the same. Times are
the best of three. Differences are those to StarDist's maps: of the maps, of the pixels of the label image, and of the
objects: those without a partner of IoU 0.9 or more.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import peer

SIDE, TILES, REPEATS = 2048, 4, 3
MAPS = ("prob.npy", "dist.npy")


def best_seconds(run: Callable[[], Any]) -> float:
    run()
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def train_peer(folder: Path, steps: int) -> None:
    """Runs in the peer's interpreter."""
    from stardist.models import Config2D, StarDist2D

    images, labels = np.load(folder / "fields.npy"), np.load(folder / "labels.npy")
    config = Config2D(grid=(2, 2), train_tensorboard=False, train_patch_size=(128, 128))
    model = StarDist2D(config, name="model", basedir=str(folder))
    data = {"validation_data": (images[:2], labels[:2]), "epochs": 1, "steps_per_epoch": steps, "seed": 1}
    model.train(list(images[2:]), list(labels[2:]), **data)


def time_peer(folder: Path, model_folder: Path) -> dict[str, float]:
    """Runs in the peer's interpreter."""
    from stardist.models import StarDist2D

    model = StarDist2D(None, name=model_folder.name, basedir=str(model_folder.parent))
    image = np.load(folder / "image.npy")
    batch = image[None, ..., None]
    quiet = {"n_tiles": (TILES, TILES), "show_tile_progress": False}
    seconds = {
        "whole": best_seconds(lambda: model.keras_model.predict(batch, verbose=0)),
        "tiles": best_seconds(lambda: model.predict(image, **quiet)),
    }
    for name, values in zip(MAPS, model.predict(image), strict=True):
        np.save(folder / name, values)
    return seconds


def time_stellate(folder: Path, model_folder: Path, precision: str) -> dict[str, Any]:
    import torch

    from stellate.geometry.tiles import plan_tiles
    from stellate.models.stardist_folder import read_stardist_folder
    from stellate.prediction.engine import Engine

    network, info = read_stardist_folder(model_folder)
    run = Engine(network, torch.device("cpu"), precision=precision)
    image = np.load(folder / "image.npy")[None]
    halo, stride = network.config.halo, network.config.stride
    side = SIDE // TILES + 2 * max(halo) + 2 * max(stride)
    tiles = list(plan_tiles((SIDE, SIDE), (side, side), halo=halo, multiple=stride))

    def in_tiles() -> None:
        run_tile = run.in_tiles(lambda tile: image[(..., *tile.read_slices)])
        for tile in tiles:
            run_tile(tile)

    maps = {name: values[None] for name, values in run(image).items()}
    found = find(network.config, info, maps)
    expected = {
        "prob": torch.logit(torch.from_numpy(np.load(folder / "prob.npy")))[None, None],
        "distances": torch.from_numpy(np.load(folder / "dist.npy")).permute(2, 0, 1)[None],
    }
    truth = find(network.config, info, expected)
    return {
        "whole": best_seconds(lambda: run(image)),
        "tiles": best_seconds(in_tiles),
        "n_tiles": len(tiles),
        "prob": float((maps["prob"].sigmoid() - expected["prob"].sigmoid()).abs().max()),
        "dist": float((maps["distances"].clamp(1e-3) - expected["distances"]).abs().max()),
        "pixels": float(((found > 0) != (truth > 0)).mean()),
        "objects": unmatched(truth, found),
        "count": int(truth.max()),
    }


def find(config: Any, info: Any, maps: Any) -> np.ndarray:
    from stellate.geometry.tiles import Tile
    from stellate.tasks.instances import InstancesTask

    task = InstancesTask.for_network(config, info.settings, info.class_names)
    part = task.decode({name: tensor[0] for name, tensor in maps.items()}, Tile.whole((SIDE, SIDE)))
    return task.merge([part]).labels


def unmatched(truth: np.ndarray, found: np.ndarray) -> float:
    """Share of the objects of one label image for which the other has none of IoU 0.9 or more."""
    pairs, common = np.unique(np.stack([truth.ravel(), found.ravel()]), axis=1, return_counts=True)
    both = (pairs > 0).all(axis=0)
    sizes = [np.bincount(labels.ravel()) for labels in (truth, found)]
    union = sizes[0][pairs[0, both]] + sizes[1][pairs[1, both]] - common[both]
    return 1 - float((common[both] / union >= 0.9).sum()) / max(1, int(truth.max()))


def make_data(folder: Path) -> None:
    from stellate.data.synthetic import FieldConfig, generate_field

    fields = [generate_field(FieldConfig(shape=(512, 512), diameter=(14.0, 30.0)), s) for s in range(8)]
    images = np.stack([image.array for image, _ in fields]).astype(np.float32)
    low, high = np.percentile(images, (1, 99.8), axis=(1, 2), keepdims=True)
    images = ((images - low) / (high - low)).astype(np.float32)
    np.save(folder / "fields.npy", images)
    np.save(folder / "labels.npy", np.stack([truth.labels for _, truth in fields]).astype(np.uint16))
    rows = [
        np.concatenate([images[(r + 3 * c) % 8] for c in range(SIDE // 512)], axis=1)
        for r in range(SIDE // 512)
    ]
    np.save(folder / "image.npy", np.concatenate(rows))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stardist-python", default=os.environ.get("STARDIST_PYTHON"))
    parser.add_argument("--model", type=Path, help="a StarDist model folder, one channel, grid 2")
    parser.add_argument("--steps", type=int, default=200, help="training steps where no model is given")
    parser.add_argument("--peer", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--train", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peer:
        if args.train:
            train_peer(args.peer, args.steps)
            print("RESULT{}")
        else:
            print("RESULT" + json.dumps(time_peer(args.peer, args.model)))
        return
    if not args.stardist_python:
        sys.exit(
            "name an interpreter with StarDist: --stardist-python, or the environment variable STARDIST_PYTHON"
        )
    with tempfile.TemporaryDirectory() as temporary:
        compare(Path(temporary), args)


def compare(folder: Path, args: argparse.Namespace) -> None:
    from stellate.nn.inference import cpu_has_bfloat16

    make_data(folder)
    command = [args.stardist_python, __file__, "--peer", str(folder)]
    model = args.model
    if model is None:
        peer.result_of([*command, "--train", "--steps", str(args.steps)])
        model = folder / "model"
    theirs = peer.result_of([*command, "--model", str(model)])
    print(
        "| 2048 x 2048 | whole, s | times faster | 4 x 4 tiles, s | times faster | prob | dist | pixels | objects |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    print(f"| StarDist, float32 | {theirs['whole']:.2f} | | {theirs['tiles']:.2f} | | | | | |")
    for precision in ("float32", "bfloat16") if cpu_has_bfloat16() else ("float32",):
        r = time_stellate(folder, model, precision)
        print(
            f"| stellate, {precision} | {r['whole']:.2f} | {theirs['whole'] / r['whole']:.2f} | {r['tiles']:.2f} "
            f"| {theirs['tiles'] / r['tiles']:.2f} | {r['prob']:.1e} | {r['dist']:.1e} | {r['pixels']:.2%} "
            f"| {r['objects']:.2%} of {r['count']} |"
        )
        if r["n_tiles"] != TILES**2:
            print(f"(stellate used {r['n_tiles']} tiles)")


if __name__ == "__main__":
    main()
