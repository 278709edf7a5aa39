"""Accuracy after the same training: stellate beside StarDist, same images, same number of steps, same patches.

    python benchmarks/accuracy.py DATA --stardist-python PYTHON [--seeds 0 1 2] [--keep FOLDER]

DATA is a folder with images/ and masks/. It is divided once, by name and at random: 48 images on which each program
tunes its thresholds, 60 on which both are measured, the rest to train on. Both train 60 epochs of 50 steps on 4
patches of 256 x 256, each with its own defaults, its own augmentation (StarDist: mirroring, quarter turns and changes
of intensity, as in its example notebooks) and a network of 32 rays and grid 2. Label images of both are scored by the
same code. The seed changes the training, not the division. StarDist takes about 40 minutes on two cores.

With --keep, what was trained and found stays there, and what is there already is not done again.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

VALIDATION, TEST = 48, 60
EPOCHS, STEPS = 60, 50
IOUS = tuple(round(0.5 + 0.05 * k, 2) for k in range(9))

PEER = """
import sys
from pathlib import Path
import numpy as np
from csbdeep.utils import normalize
from stardist.models import Config2D, StarDist2D
from skimage.io import imread
import tensorflow as tf

data, out, seed, epochs, steps = Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:])
rng = np.random.default_rng(seed)
np.random.seed(seed)
tf.keras.utils.set_random_seed(seed)

def read(part):
    names = sorted(p.name for p in (data / part / "images").iterdir())
    images = [normalize(imread(data / part / "images" / n).astype(np.float32), 1, 99.8) for n in names]
    return names, images, [imread(data / part / "masks" / n).astype(np.int32) for n in names]

def augment(x, y):
    turns = rng.integers(4)
    x, y = np.rot90(x, turns), np.rot90(y, turns)
    if rng.random() < 0.5:
        x, y = x[::-1], y[::-1]
    x = x * rng.uniform(0.6, 2) + rng.uniform(-0.2, 0.2)
    return x + 0.02 * rng.uniform() * rng.standard_normal(x.shape), y

config = Config2D(
    n_rays=32, grid=(2, 2), train_patch_size=(256, 256), train_batch_size=4,
    train_epochs=epochs, train_steps_per_epoch=steps, train_tensorboard=False,
)
model = StarDist2D(config, name="stardist", basedir=str(out))
_, images, labels = read("train")
_, val_images, val_labels = read("val")
model.train(images, labels, validation_data=(val_images, val_labels), augmenter=augment)
model.optimize_thresholds(val_images, val_labels)
names, images, _ = read("test")
for name, image in zip(names, images):
    np.save(out / (name + ".npy"), model.predict_instances(image)[0])
(out / "done").touch()
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--stardist-python", default=os.environ.get("STARDIST_PYTHON"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--keep", type=Path)
    parser.add_argument(
        "--only", choices=("stellate", "StarDist"), help="train one of them, measure what there is"
    )
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (args.keep or Path(temporary)).resolve()
        data = divide(args.data.resolve(), folder / "data")
        rows = []
        for name, train in (("stellate", train_stellate), ("StarDist", train_stardist)):
            scores = []
            for seed in args.seeds:
                out = folder / f"{name.lower()}-{seed}"
                if not (out / "done").exists() and args.only in (None, name):
                    out.mkdir(parents=True, exist_ok=True)
                    start = time.perf_counter()
                    train(args, data, out, seed)
                    print(f"{name}, seed {seed}: {(time.perf_counter() - start) / 60:.1f} min", flush=True)
                if (out / "done").exists():
                    scores.append(score(data, out))
            if scores:
                rows.append((name, np.array(scores)))
    print(f"| accuracy on {TEST} images | seeds | IoU 0.5 | 0.75 | 0.9 | mean of 0.5 to 0.9 |")
    print("|---|---|---|---|---|---|")
    for name, found in rows:
        columns = [found[:, IOUS.index(t)] for t in (0.5, 0.75, 0.9)] + [found.mean(1)]
        spread = [f" ± {c.std(ddof=1):.3f}" if len(c) > 1 else "" for c in columns]
        cells = " | ".join(f"{c.mean():.3f}{s}" for c, s in zip(columns, spread, strict=True))
        print(f"| {name} | {len(found)} | {cells} |")


def divide(source: Path, folder: Path) -> Path:
    """Links to the images of each part; the same parts every time."""
    names = sorted(p.name for p in (source / "images").iterdir())
    order = np.random.default_rng(2026).permutation(len(names))
    parts = np.split(order, [TEST, TEST + VALIDATION])
    for part, numbers in zip(("test", "val", "train"), parts, strict=True):
        for kind in ("images", "masks"):
            (folder / part / kind).mkdir(parents=True, exist_ok=True)
            for k in numbers:
                link = folder / part / kind / names[k]
                if not link.exists():
                    link.symlink_to(source / kind / names[k])
    return folder


def train_stellate(args: argparse.Namespace, data: Path, out: Path, seed: int) -> None:
    import stellate

    settings = {
        "epochs": args.epochs,
        "steps_per_epoch": STEPS,
        "batch_size": 4,
        "patch": (256, 256),
        "seed": seed,
    }
    model = stellate.train("stardist", data, out / "run", settings=settings)
    for path in sorted((data / "test" / "images").iterdir()):
        np.save(out / f"{path.name}.npy", model.predict(path).labels)
    (out / "done").touch()


def train_stardist(args: argparse.Namespace, data: Path, out: Path, seed: int) -> None:
    if not args.stardist_python:
        sys.exit("no StarDist to compare with: give --stardist-python PYTHON or set STARDIST_PYTHON")
    command = [args.stardist_python, "-c", PEER, data, out, seed, args.epochs, STEPS]
    done = subprocess.run(
        [str(c) for c in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    if done.returncode:
        sys.exit(f"StarDist failed:\n{done.stderr[-2000:]}")


def score(data: Path, out: Path) -> list[float]:
    """Accuracy at each IoU, averaged over the images."""
    from stellate.io.labels import read_labels
    from stellate.metrics.instances import score_instances

    masks = sorted((data / "test" / "masks").iterdir())
    found = (np.load(out / f"{m.name}.npy") for m in masks)
    metrics = score_instances(found, (read_labels(m)[0] for m in masks), IOUS)
    return [metrics.by_image("accuracy", t) for t in IOUS]


if __name__ == "__main__":
    main()
