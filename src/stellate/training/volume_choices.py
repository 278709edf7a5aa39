"""Network and patch for volumes, from what they and their objects are like along each axis."""

from __future__ import annotations

import math
from typing import Any

from ..data.fingerprint import Fingerprint
from ..models.stardist import StarDistConfig
from .image_choices import CHANNEL_LIMIT
from .reasons import Choices, Fields, by_axis, text

__all__ = ["MAX_VOLUME_DEPTH", "VOLUME_RAYS", "choose_volume_network", "pooling", "volume_patch"]

MAX_VOLUME_DEPTH = 4
# Levels and rays of StarDist's networks for volumes.
LEAST_DEPTH, VOLUME_RAYS = 2, 96
LEAST_BLOCKS, MOST_BLOCKS = 4, 10
# Longest side of the median object, in voxels, from which on a grid of 2 or 4 still has several points in it.
GRID_2_FROM, GRID_4_FROM = 10, 48
# Fewer objects say less of the shape of voxels than the voxel size does.
FEW_OBJECTS = 10
SAME_IN_PLANE = 1.15
# A step on two such patches takes 1.2 s on two cores of a processor that computes in bfloat16, and 1.5 GB of memory.
PATCH_VOXELS = 2**18
# Where objects are so large that the least number of them does not fit into the above.
MOST_VOXELS = 2**21
MOST_OBJECTS, LEAST_OBJECTS = 6.0, 1.5


def choose_volume_network(choices: Choices, data: Fingerprint, fields: Fields) -> None:
    """Choose what the channels of the volumes leave open of a network for volumes."""
    network = choices.network
    anisotropy = fields.pick("anisotropy", *_anisotropy(data))
    fields.pick("n_rays", VOLUME_RAYS, "StarDist's, even in space along a golden spiral of this anisotropy")
    fields.pick("grid", *_grid(data, anisotropy))
    fields.pick("batch_norm", True, "trains faster; folded away for prediction")
    fields.pick("foreground", False, "in volumes the outlines are used as they are")
    if fields.given.get("backbone", "unet") == "unet":
        _choose_unet(network, data, fields)
    else:
        _choose_resnet(network, data, fields)


