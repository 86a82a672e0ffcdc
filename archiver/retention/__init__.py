"""Retention of conversations: terms of the selection list, and holds."""
