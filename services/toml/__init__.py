"""TOML files that people write: errors with line numbers. Pure."""
