"""Make the model that ships out of a training run: float16 weights, and a card with what was measured.

    python docs/models/ship_nuclei.py runs/nuclei-2 DATA runs/nuclei

The first folder is the run to ship; those after DATA are the runs that it started from, in their order. DATA is the
annotated folder, its validation images in ``val/``. See nuclei.toml for how the runs are made.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from stellate import evaluate
from stellate.models.file import load_model, read_info, save_model
from stellate.prediction.predictor import Predictor

ROOT = Path(__file__).parents[2]
OUTPUT = ROOT / "src" / "stellate" / "weights" / "nuclei.safetensors"

DESCRIPTION = "Nuclei in fluorescence images, 8 to 100 pixels across."
LICENSE = "BSD-3-Clause"
# Best on the validation images by mean accuracy over IoU 0.5 to 0.9; all lie on wide plateaus.
SETTINGS = {"prob_threshold": 0.66, "nms_threshold": 0.3, "foreground_threshold": 0.43, "growth": 1.0}
LIMITS = (
    "Trained on fluorescence only: not for stained tissue, phase contrast or whole cells. Nuclei of fewer than 8 "
    "pixels across are often missed, very dense tissue is merged in places, and debris "
    "that annotators counted is often left out."
)

CARD = """\
# nuclei

Outlines nuclei in 2D fluorescence images of one channel (bright on dark), whatever the stain, 8 to 100 pixels across.

- **Network**: StarDist (32 rays, grid 2) with batch normalisation, four poolings and a foreground head to which the
  outlines are fitted; {parameters:,} weights, stored as float16.
- **Data**: {train} images of stage 1 of the 2018 Data Science Bowl (BBBC038, fluorescence only, corrected masks, CC0),
  some of the patches ({shares}) generated fields; {epochs} epochs of {steps} steps of {batch} patches of 256 x 256.
- **Measured** on {n} images that were set aside and used to choose thresholds; accuracy TP / (TP + FP + FN), averaged
  over the images:

  | IoU | {ious} |
  |---|{rule}|
  | accuracy | {accuracies} |

  Mean over IoU 0.5 to 0.9 in steps of 0.05: {mean:.3f}. Found {found} objects where {true} are annotated.
- **Limits**: {limits}
- **Licence**: {license}; the training images are in the public domain (CC0).
"""


def main(run: Path, data: Path, *before: Path) -> None:
    network, info = load_model(run / "model.safetensors")
    info = replace(info, settings={**info.settings, **SETTINGS})
    measured = evaluate(Predictor(network, info), data, split="val").metrics.summary()
    info = replace(info, metrics={"validation": measured})
    stages = [*(read_info(r / "model.safetensors").training for r in before), info.training]
    settings = info.training["settings"]
    levels = ("0.5", "0.6", "0.7", "0.75", "0.8", "0.9")
    by_image = {f"{float(k):g}": v for k, v in measured["accuracy_by_image"].items()}
    swept = [by_image[f"{0.5 + 0.05 * k:g}"] for k in range(9)]
    card = CARD.format(
        parameters=sum(p.numel() for p in network.parameters()),
        train=info.training["train_images"],
        shares=", ".join(f"{stage['settings']['synthetic']:.0%}" for stage in stages),
        epochs=" + ".join(str(stage["epochs"]) for stage in stages),
        steps=settings["steps_per_epoch"],
        batch=settings["batch_size"],
        n=info.training["validation_images"],
        ious=" | ".join(levels),
        rule="---|" * (len(levels) - 1) + "---",
        accuracies=" | ".join(f"{by_image[k]:.3f}" for k in levels),
        mean=sum(swept) / len(swept),
        found=measured["n_predicted"],
        true=measured["n_true"],
        limits=LIMITS,
        license=LICENSE,
    )
    info = replace(info, name="nuclei", description=DESCRIPTION, license=LICENSE, limits=LIMITS, card=card)
    OUTPUT.parent.mkdir(exist_ok=True)
    save_model(OUTPUT, network, info, half=True)
    (Path(__file__).parent / "nuclei.md").write_text(card, encoding="utf-8")
    sys.stdout.write(f"{OUTPUT.relative_to(ROOT)}: {OUTPUT.stat().st_size / 1e6:.2f} MB\n")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
