"""How much a network holds at a time, found without computing anything."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

__all__ = ["Held", "values_held"]

_BYTES = 4
"""Of a value; the places of maxima, which some networks keep, take two values each."""


class Held(NamedTuple):
    """Numbers of values; weights are not counted.

    Attributes
    ----------
    at_once
        The most that exist at a time: of the image and of all maps, those that skip connections keep included.
    by_a_layer
        The most that a layer reads and writes.
    put_out
        Those of the tensors that the network returns.
    """

    at_once: int
    by_a_layer: int
    put_out: int


def values_held(network: nn.Module, shape: Sequence[int]) -> Held:
    """What a network holds while it predicts an image.

    It runs on torch's meta device, where tensors have shapes and no content.

    Parameters
    ----------
    network
        Not changed.
    shape
        ``(B, C, *spatial)`` of the image.
    """
    without_content: Any = copy.deepcopy(network).eval().to("meta")
    largest = 0

    def note(_: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        nonlocal largest
        largest = max(largest, _values(inputs) + _values(output))

    for layer in without_content.modules():
        if not list(layer.children()):
            layer.register_forward_hook(note)
    with torch.inference_mode(), _Alive() as alive:
        image = torch.zeros(tuple(shape), device="meta")
        put_out = _values(without_content(image))
    return Held(alive.most, largest, put_out)


def _values(tensors: Any) -> int:
    return sum(tensor.numel() for tensor in tree_leaves(tensors) if isinstance(tensor, Tensor))


class _Alive(TorchDispatchMode):
    """Counts what tensors hold that are alive, after each operation."""

    def __init__(self) -> None:
        super().__init__()
        self.most = 0
        self._alive: dict[int, tuple[StorageWeakRef, int]] = {}

    def __torch_dispatch__(self, function: Any, _: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = function(*args, **(kwargs or {}))
        self._alive = {key: entry for key, entry in self._alive.items() if not entry[0].expired()}
        for tensor in tree_leaves(output):
            if isinstance(tensor, Tensor):
                # views share the storage of what they are a view of
                storage = tensor.untyped_storage()
                reference = StorageWeakRef(storage)
                self._alive.setdefault(reference.cdata, (reference, storage.nbytes() // _BYTES))
        self.most = max(self.most, sum(values for _, values in self._alive.values()))
        return output
