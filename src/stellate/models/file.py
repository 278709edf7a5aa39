"""A model is one ``.safetensors`` file; its metadata holds everything that is needed to use it.

The metadata has one key, ``stellate``, whose value is the JSON of `ModelInfo`. Nothing in it is code.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ModelFileError
from . import build
from .safetensors_header import read_header, refuse_constant

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["FORMAT_VERSION", "METADATA_KEY", "ModelInfo", "load_model", "read_info", "save_model"]

FORMAT_VERSION = 1
METADATA_KEY = "stellate"


@dataclass(frozen=True)
class ModelInfo:
    """What is known of a trained model, apart from its weights. All values are plain JSON."""

    name: str
    """What users call it."""
    model: str
    """The network, as `stellate.models.MODELS` names it."""
    task: str
    """What it is for, e.g. ``"instances"``."""
    config: dict[str, Any]
    """Fields of the network's config."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Settings of the task, e.g. ``prob_threshold`` and ``nms_threshold``."""
    class_names: tuple[str, ...] = ()
    """One name per class of objects or pixels; empty if objects are not told apart."""
    masks: dict[str, Any] = field(default_factory=dict)
    """For classes of pixels, what the masks that it was trained on held: ``kind`` is ``"classes"``, beside what
    `MaskClasses.to_dict` says of their values, or ``"instances"`` where the classes were made of objects."""
    axes: str = "YX"
    """Spatial axes of the images it takes."""
    channels: tuple[int | str, ...] = ()
    """Channels of its images that it was trained on, in its order, by name or by number from 0; or the one word
    ``"grey"``; empty if all."""
    normalization: dict[str, Any] = field(default_factory=dict)
    """How images are normalised before the network."""
    spacing_um: dict[str, float] | None = None
    """Pixel size it was trained at, by axis letter; None where not known."""
    object_diameter_px: float | None = None
    """Median diameter of the training objects in pixels."""
    training: dict[str, Any] = field(default_factory=dict)
    """What it was trained on, and how: data, images, steps, seeds, dates."""
    metrics: dict[str, Any] = field(default_factory=dict)
    """How well it does, and on what."""
    license: str = ""
    """Licence of the weights."""
    description: str = ""
    """One line on what it finds."""
    limits: str = ""
    """What it is known not to do well."""
    card: str = ""
    """Model card, Markdown."""
    versions: dict[str, str] = field(default_factory=dict)
    """Versions of the software that made it."""
    format_version: int = FORMAT_VERSION
    """Version of this list of fields."""


def save_model(path: str | Path, network: nn.Module, info: ModelInfo, *, half: bool = False) -> Path:
    """Write a model file; the same weights and info give the same bytes.

    Values in `info` that JSON has no word for become plain ones: NumPy scalars become numbers, paths text,
    and numbers that are not finite None.

    Parameters
    ----------
    path
        Where to; the ending should be ``.safetensors``. An existing file is replaced at once or not at all.
    network
        Its weights are written as they are (float32).
    info
        What is known of it; ``build(info.model, info.config)`` must make this network.
    half
        Write the weights as float16: half the size, and a relative rounding of 1/2048.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    ModelFileError
        If weights are not finite (in float16, if asked for), `info` describes another network, or the disk
        refuses.
    """
    from safetensors.torch import save

    path = Path(path)
    state = network.state_dict()
    tensors = {name: _to_store(path, name, tensor, half=half) for name, tensor in state.items()}
    _check_shapes(path, info, {name: tuple(t.shape) for name, t in state.items()})
    text = json.dumps(_plain(asdict(info)), sort_keys=True, allow_nan=False)
    _write_atomically(path, save(tensors, metadata={METADATA_KEY: text}))
    return path


def read_info(path: str | Path) -> ModelInfo:
    """Read what is known of a model, without its weights (and without importing torch).

    Raises
    ------
    ModelFileError
        If the file is none of stellate's, is damaged, or comes from a newer version.
    """
    return _parse_info(Path(path), read_header(Path(path)))


