"""The plugin host: hooks, registry, guards. Knows no built-in plugin."""
