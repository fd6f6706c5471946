"""The speaker embedding network of WeSpeaker: a residual network on fbank features, pooled over time.

The checkpoint determines the blocks and channels, so ResNet18 and other sizes with blocks of two convolutions are
supported too. Blocks of three convolutions and pooling other than by mean and standard deviation are not supported. The
classifier used in training (``projection``) is ignored.

References
----------
He et al., "Deep residual learning for image recognition", CVPR 2016; Zeinali et al., "BUT system description to
VoxCeleb speaker recognition challenge 2019"; Wang et al., "WeSpeaker: a research and production oriented speaker
embedding learning toolkit", ICASSP 2023.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from networks import Network, State, mean_free_fbank
from oolong_align.diarization.fbank import NUM_BINS
from oolong_align.networks.embedding_graph import VARIANCE_FLOOR

STAGES: Final = 4
_PREFIXES: Final = ("resnet.", "")  # checkpoints of pyannote, and of WeSpeaker
_TRAINING_ONLY: Final = "projection."


class Block(nn.Module):
    """Two convolutions parallel to a shortcut; the first one and the shortcut can halve the map."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        self.shortcut = nn.Sequential()
        if stride != 1 or before != after:
            self.shortcut = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))

    def forward(self, maps: Tensor) -> Tensor:
        """``(B, before, F, T) -> (B, after, F / stride, T / stride)``."""
        inner = functional.relu(self.bn1(self.conv1(maps)))
        return functional.relu(self.bn2(self.conv2(inner)) + self.shortcut(maps))


class ResNet(nn.Module):
    """Convert mean-free features ``(B, T, 80)`` to embeddings ``(B, D)``."""

    def __init__(self, channels: int, blocks: tuple[int, ...], dimension: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        widths = [channels << stage for stage in range(STAGES)]
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            nn.Sequential(
                Block(before, after, 1 if before == after else 2), *(Block(after, after, 1) for _ in range(count - 1))
            )
            for before, after, count in zip((channels, *widths[:-1]), widths, blocks, strict=True)
        )
        self.seg_1 = nn.Linear(2 * widths[-1] * (NUM_BINS >> (STAGES - 1)), dimension)

    def forward(self, features: Tensor) -> Tensor:
        """Rows of the pooled map are ``(channel, band)``; the standard deviation is unbiased."""
        maps = functional.relu(self.bn1(self.conv1(features.transpose(1, 2).unsqueeze(1))))
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            maps = layer(maps)
        mean = maps.mean(dim=-1).flatten(start_dim=1)
        deviation = torch.sqrt(torch.var(maps, dim=-1) + VARIANCE_FLOOR).flatten(start_dim=1)
        embedding: Tensor = self.seg_1(torch.cat([mean, deviation], dim=1))
        return embedding


def recognises(state: State) -> bool:
    """Return whether a checkpoint has residual blocks of two convolutions and one embedding layer."""
    names = _plain(state).keys()
    return {"conv1.weight", "layer4.0.conv2.weight", "seg_1.weight"} <= names and "layer1.0.conv3.weight" not in names


def build(state: State) -> ResNet:
    """Build the network from the tensors of a checkpoint, in evaluation mode.

    Raises
    ------
    RuntimeError
        If a tensor is missing, unexpected, or has another shape.
    """
    weights = _plain(state)
    blocks = []
    for stage in range(1, STAGES + 1):
        numbers = {name.split(".")[1] for name in weights if name.startswith(f"layer{stage}.")}
        blocks.append(len(numbers))
    network = ResNet(len(weights["conv1.weight"]), tuple(blocks), len(weights["seg_1.weight"]))
    network.load_state_dict(weights)
    return network.eval()


def _plain(state: State) -> dict[str, Tensor]:
    """Rename tensors to the names of the network, without a toolkit's prefix, and drop the layers used in training."""
    prefix = next((each for each in _PREFIXES if f"{each}conv1.weight" in state), "")
    named = {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}
    return {name: tensor for name, tensor in named.items() if not name.startswith(_TRAINING_ONLY)}


NETWORK: Final = Network(
    name="WeSpeaker ResNet",
    input="feats",
    output="embs",
    input_axes=("B", "T", None),
    output_axes=("B", None),
    recognises=recognises,
    build=build,
    prepare=mean_free_fbank,
    framework="wespeaker",
)
