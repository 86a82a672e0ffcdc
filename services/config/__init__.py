"""Settings from the environment, and `postkamer.toml`."""