def load_model(path: str | Path) -> tuple[nn.Module, ModelInfo]:
    """Read a model file.

    Returns
    -------
    network
        In evaluation mode, float32, on the CPU.
    info
        What is known of it.

    Raises
    ------
    ModelFileError
        If the file is none of stellate's, is damaged, describes another network than its weights are for, or
        comes from a newer version.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = Path(path)
    header = read_header(path)
    info = _parse_info(path, header)
    weights = {name: entry for name, entry in header.items() if name != "__metadata__"}
    _check_shapes(path, info, {name: tuple(entry["shape"]) for name, entry in weights.items()})
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise ModelFileError(f"{path}: its weights cannot be read ({error}); fetch the file again") from error
    with torch.random.fork_rng(devices=[]):  # reading a file must not move the caller's random numbers
        network = build(info.model, info.config)
    network.load_state_dict({name: _as_weight(path, name, tensor) for name, tensor in tensors.items()})
    return network.eval(), info


def _to_store(path: Path, name: str, tensor: Tensor, *, half: bool) -> Tensor:
    import torch

    stored = tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
    if not tensor.is_floating_point():
        return stored
    stored = stored.to(torch.float16 if half else torch.float32)
    if not torch.isfinite(stored).all():
        overflow = half and bool(torch.isfinite(tensor).all())
        why = (
            "too large for float16; write it with half=False"
            if overflow
            else "not finite; training went wrong"
        )
        raise ModelFileError(f"{path}: not written, for weight {name} has values that are {why}")
    return stored


def _as_weight(path: Path, name: str, tensor: Tensor) -> Tensor:
    import torch

    if not tensor.is_floating_point():
        return tensor
    if not torch.isfinite(tensor).all():
        raise ModelFileError(f"{path}: weight {name} has values that are not finite; the file is of no use")
    return tensor.float()


def _check_shapes(path: Path, info: ModelInfo, have: Mapping[str, tuple[int, ...]]) -> None:
    """Compare the weights with what the config asks for, before any memory is taken for a network."""
    import torch

    try:
        with torch.device("meta"):
            network = build(info.model, info.config)
    except (ValueError, TypeError, ArithmeticError, RuntimeError) as error:
        raise ModelFileError(f"{path}: its network cannot be made: {error}") from error
    expected = {name: tuple(t.shape) for name, t in network.state_dict().items()}
    missing, extra = sorted(expected.keys() - have.keys()), sorted(have.keys() - expected.keys())
    if missing or extra:
        problems = [f"{w}: {', '.join(n[:4])}" for w, n in (("it lacks", missing), ("unknown", extra)) if n]
        raise ModelFileError(
            f"{path}: its weights are not those of its config ({'; '.join(problems)}); "
            "the file is damaged or was made by another program"
        )
    for name, shape in expected.items():
        if have[name] != shape:
            raise ModelFileError(f"{path}: weight {name} should have shape {shape}, has {have[name]}")


def _parse_info(path: Path, header: Mapping[str, Any]) -> ModelInfo:
    try:
        values = json.loads(header["__metadata__"][METADATA_KEY], parse_constant=refuse_constant)
        version = values["format_version"]
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ModelFileError(
            f"{path}: a .safetensors file, but not one that stellate made: nothing says how to use it"
        ) from error
    if type(version) is not int or version < 1:
        raise ModelFileError(f"{path}: format version {version!r} makes no sense; the file is damaged")
    if version > FORMAT_VERSION:
        raise ModelFileError(
            f"{path}: made by a newer stellate (file format {version}, known is up to {FORMAT_VERSION}); "
            "update stellate"
        )
    for name in ("name", "model", "task", "config"):
        if name not in values:
            raise ModelFileError(f"{path}: it does not state its {name}; the file is damaged")
    kinds = {f.name: str(f.type) for f in fields(ModelInfo)}
    return ModelInfo(**{k: _checked(path, k, v, kinds[k]) for k, v in values.items() if k in kinds})


def _checked(path: Path, name: str, value: Any, kind: str) -> Any:
    """Refuse a value whose type is not the one that `ModelInfo` declares."""
    if value is None and "None" in kind:
        return None
    if kind.startswith("tuple") and isinstance(value, list):
        items = (str, int) if "int" in kind else (str,)
        if all(type(v) in items for v in value):
            return tuple(value)
    types: dict[str, tuple[type, ...]] = {
        "str": (str,),
        "int": (int,),
        "dict": (dict,),
        "float": (int, float),
    }
    allowed = types.get(kind.split("[")[0].split(" ")[0], ())
    if not isinstance(value, allowed) or isinstance(value, bool):
        raise ModelFileError(f"{path}: its {name} should be of type {kind}, is {str(value)[:60]!r}")
    return value


def _plain(value: Any) -> Any:
    """Turn a value into what JSON can hold."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(v) for v in (sorted(value) if isinstance(value, set | frozenset) else value)]
    if hasattr(value, "tolist"):  # NumPy scalars and arrays
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _write_atomically(path: Path, content: bytes) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        part.unlink(missing_ok=True)
