"""The built-in plugin: this project's own implementations of the hooks."""
