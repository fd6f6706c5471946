"""The time grid, and sets of time spans."""
