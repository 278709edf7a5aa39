"""Fixtures that many tests use."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from stellate.data.synthetic import FieldConfig, generate_field


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real development data beside the checkout; the test is skipped where it is absent."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the development data is not beside this checkout")
    return folder


@pytest.fixture(scope="session")
def annotated_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight generated fields of 96 x 96 pixels with their label images."""
    folder = tmp_path_factory.mktemp("annotated")
    (folder / "images").mkdir()
    (folder / "masks").mkdir()
    config = FieldConfig(shape=(96, 96), diameter=(14.0, 22.0), density=0.25)
    for seed in range(8):
        image, truth = generate_field(config, seed)
        tifffile.imwrite(folder / "images" / f"{seed}.tif", image.array)
        tifffile.imwrite(folder / "masks" / f"{seed}.tif", truth.labels.astype(np.uint16))
    return folder
