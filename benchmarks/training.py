"""One training step, data loading included: stellate beside StarDist, same network, same images, one after the other.

    python benchmarks/training.py --stardist-python PATH_TO_AN_INTERPRETER_WITH_STARDIST

Both train the StarDist network (32 rays, grid 2, depth 3, 1,425,185 weights) on batches of 4 patches of 256 x 256, cut
at random, mirrored and turned by quarter turns with brightness and noise varied, from the same generated fields. A step
is everything between two batches: reading, augmenting, targets, forward, backward, optimiser. The first steps are not
counted (compilation); each figure is the median.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

WARM, TIMED = 5, 25


def median_seconds(step: Callable[[], None], warm: int = WARM, timed: int = TIMED) -> float:
    for _ in range(warm):
        step()
    seconds = []
    for _ in range(timed):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))


def time_stardist(folder: Path) -> float:
    """Runs in the peer's interpreter."""
    from stardist.models import Config2D, StarDist2D

    images, labels = np.load(folder / "images.npy"), np.load(folder / "labels.npy")
    rng = np.random.default_rng(0)

    def augment(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        turns = rng.integers(4)
        x, y = np.rot90(x, turns), np.rot90(y, turns)
        if rng.random() < 0.5:
            x, y = x[::-1], y[::-1]
        x = x * rng.uniform(0.6, 2) + rng.uniform(-0.2, 0.2)
        return x + 0.02 * rng.uniform() * rng.standard_normal(x.shape), y

    config = Config2D(n_rays=32, grid=(2, 2), train_patch_size=(256, 256), train_batch_size=4)
    model = StarDist2D(config, name="benchmark", basedir=str(folder))
    from stardist.models.model2d import StarDistData2D

    model.prepare_for_training()
    data = StarDistData2D(
        list(images), list(labels), n_rays=32, grid=(2, 2), patch_size=(256, 256), batch_size=4,
        length=WARM + TIMED + 5, augmenter=augment, foreground_prob=0.9,
    )  # fmt: skip
    batches = iter(range(WARM + TIMED + 5))

    def step() -> None:
        x, y = data[next(batches)]
        model.keras_model.train_on_batch(x[0], list(y))

    return median_seconds(step)


def time_stellate(folder: Path, precision: str) -> float:
    import torch

    from stellate.data.augmentation import Augmentation
    from stellate.data.patches import PatchDataset, PatchSettings, collate
    from stellate.data.samples import Sample
    from stellate.models.stardist import StarDist
    from stellate.results import Instances
    from stellate.tasks.instances import InstancesTask
    from stellate.training.module import laid_out

    images, labels = np.load(folder / "images.npy"), np.load(folder / "labels.npy")

    class Fields:
        def __len__(self) -> int:
            return len(images)

        def draw(self, rng: np.random.Generator) -> Sample:
            k = int(rng.integers(len(images)))
            return Sample(images[k][None], Instances(labels[k]))

    torch.manual_seed(0)
    task = InstancesTask()
    network = StarDist().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), 3e-4)
    augmentation = Augmentation(scale=(1.0, 1.0), rotation_chance=0.0)
    patches = PatchDataset([Fields()], task.target, settings=PatchSettings(augmentation=augmentation), seed=0)
    number = iter(range(10**6))

    def step() -> None:
        batch = collate([patches[next(number)] for _ in range(4)])
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            losses = task.loss(network, laid_out(batch))
            total = torch.stack(list(losses.values())).sum()
        optimizer.zero_grad()
        total.backward()
        optimizer.step()

    return median_seconds(step)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stardist-python", default=os.environ.get("STARDIST_PYTHON"))
    parser.add_argument("--peer", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peer:
        print(json.dumps(time_stardist(args.peer)))
        return

    from stellate.data.synthetic import FieldConfig, generate_field

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        fields = [generate_field(FieldConfig(shape=(512, 512), diameter=(14.0, 30.0)), s) for s in range(8)]
        images = np.stack([image.array for image, _ in fields]).astype(np.float32)
        low, high = np.percentile(images, (1, 99.8), axis=(1, 2), keepdims=True)
        np.save(folder / "images.npy", ((images - low) / (high - low)).astype(np.float32))
        np.save(folder / "labels.npy", np.stack([truth.labels for _, truth in fields]))
        rows = []
        if args.stardist_python:
            command = [args.stardist_python, __file__, "--peer", str(folder)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            rows.append(("StarDist, float32", json.loads(done.stdout.splitlines()[-1])))
        rows += [(f"stellate, {p}", time_stellate(folder, p)) for p in ("float32", "bfloat16")]
    print("| training step, 4 x 256 x 256 | seconds | times faster |\n|---|---|---|")
    for name, seconds in rows:
        print(f"| {name} | {seconds:.3f} | {rows[0][1] / seconds:.2f} |")


if __name__ == "__main__":
    sys.exit(main())
