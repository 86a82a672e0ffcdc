"""Decisions, one module per kind of work unit. Pure."""
