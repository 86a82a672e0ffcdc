"""Receivers of the documentation: signatures to check, and their programs at work."""
