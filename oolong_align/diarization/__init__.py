"""From samples to a `Diarization`: who spoke when."""
