"""CAM++: a speaker embedding by a densely connected time-delay network whose layers are masked by their context.

Features ``[B, T, 80]`` pass through a two-dimensional front end, which keeps the frame rate and reduces the 80 bands to
10, and three blocks of dense layers at half the frame rate (20 ms per frame). Each layer weights its channels by the
mean of the frames over 2 s and over the whole input. The embedding is computed from the mean and standard deviation
over time.

References
----------
Wang et al., "CAM++: A fast and efficient network for speaker verification using context-aware masking", Interspeech
2023.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import partial
from typing import Final

import torch
from torch import Tensor, nn

from networks import Network, State, mean_free_fbank
from oolong_align.diarization.fbank import NUM_BINS
from oolong_align.networks.embedding_graph import VARIANCE_FLOOR

_FRONT_CHANNELS: Final = 32
_FIRST_CHANNELS: Final = 128
_BOTTLENECK: Final = 128
_GROWTH: Final = 32
_REDUCTION: Final = 2
_BLOCKS: Final = ((12, 1), (24, 2), (16, 2))
"""Layers and dilation of each block, from the paper; a checkpoint has the number of layers, but not the dilation."""
_SEGMENT_FRAMES: Final = 100


class Residual(nn.Module):
    """Two convolutions and a shortcut; the first convolution and the shortcut can halve the number of bands."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        width = _FRONT_CHANNELS
        self.conv1 = nn.Conv2d(width, width, 3, stride=(stride, 1), padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.shortcut = nn.Sequential()
        if stride > 1:
            shorter = nn.Conv2d(width, width, 1, stride=(stride, 1), bias=False)
            self.shortcut = nn.Sequential(shorter, nn.BatchNorm2d(width))

    def forward(self, maps: Tensor) -> Tensor:
        """``[B, 32, F, T] -> [B, 32, F / stride, T]``."""
        inner = torch.relu(self.bn1(self.conv1(maps)))
        return torch.relu(self.bn2(self.conv2(inner)) + self.shortcut(maps))


class FrontEnd(nn.Module):
    """Convolutions over time and frequency."""

    def __init__(self) -> None:
        super().__init__()
        width = _FRONT_CHANNELS
        self.conv1 = nn.Conv2d(1, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1 = nn.Sequential(Residual(2), Residual(1))
        self.layer2 = nn.Sequential(Residual(2), Residual(1))
        self.conv2 = nn.Conv2d(width, width, 3, stride=(2, 1), padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)

    def forward(self, features: Tensor) -> Tensor:
        """``[B, T, 80] -> [B, 320, T]``."""
        maps = torch.relu(self.bn1(self.conv1(features.transpose(1, 2).unsqueeze(1))))
        maps = torch.relu(self.bn2(self.conv2(self.layer2(self.layer1(maps)))))
        return maps.flatten(1, 2)


class Masked(nn.Module):
    """A convolution over time whose channels are weighted by the context of each 2 s."""

    def __init__(self, dilation: int) -> None:
        super().__init__()
        inner = _BOTTLENECK // _REDUCTION
        self.linear_local = nn.Conv1d(_BOTTLENECK, _GROWTH, 3, padding=dilation, dilation=dilation, bias=False)
        self.linear1 = nn.Conv1d(_BOTTLENECK, inner, 1)
        self.linear2 = nn.Conv1d(inner, _GROWTH, 1)

    def forward(self, frames: Tensor, segment: Tensor) -> Tensor:
        """``[B, 128, T], [T] -> [B, 32, T]``; the second is the 2 s segment of each frame.

        The mask is the same throughout a segment, so it is computed once for each and looked up.
        """
        means = nn.functional.avg_pool1d(frames, _SEGMENT_FRAMES, _SEGMENT_FRAMES, ceil_mode=True)
        context = frames.mean(dim=2, keepdim=True) + means  # (B, 128, segments)
        mask = torch.sigmoid(self.linear2(torch.relu(self.linear1(context))))
        return self.linear_local(frames) * mask.index_select(2, segment)


class DenseLayer(nn.Module):
    """Layer that appends its channels to those of all layers before it."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.nonlinear1 = normalisation(channels)
        self.linear1 = nn.Conv1d(channels, _BOTTLENECK, 1, bias=False)
        self.nonlinear2 = normalisation(_BOTTLENECK)
        self.cam_layer = Masked(dilation)

    def forward(self, frames: Tensor, segment: Tensor) -> Tensor:
        """``[B, C, T] -> [B, C + 32, T]``."""
        inner = self.nonlinear2(self.linear1(self.nonlinear1(frames)))
        return torch.cat([frames, self.cam_layer(inner, segment)], dim=1)


class Linear(nn.Module):
    """A convolution over time with normalisation before or after it."""

    def __init__(self, linear: nn.Conv1d, nonlinear: nn.Module, *, linear_first: bool) -> None:
        super().__init__()
        self.linear = linear
        self.nonlinear = nonlinear
        self._linear_first = linear_first

    def forward(self, frames: Tensor) -> Tensor:
        """``[B, C, T] -> [B, C', T']``."""
        result: Tensor = (
            self.nonlinear(self.linear(frames)) if self._linear_first else self.linear(self.nonlinear(frames))
        )
        return result


class CamPlusPlus(nn.Module):
    """The whole network, for embeddings of a given dimension."""

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.head = FrontEnd()
        channels = _FIRST_CHANNELS
        first = nn.Conv1d(_FRONT_CHANNELS * NUM_BINS // 8, channels, 5, stride=2, padding=2, bias=False)
        parts: OrderedDict[str, nn.Module] = OrderedDict(tdnn=Linear(first, normalisation(channels), linear_first=True))
        for number, (layers, dilation) in enumerate(_BLOCKS, start=1):
            dense = OrderedDict(
                (f"tdnnd{layer + 1}", DenseLayer(channels + layer * _GROWTH, dilation)) for layer in range(layers)
            )
            parts[f"block{number}"] = nn.Sequential(dense)
            channels += layers * _GROWTH
            halved = nn.Conv1d(channels, channels // 2, 1, bias=False)
            parts[f"transit{number}"] = Linear(halved, normalisation(channels), linear_first=False)
            channels //= 2
        parts["out_nonlinear"] = normalisation(channels)
        projection = nn.Conv1d(2 * channels, dimension, 1, bias=False)
        last = nn.Sequential(OrderedDict(batchnorm=nn.BatchNorm1d(dimension, affine=False)))
        parts["dense"] = Linear(projection, last, linear_first=True)
        self.xvector = nn.Sequential(parts)

    def forward(self, features: Tensor) -> Tensor:
        """``[B, T, 80] -> [B, D]``; the features are log mel energies minus their mean over time."""
        frames = self.head(features)
        segment = torch.zeros(0)
        for name, part in self.xvector.named_children():
            if name == "tdnn":
                frames = part(frames)
                segment = torch.arange(frames.shape[2], device=frames.device) // _SEGMENT_FRAMES
            elif name.startswith("block"):
                for layer in part.children():
                    frames = layer(frames, segment)
            elif name == "dense":
                mean, variance = frames.mean(dim=2), frames.var(dim=2)
                statistics = torch.cat([mean, torch.sqrt(variance + VARIANCE_FLOOR)], dim=1)
                frames = part(statistics.unsqueeze(2)).squeeze(2)
            else:
                frames = part(frames)
        return frames


def normalisation(channels: int) -> nn.Sequential:
    """Batch normalisation and ReLU."""
    return nn.Sequential(OrderedDict(batchnorm=nn.BatchNorm1d(channels), relu=nn.ReLU()))


def recognises(state: State) -> bool:
    """Return whether a checkpoint has the tensors of this network."""
    return {"head.conv1.weight", "xvector.tdnn.linear.weight", "xvector.dense.linear.weight"} <= set(state)


def build(state: State) -> nn.Module:
    """Build the network from the tensors of a checkpoint, which determine the dimension of the embedding."""
    network = CamPlusPlus(len(state["xvector.dense.linear.weight"]))
    network.load_state_dict(dict(state))
    return network.eval()


NETWORK: Final = Network(
    name="CAM++",
    input="features",
    output="embedding",
    input_axes=("batch", "frames", None),
    output_axes=("batch", None),
    recognises=recognises,
    build=build,
    prepare=partial(mean_free_fbank, fbank_window="povey"),
    framework="3d-speaker",
)
