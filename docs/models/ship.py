"""Make a model that ships out of a training run: float16 weights, and a card with what was measured.

    python docs/models/ship.py nuclei runs/nuclei-3 DATA runs/nuclei runs/nuclei-2

The name of the model comes first, then the run to ship, and the annotated folder, its validation images in ``val/``.
After it come the runs that this one started from, in their order. See NAME.toml for how the runs are made.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from stellate.axes import Image
from stellate.data.folder import open_folder
from stellate.data.synthetic_volumes import generate_volume, random_volume_config
from stellate.metrics.instances import InstanceMetrics, score_instances
from stellate.models.file import load_model, read_info, save_model
from stellate.prediction.predictor import Predictor
from stellate.results import Instances

ROOT = Path(__file__).parents[2]
WEIGHTS = ROOT / "src" / "stellate" / "weights"

Pairs = Iterator[tuple[Image, Instances]]
GENERATED = 16
"""Generated volumes that a model for volumes is measured on. Training draws from other seeds."""


@dataclass(frozen=True)
class Shipped:
    """What is said of a model that ships.

    Attributes
    ----------
    description
        What it finds, in one line.
    settings
        Thresholds: best on the validation images; all lie on wide plateaus.
    limits
        What it does not do well.
    card
        The card, with places for the numbers.
    measured
        Makes the part of the card on accuracy.
    levels
        Thresholds of IoU of that part.
    license
        Licence of the weights.
    """

    description: str
    settings: dict[str, float]
    limits: str
    card: str
    measured: Callable[[Predictor, Path], tuple[str, dict[str, Any]]]
    license: str = "BSD-3-Clause"


def _scored(predictor: Predictor, pairs: Pairs, levels: tuple[float, ...]) -> InstanceMetrics:
    names, found, true = [], [], []
    for image, truth in pairs:
        names.append(image.name)
        found.append(predictor.predict(image).result)
        true.append(truth)
    return score_instances(found, true, levels, names=names)


def _annotated(data: Path) -> Pairs:
    images = open_folder(data).split("val")
    return (images.pair(k) for k in range(len(images)))


def _generated() -> Pairs:
    for k in range(GENERATED):
        rng = np.random.default_rng([2026, k])
        config = random_volume_config(rng, (32, 96, 96), diameter=(9.0, 36.0), anisotropy=(1.0, 4.0))
        yield generate_volume(config, 2026 + k)


def _measured_images(predictor: Predictor, data: Path) -> tuple[str, dict[str, Any]]:
    levels = tuple(round(0.5 + 0.05 * k, 2) for k in range(10))
    metrics = _scored(predictor, _annotated(data), levels)
    shown = (0.5, 0.6, 0.7, 0.75, 0.8, 0.9)
    swept = [metrics.by_image("accuracy", level) for level in levels if level <= 0.9]
    text = f"""\
- **Measured** on {len(metrics.images)} images that were set aside and used to choose thresholds; accuracy \
TP / (TP + FP + FN), averaged
  over the images:

  | IoU | {" | ".join(f"{level:g}" for level in shown)} |
  |---|{"---|" * len(shown)}
  | accuracy | {" | ".join(f"{metrics.by_image('accuracy', level):.3f}" for level in shown)} |

  Mean over IoU 0.5 to 0.9 in steps of 0.05: {sum(swept) / len(swept):.3f}. Found {metrics.n_predicted} objects where \
{metrics.n_true} are annotated."""
    return text, {"validation": metrics.summary()}


def _measured_volumes(predictor: Predictor, data: Path) -> tuple[str, dict[str, Any]]:
    levels = (0.3, 0.5, 0.7)
    real = _scored(predictor, (p for p in _annotated(data) if not p[0].name.startswith("generated")), levels)
    made = _scored(predictor, _generated(), levels)
    rows = [(i.name, i.n_true, i.n_predicted, i.at) for i in real.images]
    rows.append((f"{GENERATED} generated volumes", made.n_true, made.n_predicted, made.pooled))
    lines = "\n".join(
        f"  | {name} | {true} | {found} | {' | '.join(f'{s.accuracy:.3f}' for s in at)} |"
        for name, true, found, at in rows
    )
    text = f"""\
