"""Samples to a `Diarization`: who spoke when."""
