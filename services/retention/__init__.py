"""Retention: the selection list, and the counting of its terms."""
