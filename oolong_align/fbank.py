"""Kaldi filter-bank features as WeSpeaker models expect them. Mean subtraction is the caller's business."""

from __future__ import annotations

from typing import Final

import numpy as np

from oolong_align.frames import FBANK_STEP_SAMPLES, FBANK_WIDTH_SAMPLES, SAMPLE_RATE
from oolong_align.types import FloatArray

NUM_BINS: Final = 80
_INT16_SCALE: Final = 32768.0


def count_fbank_frames(num_samples: int) -> int:
    """Count the whole 25 ms frames, 10 ms apart, that fit into some samples."""
    if num_samples < FBANK_WIDTH_SAMPLES:
        return 0
    return 1 + (num_samples - FBANK_WIDTH_SAMPLES) // FBANK_STEP_SAMPLES


def compute_fbank(samples: FloatArray) -> FloatArray:
    """Log mel energies of 80 bins: 25 ms Hamming windows every 10 ms, no dither, no energy.

    A frame depends on its own 400 samples only, so blocks that start on multiples of 160 samples give the same
    frames as the whole recording.

    Parameters
    ----------
    samples : ndarray, shape (samples,)
        ``float32`` at 16 kHz in [-1, 1].

    Returns
    -------
    ndarray, shape (frames, 80)
        ``float32``.
    """
    import kaldi_native_fbank as knf

    options = knf.FbankOptions()
    options.frame_opts.samp_freq = SAMPLE_RATE
    options.frame_opts.dither = 0.0
    options.frame_opts.window_type = "hamming"
    options.mel_opts.num_bins = NUM_BINS
    options.use_energy = False

    extractor = knf.OnlineFbank(options)
    extractor.accept_waveform(SAMPLE_RATE, samples * np.float32(_INT16_SCALE))
    extractor.input_finished()
    features = np.empty((extractor.num_frames_ready, NUM_BINS), dtype=np.float32)
    for frame in range(len(features)):
        features[frame] = extractor.get_frame(frame)
    return features
