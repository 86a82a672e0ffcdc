"""Routing context built from the configuration, and the validation before it. Pure."""
