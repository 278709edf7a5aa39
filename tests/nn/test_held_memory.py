from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from stellate.nn.held_memory import values_held


class Skipping(nn.Module):
    """A map that is kept while smaller ones are made, then joined by them."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 4, 1), nn.Conv2d(4, 8, 1)

    def forward(self, image):
        kept = self.first(image)
        small = self.second(functional.max_pool2d(kept, 2))
        large = functional.interpolate(small, scale_factor=2)
        del small
        return {"a": torch.cat([kept, large], dim=1)}


def test_maps_that_are_kept_count_while_they_are_needed():
    held = values_held(Skipping(), (1, 1, 16, 32))
    pixels = 16 * 32
    # image, kept, enlarged and joined maps
    assert held.at_once == (1 + 4 + 8 + 12) * pixels
    assert held.by_a_layer == (1 + 4) * pixels
    assert held.put_out == 12 * pixels


def test_what_is_done_with_stays_not():
    chain = nn.Sequential(*(nn.Conv2d(4, 4, 3, padding=1) for _ in range(6)))
    assert values_held(chain, (1, 4, 8, 8)).at_once <= 3 * 4 * 64


def test_views_hold_nothing_more():
    class Views(nn.Module):
        def forward(self, image):
            return image.reshape(1, 1, -1)[..., 1:].flatten() * 2

    assert values_held(Views(), (1, 1, 4, 4)).at_once == 16 + 15


def test_the_network_stays_as_it_is_and_nothing_is_computed():
    network = Skipping().train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    values_held(network, (1, 1, 1 << 15, 1 << 15))  # 4 GiB, were it real
    assert network.training
    assert not network.first._forward_hooks
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_places_of_maxima_take_twice_as_much():
    class Remembering(nn.Module):
        def forward(self, image):
            largest, places = functional.max_pool2d(image, 2, return_indices=True)
            return functional.max_unpool2d(largest, places, 2)

    # an image of 64, 16 maxima and their places, and what is made of them
    assert values_held(Remembering(), (1, 1, 8, 8)).at_once == 64 + 16 + 2 * 16 + 64
