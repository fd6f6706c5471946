"""Facts about writing: scripts, printable text, languages."""
