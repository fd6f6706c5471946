"""The segmentation network of pyannote: SincNet, bidirectional LSTM, two linear layers, powerset classes.

Sizes come from the checkpoint. The band-pass filters are computed once, since nothing is trained here. Left out:
checkpoints of the older multi-label kind, which the program does not decode.

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
    """Impulse responses of ideal band-passes, normalised and windowed.

    Parameters
    ----------
    low_hz, band_hz : Tensor, shape (K, 1)
        Trained parameters: the lower edge is ``50 Hz + |low_hz|``, the width ``50 Hz + |band_hz|``, as far as half
        the sampling rate.
    window : Tensor, shape (H,)
        Left half of a symmetric window of ``2 H + 1`` taps, without its middle, which is 1.
    time : Tensor, shape (1, H)
        ``2 pi n / rate`` of the taps ``n = -H .. -1``.

    Returns
    -------
    Tensor, shape (2 K, 1, 2 H + 1)
        ``float32``; K even filters, then K odd ones a quarter of a period later.

    Notes
    -----
    With edges ``a`` and ``b`` the even filter is ``(sin b t - sin a t) / ((b - a) t)`` and the odd one
    ``(cos a t - cos b t) / ((b - a) t)``. All in single precision, as in training: the phases ``b t`` go up to 400,
    and their rounding is seen in the filters.
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
    """Samples ``(B, 1, N)`` to features ``(B, C, T)``, one every 270 samples."""

    def __init__(self, filters: tuple[int, int], channels: tuple[int, ...], width: int) -> None:
        super().__init__()
        count, taps = filters
        self.wav_norm1d = nn.InstanceNorm1d(1, affine=True)
        sizes = (count, *channels)
        later = [nn.Conv1d(before, after, width) for before, after in pairwise(sizes)]
        self.conv1d = nn.ModuleList([nn.Conv1d(1, count, taps, stride=STRIDE, bias=False), *later])
        self.norm1d = nn.ModuleList([nn.InstanceNorm1d(size, affine=True) for size in sizes])

    def forward(self, samples: Tensor) -> Tensor:
        """Each convolution is pooled by threes and normalised; of the filters only the magnitude counts."""
        features: Tensor = self.wav_norm1d(samples)
        for index, (convolution, norm) in enumerate(zip(self.conv1d, self.norm1d, strict=True)):
            features = convolution(features)
            if index == 0:
                features = features.abs()
            features = functional.leaky_relu(norm(functional.max_pool1d(features, 3)))
        return features


class PyanNet(nn.Module):
    """Samples ``(B, 1, N)`` to log-probabilities ``(B, T, classes)``."""

    def __init__(self, sincnet: SincNet, lstm: nn.LSTM, linear: list[nn.Linear], classifier: nn.Linear) -> None:
        super().__init__()
        self.sincnet = sincnet
        self.lstm = lstm
        self.linear = nn.ModuleList(linear)
        self.classifier = classifier

    def forward(self, samples: Tensor) -> Tensor:
        """All layers."""
        hidden, _ = self.lstm(self.sincnet(samples).transpose(1, 2))
        for layer in self.linear:
            hidden = functional.leaky_relu(layer(hidden))
        return functional.log_softmax(self.classifier(hidden), dim=-1)


def recognises(state: State) -> bool:
    """Whether a checkpoint holds a SincNet and one bidirectional LSTM."""
    return {f"{_FILTERBANK}low_hz_", "lstm.weight_ih_l0_reverse", "classifier.weight"} <= state.keys()


def build(state: State) -> PyanNet:
    """Network of a checkpoint's tensors, in evaluation mode.

    Raises
    ------
    ValueError
        If the program cannot decode its classes, or has another sampling rate.
    KeyError, RuntimeError
        If a tensor is missing, too many, or has another shape.
    """
    classes = len(state["classifier.weight"])
    if classes != CLASSES:
        raise ValueError(f"it has {classes} classes; the program decodes powersets of 3 speakers, {CLASSES} classes")
    weights = {name: tensor for name, tensor in state.items() if not name.startswith(_FILTERBANK)}
    low_hz, band_hz, window, time = (state[f"{_FILTERBANK}{name}"] for name in ("low_hz_", "band_hz_", "window_", "n_"))
    rate = -2 * math.pi / float(time.flatten()[-1])
    if round(rate) != SAMPLE_RATE:
        raise ValueError(f"it is made for {rate:.0f} samples a second; the program has {SAMPLE_RATE}")
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
    """Windows of 10 s as the network takes them, ``(windows, 1, 160000)``."""
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
