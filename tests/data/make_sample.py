"""Writes the sample image that ships with stellate. Run once: python tests/data/make_sample.py."""

from __future__ import annotations

import numpy as np
import tifffile

from stellate.data.sample import SAMPLE_CONFIG, SAMPLE_SEED, sample_path, sample_truth_path
from stellate.data.synthetic import generate_field


def main() -> None:
    image, truth = generate_field(SAMPLE_CONFIG, SAMPLE_SEED)
    per_um = 1 / SAMPLE_CONFIG.pixel_um
    for path, array in ((sample_path(), image.array), (sample_truth_path(), truth.labels.astype(np.uint16))):
        path.parent.mkdir(exist_ok=True)
        tifffile.imwrite(
            path,
            array,
            imagej=True,
            resolution=(per_um, per_um),
            metadata={"unit": "um", "axes": "YX"},
            compression="zlib",
        )


if __name__ == "__main__":
    main()
