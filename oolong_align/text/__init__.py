"""Scripts, printable text and languages."""
