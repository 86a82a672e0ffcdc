"""Failed attempts, for the archive."""
