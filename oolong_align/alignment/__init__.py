"""Combines words and a diarization to a transcript."""
