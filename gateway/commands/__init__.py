"""From a validated request to a command. Pure."""
