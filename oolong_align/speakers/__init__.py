"""Voices known from other recordings: what a voice is, where voices are kept, and how they are carried over."""
