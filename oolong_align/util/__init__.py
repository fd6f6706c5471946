"""General helpers: threads, temporary storage, files, vectors, tables."""
