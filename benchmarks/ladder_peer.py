"""The U-Net of stellate beside that of segmentation-models-pytorch, after as many steps on as many patches.

    python benchmarks/ladder_peer.py DATA --keep FOLDER [--sets wbc isbi] [--seeds 0 1 2] [--timings]

Images, division, steps and patches are those of `ladder.py`, whose rows for its deeper U-Net are shown beside. The peer
has a ResNet-18 that begins by chance (no pre-trained weights), as it comes with five levels, or with three and a
narrower way up, which is nearer to stellate's size. It is trained as its example for several classes shows it:
intensities divided by 255, then scaled as ImageNet's are, random crops and mirror images, Dice loss, Adam at 2e-4 that
falls to 1e-5 along a cosine, float32, the last weights. A second run of each has five times the rate, 1e-3, which is
stellate's.

A step is processor time: patch, forward, backward and optimiser; stellate's has its share of the validation after each
100 steps as well. Predictions go from the pixels of an image to its class map.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ladder import (
    SETS,
    SETTINGS,
    SIDES,
    cell_of,
    divide,
    file_name,
    flops,
    one_in_a_process,
    operations,
    parser_of_data,
    time_and_memory,
    with_spread,
)
from PIL import Image
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset, RandomSampler

from stellate.data.normalization import IMAGENET

LEVELS = {"five levels": (256, 128, 64, 32, 16), "three levels": (64, 32, 16)}
OURS = "unet, deeper"
RATES, LEAST_RATE = (2e-4, 1e-3), 1e-5
STEPS = SETTINGS["epochs"] * SETTINGS["steps_per_epoch"]
STRIDE = 32


def main() -> None:
    parser = parser_of_data(__doc__)
    parser.add_argument("--levels", nargs="+", choices=LEVELS, default=list(LEVELS), metavar="LEVELS")
    parser.add_argument("--rates", type=float, nargs="+", default=list(RATES))
    args = parser.parse_args()
    if args.one:
        print("RESULT" + json.dumps(measure_one(args.one[0], int(args.one[1]), args.sets[0])))
        return
    for name in args.sets:
        if args.timings:
            print_timings(args, name)
            continue
        data = divide(args.data / SETS[name].folder, args.keep / name / "data", SETS[name])
        for seed in args.seeds:
            for levels in args.levels:
                for rate in args.rates:
                    train_and_score(args.keep / name, data, levels, rate=rate, seed=seed)
        print_scores(args, name)


# -- the peer --------------------------------------------------------------------------------------------------------


class Crops(Dataset[tuple[Tensor, Tensor]]):
    """Random crops of images and their masks, mirrored left to right every other time."""

    def __init__(self, folder: Path, values: list[int]) -> None:
        self.files, self.values = sorted((folder / "images").iterdir()), values

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, k: int) -> tuple[Tensor, Tensor]:
        image, classes = read(self.files[k], self.values)
        side = SETTINGS["patch"][0]
        if min(classes.shape) < side:
            lacking = [max(0, side - n) for n in classes.shape]
            image, classes = continued(image, lacking), continued(classes[None], lacking)[0]
        row, column = (int(torch.randint(n - side + 1, ())) for n in classes.shape)
        window = (..., slice(row, row + side), slice(column, column + side))
        image, classes = image[window], classes[window]
        if torch.rand(()) < 0.5:
            image, classes = image.flip(-1), classes.flip(-1)
        return image, classes


def read(file: Path, values: list[int]) -> tuple[Tensor, Tensor]:
    """An image ``(3, rows, columns)`` from 0 to 1, grey repeated, and its classes ``(rows, columns)``."""
    pixels = np.array(Image.open(file).convert("RGB"))
    mask = np.array(Image.open(file.parents[1] / "masks" / file.name))
    return as_tensor(pixels), torch.from_numpy(np.searchsorted(values, mask))


def continued(image: Tensor, by: Sequence[int]) -> Tensor:
    """``(C, rows, columns)`` with its mirror image below and to the right of it, by so many rows and columns."""
    longer = functional.pad(image[None].float(), (0, by[1], 0, by[0]), mode="reflect")[0]
    return longer.to(image.dtype)


def as_tensor(pixels: np.ndarray) -> Tensor:
    return torch.from_numpy(pixels).movedim(-1, 0) / 255


class Peer(torch.nn.Module):
    """The network with the normalisation that its encoder asks for."""

    def __init__(self, levels: str, n_classes: int) -> None:
        import segmentation_models_pytorch as smp

        super().__init__()
        widths = LEVELS[levels]
        self.network = smp.Unet(
            "resnet18",
            encoder_weights=None,
            encoder_depth=len(widths),
            decoder_channels=widths,
            classes=n_classes,
        )
        mean, std = (torch.tensor(numbers).view(1, 3, 1, 1) for numbers in IMAGENET)
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    def forward(self, image: Tensor) -> Tensor:
        scores: Tensor = self.network((image - self.mean) / self.std)
        return scores

    def parameters_used(self) -> int:
        """Parameters that training has changed; with three levels the encoder keeps stages that nothing comes from."""
        return sum(p.numel() for p in self.network.parameters() if p.grad is not None)


def train_and_score(keep: Path, data: Path, levels: str, *, rate: float, seed: int) -> None:
    """Train the peer, measure it on the held images, and keep the figures; nothing if they are there."""
    run = keep / f"smp-{file_name(levels)}-{rate:g}-{seed}"
    if (run / "row.json").exists():
        return
    values = [int(v) for v in SETS[keep.name].values]
    torch.manual_seed(seed)
    model = Peer(levels, len(values))
    start = time.process_time()
    step = train(model, Crops(data / "train", values), rate)
    row = {"processor_s": time.process_time() - start, "step_s": step, "parameters": model.parameters_used()}
    row |= score(model.eval(), data / "test", SETS[keep.name].values)
    run.mkdir(parents=True, exist_ok=True)
    (run / "row.json").write_text(json.dumps(row, indent=2))
    print(f"{keep.name}, smp {levels}, rate {rate:g}, seed {seed}: mIoU {row['mean_iou']:.3f}", flush=True)


def train(model: Peer, crops: Crops, rate: float) -> float:
    """Train; the processor seconds of a step in the second half."""
    import segmentation_models_pytorch as smp

    size = SETTINGS["batch_size"]
    loader = DataLoader(crops, size, sampler=RandomSampler(crops, replacement=True, num_samples=STEPS * size))
    loss_of = smp.losses.DiceLoss(smp.losses.MULTICLASS_MODE, from_logits=True)
    optimizer = torch.optim.Adam(model.parameters(), rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS, LEAST_RATE)
    half = 0.0
    for number, (image, classes) in enumerate(loader):
        if number == STEPS // 2:
            half = time.process_time()
        loss = loss_of(model(image).contiguous(), classes)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return (time.process_time() - half) / (STEPS - STEPS // 2)


def predict(model: Peer, image: Tensor) -> np.ndarray:
    """Classes of a whole image, which is continued by its mirror image to multiples of the stride."""
    height, width = image.shape[1:]
    larger = continued(image, (-height % STRIDE, -width % STRIDE))
    with torch.inference_mode():
        classes = model(larger[None]).argmax(1)[0, :height, :width]
    return np.asarray(classes.numpy(), np.int32)


def score(model: Peer, folder: Path, values: dict[str, str]) -> dict[str, float]:
    from stellate.metrics.masks import score_masks
    from stellate.results import Mask

    files, names = sorted((folder / "images").iterdir()), tuple(values.values())

    def truths() -> Iterator[Mask]:
        for file in files:
            yield Mask(read(file, [int(v) for v in values])[1].numpy().astype(np.int32), names)

    found = (Mask(predict(model, read(file, [0])[0]), names) for file in files)
    metrics = score_masks(found, truths()).summary()
    return {"mean_iou": metrics["mean_iou"], "boundary_f1": metrics["mean_boundary_f1"]}


# -- tables ----------------------------------------------------------------------------------------------------------


def print_scores(args: argparse.Namespace, name: str) -> None:
    columns = "GFLOP, 512 x 512 | training, processor s | a step, ms"
    print(f"\n| {name}: {SETS[name].test} images | seeds | mIoU | outlines, F1 | parameters | {columns} |")
    print("|---|---|---|---|---|---|---|---|")
    runs = {"stellate, unet": (file_name(OURS), flops(OURS, name))}
    for levels in LEVELS:
        work = operations(Peer(levels, len(SETS[name].values)), 3, 512)
        for rate in RATES:
            runs[f"smp, {levels}, rate {rate:g}"] = (f"smp-{file_name(levels)}-{rate:g}", work)
    for label, (run, work) in runs.items():
        files = [args.keep / name / f"{run}-{seed}" / "row.json" for seed in args.seeds]
        rows = [json.loads(f.read_text()) for f in files if f.exists()]
        if rows:
            iou, outlines = (with_spread([r[key] for r in rows]) for key in ("mean_iou", "boundary_f1"))
            processor, step = (np.mean([r[key] for r in rows]) for key in ("processor_s", "step_s"))
            print(
                f"| {label} | {len(rows)} | {iou} | {outlines} | {rows[0]['parameters']:,} | "
                f"{work / 1e9:.1f} | {processor:.0f} | {1000 * step:.0f} |"
            )


def print_timings(args: argparse.Namespace, name: str) -> None:
    sides = " | ".join(f"{side} x {side}, s | beside the image, GB" for side in SIDES)
    print(f"\n| {name}: prediction | {sides} |\n|---|" + "---|---|" * len(SIDES))
    ours = args.keep / name / f"{file_name(OURS)}-{args.seeds[0]}" / "model.safetensors"
    print(
        f"| stellate, unet | {' | '.join(one_in_a_process(args, ours, side) for side in SIDES)} |", flush=True
    )
    command = [sys.executable, __file__, str(args.data), "--keep", str(args.keep), "--sets", name, "--one"]
    for levels in args.levels:
        cells = [cell_of([*command, levels, str(side)]) for side in SIDES]
        print(f"| smp, {levels} | {' | '.join(cells)} |", flush=True)


def measure_one(levels: str, side: int, name: str) -> dict[str, Any]:
    """Seconds and memory for an image; see `ladder.measure_one`."""
    warnings.simplefilter("ignore")
    model = Peer(levels, len(SETS[name].values)).eval()
    pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3)).astype(np.uint8)
    predict(model, as_tensor(pixels[:64, :64]))
    return time_and_memory(lambda: predict(model, as_tensor(pixels)))


if __name__ == "__main__":
    main()
