"""Speech ranges and samples to words."""
