"""Words and a diarization to a transcript."""