- **Measured** on the parts of the real volumes that were set aside and used to choose thresholds, and on generated
  volumes of other seeds; accuracy TP / (TP + FP + FN) at IoU 0.3, 0.5 and 0.7, all objects of a row together:

  | volume | annotated | found | {" | ".join(f"{level:g}" for level in levels)} |
  |---|---|---|{"---|" * len(levels)}
{lines}"""
    return text, {"validation": real.summary(), "generated": made.summary()}


NUCLEI = Shipped(
    description="Nuclei in fluorescence images, 8 to 100 pixels across.",
    settings={"prob_threshold": 0.66, "nms_threshold": 0.3, "foreground_threshold": 0.43, "growth": 1.0},
    limits=(
        "Trained on fluorescence only: not for stained tissue, phase contrast or whole cells. Nuclei of fewer than 8 "
        "pixels across are often missed, very dense tissue is merged in places, and debris "
        "that annotators counted is often left out."
    ),
    measured=_measured_images,
    card="""\
# nuclei

Outlines nuclei in 2D fluorescence images of one channel (bright on dark), whatever the stain, 8 to 100 pixels across.

- **Network**: StarDist (32 rays, grid 2) with batch normalisation, four poolings and a foreground head to which the
  outlines are fitted; {parameters:,} weights, stored as float16.
- **Data**: {train} images of stage 1 of the 2018 Data Science Bowl (BBBC038, fluorescence only, corrected masks, CC0),
  some of the patches ({shares}) generated fields; {epochs} epochs of {steps} steps of {batch} patches of {patch}.
{measured}
- **Limits**: {limits}
- **Licence**: {license}; the training images are in the public domain (CC0).
""",
)

NUCLEI_3D = Shipped(
    description="Nuclei in fluorescence volumes, about 10 to 35 pixels across.",
    settings={"prob_threshold": 0.45, "nms_threshold": 0.3},
    limits=(
        "Very little real data stands behind it: 76 nuclei of three small volumes, all else is generated. Look at the "
        "result before you count, and train on a few blocks of your own. Slices should lie one to four times as far "
        "apart as pixels, and a nucleus span at least five of them: of small crowded nuclei many are missed, and their "
        "outlines are rough. Not for cell walls, membranes or whole cells."
    ),
    measured=_measured_volumes,
    card="""\
# nuclei-3d

Outlines nuclei in 3D fluorescence volumes of one channel (bright on dark), about 10 to 35 pixels across.

- **Network**: StarDist (96 rays, grid 1 x 2 x 2, voxels taken to be twice as deep as wide) with batch normalisation;
  {parameters:,} weights, stored as float16.
- **Data**: parts of three small volumes, 76 nuclei in all: a plant ovule (`gonuclear_1135`, MIT), a mouse embryo
  (`mouse_embryo_16`, MIT) and the sample volume of StarDist (`stardist_sample`, BSD-3-Clause). All else is generated:
  24, then 14 volumes beside them, and {shares} of the patches; {epochs} epochs of {steps} steps of {batch} patches of
  {patch}.
{measured}

  No volume of cell walls, such as `ovule_cells`, was trained on.
- **Limits**: {limits}
- **Licence**: {license}; the volumes are under the licences MIT and BSD-3-Clause.
""",
)

SHIPPED = {"nuclei": NUCLEI, "nuclei-3d": NUCLEI_3D}


def main(name: str, run: str, data: str, *before: str) -> None:
    shipped = SHIPPED[name]
    network, info = load_model(Path(run) / "model.safetensors")
    info = replace(info, name=name, settings={**info.settings, **shipped.settings})
    stages = [*(read_info(Path(r) / "model.safetensors").training for r in before), info.training]
    measured, metrics = shipped.measured(Predictor(network, info), Path(data))
    settings = info.training["settings"]
    settings["from_model"] = (
        Path(before[-1]).name if before else None
    )  # where the run lay is nobody's concern
    card = shipped.card.format(
        parameters=sum(p.numel() for p in network.parameters()),
        train=info.training["train_images"],
        shares=", ".join(f"{stage['settings']['synthetic']:.0%}" for stage in stages),
        epochs=" + ".join(str(stage["epochs"]) for stage in stages),
        steps=settings["steps_per_epoch"],
        batch=settings["batch_size"],
        patch=" x ".join(map(str, settings["patch"])),
        measured=measured,
        limits=shipped.limits,
        license=shipped.license,
    )
    about = {"description": shipped.description, "license": shipped.license, "limits": shipped.limits}
    info = replace(info, **about, metrics=metrics, card=card)
    WEIGHTS.mkdir(exist_ok=True)
    path = save_model(WEIGHTS / f"{name}.safetensors", network, info, half=True)
    (Path(__file__).parent / f"{name}.md").write_text(card, encoding="utf-8")
    sys.stdout.write(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1e6:.2f} MB\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
