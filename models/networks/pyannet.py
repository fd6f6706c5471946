"""The segmentation network of pyannote: SincNet, bidirectional LSTM, two linear layers, powerset classes.

The checkpoint determines the sizes. The band-pass filters are computed once, because the network is not trained here.
Checkpoints of the older multi-label type are not supported, because the program does not decode them.

References
----------
Ravanelli & Bengio, "Speaker recognition from raw waveform with SincNet", SLT 2018; Bredin & Laurent, "End-to-end
speaker segmentation for overlap-aware resegmentation", Interspeech 2021; Plaquet & Bredin, "Powerset multi-class
cross entropy loss for neural speaker diarization", Interspeech 2023.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from networks import FloatArray, Network, State, whole_windows
from oolong_align.timing.grid import SAMPLE_RATE

STRIDE: Final = 10
LOWEST_HZ: Final = 50.0
NARROWEST_HZ: Final = 50.0
CLASSES: Final = 7
_FILTERBANK: Final = "sincnet.conv1d.0.filterbank."
_FILTERS: Final = "sincnet.conv1d.0.weight"


def band_pass_filters(low_hz: Tensor, band_hz: Tensor, window: Tensor, time: Tensor) -> Tensor:
    """Compute impulse responses of ideal band-pass filters, normalised and windowed.

    Parameters
    ----------
    low_hz, band_hz : Tensor, shape (K, 1)
        Trained parameters: the lower edge is ``50 Hz + |low_hz|`` and the width ``50 Hz + |band_hz|``. The upper edge
        is at most half the sampling rate.
    window : Tensor, shape (H,)
        Left half of a symmetric window of ``2 H + 1`` taps, without the middle tap, which is 1.
    time : Tensor, shape (1, H)
        ``2 pi n / rate`` for the taps ``n = -H .. -1``.

    Returns
    -------
    Tensor, shape (2 K, 1, 2 H + 1)
        ``float32``; K even filters, then K odd filters a quarter of a period later.

    Notes
    -----
    With edges ``a`` and ``b`` the even filter is ``(sin b t - sin a t) / ((b - a) t)`` and the odd one
    ``(cos a t - cos b t) / ((b - a) t)``. All are computed in single precision, as in training: the phases ``b t``
    go up to 400, so their rounding affects the filters.
    """
    low = LOWEST_HZ + low_hz.abs()
    high = torch.clamp(low + NARROWEST_HZ + band_hz.abs(), LOWEST_HZ, SAMPLE_RATE / 2)
    scale = window / ((high - low) * time)
    even = (torch.sin(high * time) - torch.sin(low * time)) * scale
    odd = (torch.cos(low * time) - torch.cos(high * time)) * scale
    ones = torch.ones_like(low)
    even = torch.cat([even, ones, even.flip(1)], dim=1)
    odd = torch.cat([odd, 0 * ones, -odd.flip(1)], dim=1)
    return torch.cat([even, odd])[:, None]


class SincNet(nn.Module):
    """Convert samples ``(B, 1, N)`` to features ``(B, C, T)``, one frame every 270 samples."""

    def __init__(self, filters: tuple[int, int], channels: tuple[int, ...], width: int) -> None:
        super().__init__()
        count, taps = filters
        self.wav_norm1d = nn.InstanceNorm1d(1, affine=True)
        sizes = (count, *channels)
        later = [nn.Conv1d(before, after, width) for before, after in pairwise(sizes)]
        self.conv1d = nn.ModuleList([nn.Conv1d(1, count, taps, stride=STRIDE, bias=False), *later])
        self.norm1d = nn.ModuleList([nn.InstanceNorm1d(size, affine=True) for size in sizes])

    def forward(self, samples: Tensor) -> Tensor:
        """Max-pool (size 3) and normalise each convolution; only the magnitude of the filters is used."""
        features: Tensor = self.wav_norm1d(samples)
        for index, (convolution, norm) in enumerate(zip(self.conv1d, self.norm1d, strict=True)):
            features = convolution(features)
            if index == 0:
                features = features.abs()
            features = functional.leaky_relu(norm(functional.max_pool1d(features, 3)))
        return features


class PyanNet(nn.Module):
    """Convert samples ``(B, 1, N)`` to log-probabilities ``(B, T, classes)``."""

    def __init__(self, sincnet: SincNet, lstm: nn.LSTM, linear: list[nn.Linear], classifier: nn.Linear) -> None:
        super().__init__()
        self.sincnet = sincnet
        self.lstm = lstm
        self.linear = nn.ModuleList(linear)
        self.classifier = classifier

    def forward(self, samples: Tensor) -> Tensor:
        """``(B, 1, N) -> (B, T, classes)``."""
        hidden, _ = self.lstm(self.sincnet(samples).transpose(1, 2))
        for layer in self.linear:
            hidden = functional.leaky_relu(layer(hidden))
        return functional.log_softmax(self.classifier(hidden), dim=-1)


def recognises(state: State) -> bool:
    """Return whether a checkpoint has a SincNet and one bidirectional LSTM."""
    return {f"{_FILTERBANK}low_hz_", "lstm.weight_ih_l0_reverse", "classifier.weight"} <= state.keys()


def build(state: State) -> PyanNet:
    """Build the network from the tensors of a checkpoint, in evaluation mode.

    Raises
    ------
    ValueError
        If the program cannot decode the classes of the network, or uses another sampling rate.
    KeyError, RuntimeError
        If a tensor is missing, unexpected, or has another shape.
    """
    classes = len(state["classifier.weight"])
    if classes != CLASSES:
        raise ValueError(f"it has {classes} classes; the program decodes powersets of 3 speakers, {CLASSES} classes")
    weights = {name: tensor for name, tensor in state.items() if not name.startswith(_FILTERBANK)}
    low_hz, band_hz, window, time = (state[f"{_FILTERBANK}{name}"] for name in ("low_hz_", "band_hz_", "window_", "n_"))
    rate = -2 * math.pi / float(time.flatten()[-1])
    if round(rate) != SAMPLE_RATE:
        raise ValueError(f"it is made for {rate:.0f} samples a second; the program uses {SAMPLE_RATE}")
    weights[_FILTERS] = band_pass_filters(low_hz, band_hz, window, time)
    count, _, taps = weights[_FILTERS].shape
    channels = [len(weights[f"sincnet.conv1d.{index}.weight"]) for index in (1, 2)]
    hidden = weights["lstm.weight_hh_l0"].shape[1]
    layers = sum(name.startswith("lstm.weight_ih_") and not name.endswith("_reverse") for name in weights)
    linear: list[nn.Linear] = []
    while (name := f"linear.{len(linear)}.weight") in weights:
        after, before = weights[name].shape
        linear.append(nn.Linear(before, after))
    network = PyanNet(
        SincNet((count, taps), tuple(channels), weights["sincnet.conv1d.1.weight"].shape[2]),
        nn.LSTM(channels[-1], hidden, layers, bidirectional=True, batch_first=True),
        linear,
        nn.Linear(weights["classifier.weight"].shape[1], classes),
    )
    network.load_state_dict(weights)
    return network.eval()


def prepare(samples: FloatArray) -> FloatArray:
    """Split audio into windows of 10 s for the network, ``(windows, 1, 160000)``."""
    return whole_windows(samples)[:, None]


NETWORK: Final = Network(
    name="pyannote segmentation (PyanNet)",
    input="input_values",
    output="logits",
    input_axes=("batch_size", None, "num_samples"),
    output_axes=("batch_size", "num_frames", None),
    recognises=recognises,
    build=build,
    prepare=prepare,
)
