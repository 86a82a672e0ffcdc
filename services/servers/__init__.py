"""Servers that the services need: how they may be spoken to, and their certificates."""
