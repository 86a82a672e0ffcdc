"""Verification of the log, its keys, the search index and the files."""
