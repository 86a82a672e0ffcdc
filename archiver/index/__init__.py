"""Blind index of the records, and the processing log."""
