"""StarDist: a U-Net that predicts, at every grid point, how likely an object is and how far its outline lies.

Schmidt, Weigert, Broaddus, Myers: Cell Detection with Star-convex Polygons, MICCAI 2018.
Weigert, Schmidt, Haase, Sugawara, Myers: Star-convex Polyhedra for 3D Object Detection and Segmentation in
Microscopy, WACV 2020.
The network is laid out as in the StarDist package, so that its weights can be used as they are::

    image (B, C, H, W), or (B, C, D, H, W) for volumes
      stem          per halving of the grid: 2 x conv, max-pool      -> (B, F, H/g, W/g)
      way down      level n: 2 x conv to F * e**n, max-pool          -> skips
      middle        conv to F * e**d, conv to F * e**(d-1)
      way up        level n: nearest x2, concat [up, skip], 2 x conv -> (B, F, H/g, W/g)
      or, instead of these four, a ResNet (see `stellate.nn.residual`) whose strides reach the grid
      features      conv to `head_channels`
      prob, distances, class_prob: 1x1                               -> (B, 1 | R | N + 1, H/g, W/g)
      foreground    (optional) back to full size beside the stem: conv, 1x1  -> (B, 1, H, W)

The foreground head is stellate's own: it knows each pixel, where a polygon of few rays can only approximate.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from ..errors import InputError
from ..nn.convs import CONVOLUTIONS, Convs, widest
from ..nn.growing import GrowingConvs
from ..nn.residual import ResidualNet
from ..nn.strips import Stage, StageRunner, run_whole
from .stardist_config import StarDistConfig

__all__ = ["StarDist", "StarDistConfig"]


class StarDist(nn.Module):
    """StarDist network; see the module's page for its layout.

    Parameters
    ----------
    config
        What defines the network.
    """

    def __init__(self, config: StarDistConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or StarDistConfig()
        self.run_stage: StageRunner = run_whole
        self.backbone = self._make_resnet(config) if config.backbone == "resnet" else None
        if self.backbone is not None:
            channels = self.backbone.out_channels
        else:
            channels = self._make_unet(config, self._make_stem(config))
        self.foreground = self._make_foreground(config, channels) if config.foreground else None
        width = config.head_channels or channels
        self.features_class = self.class_prob = None
        if config.n_classes:
            self.features_class = self._make_features(config, channels)
            self.class_prob = self._pointwise(width, config.n_classes + 1)
        self.features = self._make_features(config, channels)
        self.prob = self._pointwise(width, 1)
        self.distances = self._pointwise(width, config.n_rays)
        for name, module in self.named_children():
            if name != "backbone":
                module.apply(_initialise)

    def _make_resnet(self, config: StarDistConfig) -> ResidualNet:
        return ResidualNet(
            config.in_channels,
            config.base_channels,
            config.kernel_size,
            strides=config.block_strides,
            convs=config.convs_per_block,
            norm=config.batch_norm,
            activation=config.activation,
        )

    def _make_stem(self, config: StarDistConfig) -> int:
        channels = config.in_channels
        self.stem = nn.ModuleList()
        for _ in config.stem_pools:
            widths = [config.base_channels] * config.convs_per_level
            self.stem.append(self._convs(channels, widths))
            channels = config.base_channels
        return channels

    def _make_unet(self, config: StarDistConfig, channels: int) -> int:
        norm, more = config.batch_norm, config.convs_per_level - 1
        self.down = nn.ModuleList()
        for level in range(config.depth):
            width = config.channels_at(level)
            self.down.append(self._convs(channels, [width] * (more + 1), norm=norm))
            channels = width
        bottom, above = config.channels_at(config.depth), config.channels_at(max(0, config.depth - 1))
        self.middle = self._convs(channels, [bottom] * more + [above], norm=norm)
        channels = above
        self.up = nn.ModuleList()
        for level in reversed(range(config.depth)):
            skip, out = config.channels_at(level), config.channels_at(max(0, level - 1))
            last = config.last_activation if level == 0 else None
            widths = [skip] * more + [out]
            self.up.append(self._growing(channels, skip, widths, config.pool, norm=norm, last=last))
            channels = out
        return channels

    def _make_features(self, config: StarDistConfig, channels: int) -> nn.Module:
        if not config.head_channels:
            return nn.Identity()
        return self._convs(channels, [config.head_channels])

    def _make_foreground(self, config: StarDistConfig, channels: int) -> nn.Sequential:
        beside = config.base_channels if config.stem_pools else 0
        width = config.base_channels
        convs = self._growing(channels, beside, [width], config.grid, norm=config.batch_norm)
        return nn.Sequential(convs, self._pointwise(width, 1))

    def _pointwise(self, channels: int, width: int) -> nn.Module:
        conv: nn.Module = CONVOLUTIONS[len(self.config.grid)](channels, width, 1)
        return conv

    def _convs(
        self, channels: int, widths: list[int], *, norm: bool = False, last: str | None = None
    ) -> Convs:
        activations = self._activations(widths, last)
        return Convs(channels, widths, self.config.kernel_size, norm=norm, activations=activations)

    def _growing(
        self,
        channels: int,
        beside: int,
        widths: list[int],
        scale: tuple[int, ...],
        *,
        norm: bool,
        last: str | None = None,
    ) -> GrowingConvs:
        kernel, activations = self.config.kernel_size, self._activations(widths, last)
        return GrowingConvs(channels, beside, widths, kernel, scale=scale, norm=norm, activations=activations)

    def _activations(self, widths: list[int], last: str | None) -> list[str]:
        """The network's own after each convolution, or another one after the last."""
        own = [self.config.activation] * len(widths)
        return own if last is None else [*own[:-1], last]

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Predict from a batch of normalised images.

        Parameters
        ----------
        image
            ``(B, in_channels, H, W)`` float, ``(B, in_channels, D, H, W)`` for volumes; the sides multiples of
            ``config.stride``.

        Returns
        -------
        dict
            ``prob`` (logits) ``(B, 1, H/g, W/g)``, ``distances`` in pixels ``(B, n_rays, H/g, W/g)``, where
            there are classes ``class_prob`` (logits; 0 is background) ``(B, n_classes + 1, H/g, W/g)``, and
            where the network has that head ``foreground`` (logits) ``(B, 1, H, W)``. For volumes, all of them have
            three axes.
        """
        stride, sides = self.config.stride, tuple(image.shape[2:])
        if len(sides) != len(stride):
            raise InputError(f"an image with {len(sides)} axes: this network takes {len(stride)}")
        if any(n % s for n, s in zip(sides, stride, strict=True)):
            raise InputError(f"an image of {sides} pixels: this network takes multiples of {stride}")
        if self.backbone is not None:
            return self._heads(self.backbone(image), None, reach=self.config.reaches[-1])
        return self._unet(image)

    def _unet(self, image: Tensor) -> dict[str, Tensor]:
        """Stem, U-Net and heads."""
        reaches = iter(self.config.reaches[1:])
        full, x = None, image
        for convs, pool in zip(self.stem, self.config.stem_pools, strict=True):
            keep = self.foreground is not None and full is None
            x, *kept = self._shrink(convs, x, pool, keep=keep, reach=next(reaches))
            full = kept[0] if kept else full
        skips = []
        for convs in self.down:
            x, skip = self._shrink(convs, x, self.config.pool, keep=True, reach=next(reaches))
            skips.append(skip)
        repeats, width = self.config.convs_per_level, widest(self.middle)
        (x,) = self._run(lambda x: (self.middle(x),), x, convs=repeats, reach=next(reaches), channels=width)
        for convs in self.up:
            x = self._grow(convs, x, skips.pop(), reach=next(reaches))
        return self._heads(x, full, reach=next(reaches))

    def _shrink(
        self, convs: nn.Module, x: Tensor, pool: tuple[int, ...], *, keep: bool, reach: tuple[int, ...]
    ) -> tuple[Tensor, ...]:
        """Convolutions and pooling; also returns what was pooled if it is to be kept."""

        def stage(x: Tensor) -> tuple[Tensor, ...]:
            x = convs(x)
            small = (functional.max_pool2d if x.ndim == 4 else functional.max_pool3d)(x, pool)
            return (small, x) if keep else (small,)

        repeats = self.config.convs_per_level
        return self._run(stage, x, convs=repeats, pool=pool, reach=reach, channels=widest(convs))

    def _grow(self, convs: nn.Module, x: Tensor, skip: Tensor, *, reach: tuple[int, ...]) -> Tensor:
        """Upsampling, and convolutions beside what was kept on the way down."""

        def stage(x: Tensor, skip: Tensor) -> tuple[Tensor, ...]:
            return (convs(x, skip),)

        repeats, pool = self.config.convs_per_level, self.config.pool
        (x,) = self._run(stage, x, skip, convs=repeats, pool=pool, reach=reach, channels=widest(convs))
        return x

    def _heads(self, x: Tensor, full: Tensor | None, *, reach: tuple[int, ...]) -> dict[str, Tensor]:
        names = ["prob", "distances"]
        if self.class_prob is not None:
            names.append("class_prob")

        def stage(x: Tensor) -> tuple[Tensor, ...]:
            features = self.features(x)
            maps: tuple[Tensor, ...] = (self.prob(features), self.distances(features))
            if self.class_prob is not None and self.features_class is not None:
                maps = (*maps, self.class_prob(self.features_class(x)))
            return maps

        width = max(self.config.head_channels, x.shape[1])
        maps = self._run(stage, x, convs=1, reach=reach, channels=width)
        out = dict(zip(names, maps, strict=True))
        if self.foreground is not None:
            out["foreground"] = self._at_full_size(self.foreground, x, full, reach=reach)
        return out

    def _at_full_size(
        self, foreground: nn.Sequential, x: Tensor, full: Tensor | None, *, reach: tuple[int, ...]
    ) -> Tensor:
        """What the foreground head says, of the last map and that of the stem."""

        def stage(*maps: Tensor) -> tuple[Tensor, ...]:
            convs, pointwise = foreground
            return (pointwise(convs(*maps)),)

        inputs = (x,) if full is None else (x, full)
        (found,) = self._run(
            stage, *inputs, convs=1, pool=self.config.grid, reach=reach, channels=widest(foreground)
        )
        return found

    def _run(
        self,
        stage: Stage,
        *inputs: Tensor,
        convs: int,
        channels: int,
        reach: tuple[int, ...],
        pool: tuple[int, ...] = (),
    ) -> tuple[Tensor, ...]:
        """Run a stage of so many convolutions, whose coarsest tensor has 1 cell for `pool` cells of the finest."""
        pool = pool or (1,) * len(self.config.grid)
        finest = max((x.shape[2:] for x in inputs), key=lambda size: size.numel())
        units = tuple(n // p for n, p in zip(finest, pool, strict=True))
        halo = tuple(-(-convs * (k // 2) // p) for k, p in zip(self.config.kernel_size, pool, strict=True))
        return self.run_stage(stage, *inputs, units=units, halo=halo, reach=reach, channels=channels)


def _initialise(module: nn.Module) -> None:
    """Glorot-uniform weights and zero biases, as Keras does."""
    if isinstance(module, nn.Conv2d | nn.Conv3d):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
