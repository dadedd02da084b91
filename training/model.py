"""The network: a residual U-Net without biases on a lattice of half the resolution, told how strong the noise is."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Network", "begin_with", "folded_to_grey"]

#: Channels of the features on each lattice: every 2nd, 4th and 8th pixel.
WIDTHS = (32, 64, 128)
#: Residual blocks on each lattice, on the way down and again on the way up. With 5, the network has 2.49 million weights and costs
#: 240 kFLOP a pixel in colour; the trial with 2 had 1.05 million and 98 kFLOP.
BLOCKS = 5
#: Both sides of a picture must be a multiple of this: the coarsest lattice holds every 8th pixel.
MULTIPLE = 8


class Block(nn.Module):
    """z + second(relu(first(z))): two convolutions of 3 × 3. It starts as the identity, because `second` starts at zero."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        nn.init.kaiming_normal_(self.first.weight)
        nn.init.zeros_(self.second.weight)

    def forward(self, z: Tensor) -> Tensor:
        out: Tensor = z + self.second(functional.relu(self.first(z)))
        return out


class Network(nn.Module):
    """clean = picture − correction(picture, level).

    `picture` and `level` have the shape (batch, channels, height, width), with sides that are multiples of `MULTIPLE`. `level` is the
    standard deviation of the noise at each pixel in the picture's own unit; zero everywhere means that it is not known ("blind").

    There is no bias anywhere, and relu(k·z) = k·relu(z) for k > 0. Therefore the network of k·picture and k·level is k times the network
    of picture and level: one network serves every strength of noise, also those that it was not trained on.
    Mohan, Kadkhodaie, Simoncelli & Fernandez-Granda 2020, ICLR. The level map is that of FFDNet: Zhang, Zuo & Zhang 2018, IEEE TIP 27.
    """

    def __init__(self, channels: int = 3, widths: tuple[int, ...] = WIDTHS, blocks: int = BLOCKS) -> None:
        super().__init__()
        self.channels = channels

        def stage(width: int) -> nn.Sequential:
            return nn.Sequential(*[Block(width) for _ in range(blocks)])

        pairs = list(itertools.pairwise(widths))
        self.head = nn.Conv2d(channels * 8, widths[0], 3, padding=1, bias=False)
        self.encoder = nn.ModuleList([stage(width) for width in widths])
        self.decoder = nn.ModuleList([stage(width) for width in widths[:-1]])
        self.down = nn.ModuleList([nn.Conv2d(fine, coarse, 2, stride=2, bias=False) for fine, coarse in pairs])
        self.up = nn.ModuleList([nn.ConvTranspose2d(coarse, fine, 2, stride=2, bias=False) for fine, coarse in pairs])
        self.tail = nn.Conv2d(widths[0], channels * 4, 3, padding=1, bias=False)
        for layer in [*self.down, *self.up, self.head]:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
        nn.init.normal_(self.tail.weight, std=1e-3)

    def forward(self, picture: Tensor, level: Tensor) -> Tensor:
        return picture - self.correction(picture, level)

    def correction(self, picture: Tensor, level: Tensor) -> Tensor:
        """What the network takes off the picture; of the shape of `picture`."""
        first = self.head(functional.pixel_unshuffle(torch.cat([picture, level], 1), 2))
        z, kept = first, []
        for index, stage in enumerate(self.encoder):
            z = stage(z)
            if index < len(self.down):
                kept.append(z)
                z = self.down[index](z)
        for index in reversed(range(len(self.decoder))):
            z = self.decoder[index](self.up[index](z) + kept[index])
        correction: Tensor = functional.pixel_shuffle(self.tail(z + first), 2)
        return correction


def begin_with(network: Network, weights: dict[str, Tensor]) -> None:
    """Give a network the weights of another one of its own shape, or of one with fewer blocks: the blocks that it has more do nothing yet.

    Chen, Goodfellow & Shlens 2016, ICLR ("Net2Net"). A colour network's weights are folded for a grey network.
    """
    if network.channels == 1 and weights["head.weight"].shape[1] == 24:
        weights = folded_to_grey(weights)
    missing, strange = network.load_state_dict(weights, strict=False)
    if strange or any(int(key.split(".")[2]) < 1 for key in missing):
        raise ValueError(f"These are not the weights of such a network: {strange[:1] or missing[:1]}.")


def folded_to_grey(colour: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a grey network that does to a grey picture what the colour network does to three copies of it.

    The head's weights are summed over the colours, for the picture and for the map of levels each by itself, and the tail's are averaged.
    Channel c of a picture becomes channels 4c to 4c + 3 of `pixel_unshuffle`, so that the colour is the slower of the two indices.
    """
    grey = dict(colour)
    head, tail = colour["head.weight"], colour["tail.weight"]
    width = head.shape[0]
    grey["head.weight"] = head.reshape(width, 2, 3, 4, 3, 3).sum(2).reshape(width, 8, 3, 3)
    grey["tail.weight"] = tail.reshape(3, 4, width, 3, 3).mean(0)
    return grey
