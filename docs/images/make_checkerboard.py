"""Writes docs/images/checkerboard.png: three ways to twice the size, with equal weights and learned."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageDraw
from torch import Tensor
from torch.nn import functional

import stellate
from stellate.models.encoder_decoder import EncoderDecoder, EncoderDecoderConfig
from stellate.nn.upsampling import TransposedConvolution, nearest
from stellate.reports.lettering import font

PATCH, SHOWN, MAGNIFIED, GAP, LETTERS = 128, 72, 4, 8, 15
STEPS, RATE = 60, 3e-3
WAYS = {
    "transposed, kernel 3, stride 2": ("transposed", 3),
    "transposed, kernel 4, stride 2": ("transposed", 4),
    "nearest, then 3x3 convolutions": ("nearest", 2),
}
Grey = npt.NDArray[np.uint8]


def main() -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # the one of checkerboards, which are meant here
    sample, truth = stellate.sample()
    low, high = np.percentile(sample.array, (1, 99.8))
    pixels = (sample.array - low) / (high - low)
    image = torch.tensor(pixels, dtype=torch.float32)[None, None]
    nuclei = torch.from_numpy((truth.labels > 0).astype(np.int64))[None]
    columns = []
    for title, (way, kernel) in WAYS.items():
        even = equal_weights(image[..., : 2 * SHOWN, : 2 * SHOWN], way, kernel)
        learned = trained(image, nuclei, way, kernel)[:SHOWN, :SHOWN]
        columns.append(np.vstack([lettering(title), panel(even[:SHOWN, :SHOWN]), panel(learned)]))
    rows = np.hstack(columns)[:-GAP, :-GAP]
    Image.fromarray(rows).save(Path(__file__).with_name("checkerboard.png"), optimize=True)


def equal_weights(image: Tensor, way: str, kernel: int) -> Tensor:
    """An image at half its size, back at its size by a layer whose weights are all the same."""
    half = functional.avg_pool2d(image, 2)
    if way == "nearest":
        padded = functional.pad(nearest(half, (2, 2)), (1, 1, 1, 1), mode="replicate")
        return functional.avg_pool2d(padded, 3, stride=1)[0, 0]
    layer = TransposedConvolution(1, 1, (2, 2), (kernel, kernel))
    layer.weight.data.fill_(4 / kernel**2)  # so that the mean stays
    with torch.no_grad():
        enlarged: Tensor = layer(half)[0, 0]
    return enlarged


def trained(image: Tensor, nuclei: Tensor, way: str, kernel: int) -> Tensor:
    """Probability of nuclei, by a small network that goes down and up three times, after a short training."""
    torch.manual_seed(0)
    config = EncoderDecoderConfig(base_channels=8, upscaling=way, transposed_kernel=kernel)
    network = EncoderDecoder(config)
    optimizer = torch.optim.Adam(network.parameters(), RATE)
    rng = np.random.default_rng(0)
    for _ in range(STEPS):
        row, column = rng.integers(0, [n - PATCH + 1 for n in image.shape[2:]])
        window = (..., slice(row, row + PATCH), slice(column, column + PATCH))
        loss = functional.cross_entropy(network(image[window])["classes"], nuclei[window])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    network.eval()
    with torch.no_grad():
        probabilities: Tensor = network(image[..., :PATCH, :PATCH])["classes"].softmax(1)[0, 1]
    return probabilities


def panel(values: Tensor) -> Grey:
    """Values from 0 to 1 as grey, each pixel a square, with a white gap to the right and below."""
    grey = (values.clamp(0, 1).numpy() * 255).astype(np.uint8)
    squares = grey.repeat(MAGNIFIED, 0).repeat(MAGNIFIED, 1)
    return np.pad(squares, ((0, GAP), (0, GAP)), constant_values=255)


def lettering(text: str) -> Grey:
    """A line of text, as wide as a panel with its gap."""
    line = Image.new("L", (SHOWN * MAGNIFIED + GAP, 2 * LETTERS), 255)
    ImageDraw.Draw(line).text((0, LETTERS // 3), text, fill=0, font=font(LETTERS))
    return np.asarray(line)


if __name__ == "__main__":
    main()
