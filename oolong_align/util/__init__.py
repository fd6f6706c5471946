"""Helpers that know nothing about speech: threads, temporary storage, files, vectors."""