def volume_patch(data: Fingerprint, stride: tuple[int, ...]) -> tuple[tuple[int, ...], str]:
    """Depth, height and width of the training patches, and why.

    As many objects wide as the budget of voxels allows, of the shape of the objects, no larger than the volumes, and
    multiples of the stride.
    """
    limits = [max(s, int(n) // s * s) for n, s in zip(data.shape_median, stride, strict=True)]
    z, y, x = data.median_extent
    sides = [z, y, x]
    if stride[1] == stride[2]:  # square in the plane, so that patches can be turned in it
        sides[1:] = [(y + x) / 2] * 2
        limits[1:] = [min(limits[1:])] * 2

    def patch(objects: float) -> tuple[int, ...]:
        wanted = [math.ceil(objects * side / s) * s for side, s in zip(sides, stride, strict=True)]
        return tuple(min(w, limit) for w, limit in zip(wanted, limits, strict=True))

    steps = int((MOST_OBJECTS - LEAST_OBJECTS) * 4)
    several = [MOST_OBJECTS - k / 4 for k in range(steps + 1)]
    for objects in several:
        if math.prod(patch(objects)) <= PATCH_VOXELS:
            break
    else:
        few = [LEAST_OBJECTS * f for f in (1.0, 0.8, 0.6, 0.4, 0.2)]
        objects = next((n for n in few if math.prod(patch(n)) <= MOST_VOXELS), few[-1])
    chosen = patch(objects)
    spans = f"{by_axis(data.median_extent)} voxels, the median volume {by_axis(data.shape_median)}"
    return chosen, f"the median object spans {spans}; a patch has {math.prod(chosen):,} voxels"


def _anisotropy(data: Fingerprint) -> tuple[tuple[float, ...], str]:
    """Length of voxels along each axis over the shortest, by the shape of the objects, and why."""
    spacing = data.spacing_um
    by_size = tuple(round(s / min(spacing), 2) for s in spacing) if spacing else None
    if by_size and data.n_objects < FEW_OBJECTS:
        return by_size, f"by the voxel size of {text(spacing)} um; {data.n_objects} objects say little of it"
    found = _even_in_plane(data.anisotropy)
    why = "by the shape of the objects"
    if by_size is None:
        return found, f"{why}; no voxel size is stated, or several"
    why += f"; by the voxel size it would be {text(by_size)}"
    if max(max(a / b, b / a) for a, b in zip(found, _least_one(by_size), strict=True)) > 2:
        why += ", which is far from that: see that it is right, unless the objects are flat or long"
    return found, why


def _even_in_plane(anisotropy: tuple[float, ...]) -> tuple[float, ...]:
    """The same for rows and columns where they differ by little: objects lie in all directions, pixels are square."""
    z, y, x = (min(a, 100.0) for a in anisotropy)
    if max(y, x) > SAME_IN_PLANE * min(y, x):
        return z, y, x
    plane = (y + x) / 2
    return tuple(round(a / min(z, plane), 2) for a in (z, plane, plane))


def _least_one(anisotropy: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(a / min(anisotropy) for a in anisotropy)


def _grid(data: Fingerprint, anisotropy: tuple[float, ...]) -> tuple[tuple[int, ...], str]:
    """Voxels per prediction, about as long along each axis in space."""
    side = max(data.median_extent)
    largest = 1 if side < GRID_2_FROM else 2 if side < GRID_4_FROM else 4
    grid = tuple(min(largest, max(1, 2 ** round(math.log2(largest / a)))) for a in _least_one(anisotropy))
    why = f"the median object spans {by_axis(data.median_extent)} voxels"
    return grid, why + ("; finer along the axis of long voxels" if len(set(grid)) > 1 else "")


def _choose_unet(network: dict[str, Any], data: Fingerprint, fields: Fields) -> None:
    pool, why = pooling(data, network["grid"], network["anisotropy"])
    given = {name: fields.given[name] for name in ("convs_per_level", "kernel_size") if name in fields.given}
    pool = fields.pick("pool", pool, why)
    known = {"grid": network["grid"], "pool": pool, **given}
    reach = _reach(data)
    depths = range(LEAST_DEPTH, MAX_VOLUME_DEPTH + 1)
    depth = next((d for d in depths if _covers(StarDistConfig(**known, depth=d), reach)), depths[-1])
    config = StarDistConfig(**known, depth=fields.given.get("depth", depth))
    deep = fields.pick("depth", depth, _why_sees(config, data)) > LEAST_DEPTH
    limit = "depth costs few weights this way" if deep else "no limit: the network is shallow"
    fields.pick("max_channels", CHANNEL_LIMIT if deep else 0, limit)


def _choose_resnet(network: dict[str, Any], data: Fingerprint, fields: Fields) -> None:
    given = {name: fields.given[name] for name in ("convs_per_block", "kernel_size") if name in fields.given}
    known = {"grid": network["grid"], "backbone": "resnet", **given}
    reach = _reach(data)
    counts = range(LEAST_BLOCKS, MOST_BLOCKS + 1)
    blocks = next((n for n in counts if _covers(StarDistConfig(**known, n_blocks=n), reach)), counts[-1])
    config = StarDistConfig(**known, n_blocks=fields.given.get("n_blocks", blocks))
    fields.pick("n_blocks", blocks, _why_sees(config, data))


def pooling(
    data: Fingerprint, grid: tuple[int, ...], anisotropy: tuple[float, ...]
) -> tuple[tuple[int, ...], str]:
    """What a level of a U-Net pools: nothing along axes that have few planes, or cells much longer than others."""
    lengths = [g * a for g, a in zip(grid, anisotropy, strict=True)]
    pool = tuple(
        1 if length >= 2 * min(lengths) or planes < 2 * g * 2**LEAST_DEPTH else 2
        for length, planes, g in zip(lengths, data.shape_median, grid, strict=True)
    )
    return pool, "halves each axis" if 1 not in pool else "leaves alone axes of few planes, or of long voxels"


def _reach(data: Fingerprint) -> tuple[float, ...]:
    """What the network should see along each axis: large objects and what lies around them, as far as volumes go."""
    return tuple(min(2 * e, n) for e, n in zip(data.large_extent, data.shape_max, strict=True))


def _covers(config: StarDistConfig, reach: tuple[float, ...]) -> bool:
    return all(field >= r for field, r in zip(config.receptive_field, reach, strict=True))


def _why_sees(config: StarDistConfig, data: Fingerprint) -> str:
    field = config.receptive_field
    why = f"sees {text(field)} voxels; 99 % of the objects span at most {by_axis(data.large_extent)}"
    if not _covers(config, data.large_extent):
        why += ", more than that: scale the volumes down, or set a larger grid"
    return why
