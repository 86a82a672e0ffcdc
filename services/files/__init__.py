"""Object store, virus scanner, file signatures."""
