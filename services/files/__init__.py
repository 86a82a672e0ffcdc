"""Object store, virus scanner and file signatures."""
