"""Writes docs/images/demo.png: the sample image beside what the model that ships finds in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

import stellate


def main() -> None:
    image, _ = stellate.sample()
    prediction = stellate.load("nuclei").predict(image)
    low, high = np.percentile(image.array, (0.5, 99.8))
    grey = (np.clip((image.array - low) / (high - low), 0, 1) ** 0.7 * 255).astype(np.uint8)
    picture = np.hstack([np.repeat(grey[..., None], 3, axis=2), prediction.overlay()])
    Image.fromarray(picture).quantize(256).save(Path(__file__).with_name("demo.png"), optimize=True)
    print(f"{len(prediction)} objects")


if __name__ == "__main__":
    main()
