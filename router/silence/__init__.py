"""Silence: a number from which no citizen has been heard for longer than is usual."""
