"""Build commands from validated requests. Pure."""
