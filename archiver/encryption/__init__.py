"""Keys and ciphers of the archive."""
