"""Converts speech ranges and samples to words."""
