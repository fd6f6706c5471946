"""Conversions between samples, frames and seconds, and sets of time spans."""
