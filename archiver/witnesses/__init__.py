"""Witnesses that co-sign the log: asking them, and storing what they answer."""
