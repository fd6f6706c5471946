"""Functions for library users that are built on the whole package."""
