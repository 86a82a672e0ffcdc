"""Keys of an installation, held against its database, so that no service starts with others."""
